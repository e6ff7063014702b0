//! How each tensor type is packed: which code planes, which scales, which zero point.
//!
//! Thirteen quantized types are only a handful of ideas combined: codes of 2 to 8 bits, one scale
//! per 32 columns or a super-block of 256 with small integer sub-scales, with or without minimums.
//! A type is therefore a [`Format`] (a set of constants) and each kernel is written once over
//! formats, and not once per type.
//!
//! The layout ("x16k4"): a *strip* is 16 output rows. A *line* is 64 bytes: byte `4r + i` belongs
//! to row `r` and column `4g + i`, so four neighboring columns of one row fill a 32-bit lane, which
//! is what integer dot instructions reduce; activations are a broadcast of 4 bytes and nothing is
//! ever shuffled. A strip is one ascending stream of *units*:
//!
//! ```text
//! flat unit, 64 columns:   d[2][16] f16 · (m[2][16] f16) · 2 × block
//! super unit, 256 columns: d[16] dmin[16] f16 · scales[n_sub][16] i8 · (mins[n_sub][16] i8)
//!                          · 8 × block
//! block, 32 columns:       planes of high bits, then 4 nibble lines (or 8 byte lines)
//! ```
//!
//! A nibble line `g` holds columns `4g..` in its low and `16 + 4g..` in its high nibbles, which is
//! the order of ggml's own 32-blocks.

use quant::TensorType;

/// Rows of a strip.
pub const STRIP: usize = 16;
/// Bytes of a line.
pub const LINE: usize = 64;
/// Columns of a block: the granularity of activation scales.
pub const BLOCK: usize = 32;

/// How codes are laid out in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// 4 nibble lines.
    Nibble,
    /// 4 nibble lines whose values are looked up in [`Format::TABLE`].
    Table,
    /// One plane (bit `g` of a byte: 5th bit of column group `g`), then nibbles.
    Five,
    /// Two planes, one per 16 columns (2 bits per group), then nibbles.
    Six,
    /// Two planes as in `Six`, no nibbles.
    Two,
    /// Two planes as in `Six`, then one plane as in `Five`.
    Three,
    /// 8 byte lines.
    Byte,
}

impl Codes {
    /// Lines of high bits at the start of a block.
    pub const fn n_planes(self) -> usize {
        match self {
            Codes::Nibble | Codes::Table | Codes::Byte => 0,
            Codes::Five => 1,
            Codes::Six | Codes::Two => 2,
            Codes::Three => 3,
        }
    }

    /// Bytes of a block of 16 rows × 32 columns.
    pub const fn block_bytes(self) -> usize {
        let n_lines = match self {
            Codes::Two | Codes::Three => 0,
            Codes::Byte => 8,
            _ => 4,
        };
        (self.n_planes() + n_lines) * LINE
    }

    /// True if a code may need all 8 bits (so that 16-bit pair sums could saturate).
    pub const fn is_wide(self) -> bool {
        matches!(self, Codes::Byte | Codes::Table)
    }
}

/// The constants of a packed type. `value = d·s·(code − zero) − min`, see the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub codes: Codes,
    /// Columns that share a scale: 32, or 16 for three of the K types.
    pub sub: usize,
    /// Super-blocks of 256 columns with i8 sub-scales; else one f16 scale per 32.
    pub is_super: bool,
    /// Minimums: `+ m` for flat types, `− dmin·mins` for super types.
    pub has_min: bool,
    /// Zero point of the codes.
    pub zero: i32,
    /// Flat scales are bf16 (exact for MXFP4's powers of two, which f16 cannot hold).
    pub bf16_scale: bool,
}

impl Layout {
    /// Columns of a unit.
    pub const fn unit_cols(self) -> usize {
        if self.is_super { 256 } else { 64 }
    }

    /// Bytes before the first block of a unit.
    pub const fn header_bytes(self) -> usize {
        let n_fields = if self.has_min { 2 } else { 1 };
        if self.is_super { LINE + n_fields * (256 / self.sub) * STRIP } else { n_fields * LINE }
    }

    /// Bytes of a unit of 16 rows.
    pub const fn unit_bytes(self) -> usize {
        self.header_bytes() + self.unit_cols() / BLOCK * self.codes.block_bytes()
    }
}

/// A packed quantized type, known to the compiler.
pub trait Format {
    const ID: FormatId;
    const LAYOUT: Layout;
    /// Values of the 16 codes plus 128, for [`Codes::Table`].
    const TABLE: [u8; 16] = [0; 16];
}

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident: $codes:ident, $sub:literal, $is_super:literal,
        $has_min:literal, $zero:literal $(, $table:expr, $bf16:literal)?;)*) => {
        /// Quantized types with kernels; the index into kernel tables.
        #[allow(non_camel_case_types, reason = "the names are the field's own")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FormatId { $($name,)* }

        impl FormatId {
            /// All formats, in table order.
            pub const ALL: &[FormatId] = &[$(FormatId::$name,)*];

            /// The format's constants.
            pub const fn layout(self) -> Layout {
                match self { $(FormatId::$name => <$name as Format>::LAYOUT,)* }
            }

            /// The code table plus 128 (zeros where there is none).
            pub const fn table(self) -> [u8; 16] {
                match self { $(FormatId::$name => <$name as Format>::TABLE,)* }
            }

            /// The format of a quantized tensor type.
            pub const fn of(ty: TensorType) -> Option<FormatId> {
                match ty { $(TensorType::$name => Some(FormatId::$name),)* _ => None }
            }

            /// The tensor type this packs.
            pub const fn tensor_type(self) -> TensorType {
                match self { $(FormatId::$name => TensorType::$name,)* }
            }
        }

        $(
            $(#[$doc])*
            #[allow(non_camel_case_types, reason = "the names are the field's own")]
            #[derive(Clone, Copy, Debug)]
            pub struct $name;
            impl Format for $name {
                const ID: FormatId = FormatId::$name;
                const LAYOUT: Layout = Layout {
                    codes: Codes::$codes, sub: $sub, is_super: $is_super, has_min: $has_min,
                    zero: $zero, bf16_scale: false $(|| $bf16)?,
                };
                $(const TABLE: [u8; 16] = $table;)?
            }
        )*

        /// One entry per format: `$kernel::<F>` for all F, in [`FormatId::ALL`] order.
        macro_rules! for_all_formats {
            ($kernel:ident) => { [$($kernel::<$crate::format::$name>,)*] };
        }
        pub(crate) use for_all_formats;
    };
}

formats! {
    /// `d·(q − 8)`
    Q4_0: Nibble, 32, false, false, 8;
    /// `d·q + m`
    Q4_1: Nibble, 32, false, true, 0;
    /// `d·(q − 16)`
    Q5_0: Five, 32, false, false, 16;
    /// `d·q + m`
    Q5_1: Five, 32, false, true, 0;
    /// `d·q`, stored as `q + 128`
    Q8_0: Byte, 32, false, false, 128;
    /// `d·table[q]`
    IQ4_NL: Table, 32, false, false, 128, IQ4_TABLE, false;
    /// `2^(e − 128)·table[q]`, table doubled so that it is integer
    MXFP4: Table, 32, false, false, 128, E2M1_TABLE, true;
    /// `d·s·q − dmin·m`
    Q4_K: Nibble, 32, true, true, 0;
    /// `d·s·q − dmin·m`
    Q5_K: Five, 32, true, true, 0;
    /// `d·s·(q − 32)`
    Q6_K: Six, 16, true, false, 32;
    /// `d·s·(q − 4)`
    Q3_K: Three, 16, true, false, 4;
    /// `d·s·q − dmin·m`
    Q2_K: Two, 16, true, true, 0;
    /// `d·s·table[q]`
    IQ4_XS: Table, 32, true, false, 128, IQ4_TABLE, false;
}

/// Number of formats.
pub const N_FORMATS: usize = FormatId::ALL.len();

/// The IQ4 code book plus 128. Source: `kvalues_iq4nl` of ggml (values are a fact of the format).
const IQ4_TABLE: [u8; 16] =
    biased([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]);

/// E2M1 values times two, plus 128. Source: OCP Microscaling Formats specification 1.0.
const E2M1_TABLE: [u8; 16] = biased([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]);

const fn biased(values: [i16; 16]) -> [u8; 16] {
    let mut out = [0; 16];
    let mut i = 0;
    while i < 16 {
        out[i] = (values[i] + 128) as u8;
        i += 1;
    }
    out
}
