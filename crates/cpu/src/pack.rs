//! Weights in the order the kernels read them: strips of 16 rows (see [`crate::format`]).
//!
//! Packing happens once, while the file streams in; nothing of the file's own layout is kept. It
//! costs about as long as reading the file from a disk, and makes the matrix-vector product two
//! times faster than walking the file's rows. Rows are padded with zeros to whole strips, columns
//! of flat types to whole units.

use kernels::PlayerError;
use quant::TensorType;

use crate::format::{BLOCK, Codes, Format, FormatId, LINE, N_FORMATS, STRIP, for_all_formats};
use crate::memory::{Arena, Buffer};
use crate::raw::RawBlock;

/// How a matrix is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Integer codes.
    Quantized(FormatId),
    /// `[n_cols][16]` numbers per strip, as in the file.
    Float(FloatType),
}

/// Number types that are multiplied as floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatType {
    F32,
    F16,
    BF16,
}

impl FloatType {
    /// Bytes of a number.
    pub const fn n_bytes(self) -> usize {
        match self {
            FloatType::F32 => 4,
            FloatType::F16 | FloatType::BF16 => 2,
        }
    }
}

impl Packing {
    /// The packing of a tensor type; `None` where there are no kernels.
    pub fn of(ty: TensorType) -> Option<Packing> {
        match ty {
            TensorType::F32 => Some(Packing::Float(FloatType::F32)),
            TensorType::F16 => Some(Packing::Float(FloatType::F16)),
            TensorType::BF16 => Some(Packing::Float(FloatType::BF16)),
            ty => FormatId::of(ty).map(Packing::Quantized),
        }
    }

    /// Bytes of a strip with `n_cols` columns.
    pub fn strip_bytes(self, n_cols: usize) -> usize {
        match self {
            Packing::Quantized(format) => {
                let layout = format.layout();
                n_cols.div_ceil(layout.unit_cols()) * layout.unit_bytes()
            }
            Packing::Float(ty) => (n_cols * STRIP * ty.n_bytes()).next_multiple_of(LINE),
        }
    }
}

/// A packed matrix `[n_rows, n_cols]`.
pub struct Matrix {
    pub packing: Packing,
    pub n_rows: usize,
    pub n_cols: usize,
    pub strip_bytes: usize,
    data: Buffer<u8>,
}

impl Matrix {
    /// An all-zero matrix, to be written.
    pub fn new(
        arena: &mut Arena,
        packing: Packing,
        n_rows: usize,
        n_cols: usize,
        name: &str,
    ) -> Result<Self, PlayerError> {
        let strip_bytes = packing.strip_bytes(n_cols);
        let data = arena.buffer(n_rows.div_ceil(STRIP) * strip_bytes, name)?;
        Ok(Matrix { packing, n_rows, n_cols, strip_bytes, data })
    }

    /// Strips of 16 rows.
    pub fn n_strips(&self) -> usize {
        self.n_rows.div_ceil(STRIP)
    }

    /// Units of a strip (quantized), or columns (float): what kernels count.
    pub fn n_units(&self) -> usize {
        match self.packing {
            Packing::Quantized(format) => self.n_cols.div_ceil(format.layout().unit_cols()),
            Packing::Float(_) => self.n_cols,
        }
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        self.data.n_bytes()
    }

    /// First byte of strip `strip`.
    pub fn strip(&self, strip: usize) -> *const u8 {
        assert!(strip < self.n_strips(), "strip beyond the matrix");
        // SAFETY: in bounds by the assertion; the buffer has n_strips × strip_bytes bytes.
        unsafe { self.data.ptr().add(strip * self.strip_bytes).cast_const() }
    }

    /// Packs whole strips from file rows: `bytes` holds rows `16·strip..` (fewer than 16 in the
    /// last strip), `row_bytes` each.
    ///
    /// # Safety
    /// No other thread touches this strip meanwhile.
    pub unsafe fn write_strip(&self, strip: usize, bytes: &[u8], row_bytes: usize) {
        let range = strip * self.strip_bytes..(strip + 1) * self.strip_bytes;
        // SAFETY: the caller's promise.
        let out = unsafe { self.data.slice_mut(range) };
        match self.packing {
            Packing::Quantized(format) => WRITE[format as usize](bytes, row_bytes, out),
            Packing::Float(FloatType::F32) => write_numbers::<4>(bytes, row_bytes, out),
            Packing::Float(_) => write_numbers::<2>(bytes, row_bytes, out),
        }
    }

    /// Row `row` as f32, read back out of its strip (token embedding of tied models).
    ///
    /// # Safety
    /// No thread writes the matrix meanwhile.
    pub unsafe fn read_row(&self, row: usize, out: &mut [f32]) {
        let strip = row / STRIP;
        let range = strip * self.strip_bytes..(strip + 1) * self.strip_bytes;
        // SAFETY: the caller's promise.
        let bytes = unsafe { self.data.slice(range) };
        let r = row % STRIP;
        match self.packing {
            Packing::Quantized(format) => read_quantized(format, bytes, r, out),
            Packing::Float(ty) => {
                let n = ty.n_bytes();
                for (k, value) in out.iter_mut().enumerate() {
                    *value = number(ty, &bytes[(k * STRIP + r) * n..]);
                }
            }
        }
    }
}

fn number(ty: FloatType, bytes: &[u8]) -> f32 {
    match ty {
        FloatType::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        FloatType::F16 => half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        FloatType::BF16 => half::bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
    }
}

/// Packs a strip from up to 16 rows; one per format, so that the compiler knows every size.
type WriteStrip = fn(&[u8], usize, &mut [u8]);
static WRITE: [WriteStrip; N_FORMATS] = for_all_formats!(write_quantized);

/// Unit by unit, so that what is written stays in the first-level cache while 16 rows go over it.
fn write_quantized<T: Format>(bytes: &[u8], row_bytes: usize, out: &mut [u8]) {
    let (layout, ty) = (T::LAYOUT, T::ID.tensor_type());
    // One block of a super type fills a unit, two of a flat one.
    let unit_blocks = layout.unit_cols() / ty.block_len();
    let mut raw = RawBlock::zero();
    for (i, unit) in out.chunks_exact_mut(layout.unit_bytes()).enumerate() {
        let (header, blocks) = unit.split_at_mut(layout.header_bytes());
        let at = i * unit_blocks * ty.block_bytes();
        for (r, row) in bytes.chunks_exact(row_bytes).enumerate() {
            let raw_blocks = row.get(at..).unwrap_or(&[]).chunks_exact(ty.block_bytes());
            for (j, block) in raw_blocks.take(unit_blocks).enumerate() {
                raw.read(T::ID, block);
                if layout.is_super {
                    write_super::<T>(&raw, r, header, blocks);
                } else {
                    put_word(header, j * STRIP + r, raw.d);
                    if layout.has_min {
                        put_word(header, (2 + j) * STRIP + r, raw.m);
                    }
                    let codes = &raw.codes.as_chunks().0[0];
                    let block_bytes = layout.codes.block_bytes();
                    write_codes::<T>(codes, r, &mut blocks[j * block_bytes..][..block_bytes]);
                }
            }
        }
    }
}

#[inline(always)]
fn write_super<T: Format>(raw: &RawBlock, r: usize, header: &mut [u8], blocks: &mut [u8]) {
    let layout = T::LAYOUT;
    put_word(header, r, raw.d);
    put_word(header, STRIP + r, raw.m);
    let n_sub = 256 / layout.sub;
    for s in 0..n_sub {
        header[LINE + s * STRIP + r] = raw.scales[s] as u8;
        if layout.has_min {
            header[LINE + (n_sub + s) * STRIP + r] = raw.mins[s];
        }
    }
    let codes = raw.codes.as_chunks::<BLOCK>().0;
    for (codes, out) in codes.iter().zip(blocks.chunks_exact_mut(layout.codes.block_bytes())) {
        write_codes::<T>(codes, r, out);
    }
}

#[inline(always)]
fn put_word(header: &mut [u8], at: usize, word: u16) {
    header[2 * at..][..2].copy_from_slice(&word.to_le_bytes());
}

/// Writes 32 codes of row `r` into a block, four columns (one 32-bit lane) at a time.
#[inline(always)]
fn write_codes<T: Format>(codes: &[u8; BLOCK], r: usize, out: &mut [u8]) {
    let kind = T::LAYOUT.codes;
    let mut words = [0u32; 8];
    for (word, bytes) in words.iter_mut().zip(codes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let lines = out.as_chunks_mut::<4>().0.as_chunks_mut::<STRIP>().0;
    let mut put = |line: usize, word: u32| lines[line][r % STRIP] = word.to_le_bytes();
    // Bits `shift..` of each code under `mask`, group `g` of `groups` moved up by `g · width`.
    let plane = |groups: std::ops::Range<usize>, shift: u32, mask: u32, width: usize| {
        let first = groups.start;
        groups.fold(0, |plane, g| plane | (words[g] >> shift & mask) << ((g - first) * width))
    };
    const ONE: u32 = 0x0101_0101;
    match kind {
        Codes::Nibble | Codes::Table => {}
        Codes::Five => put(0, plane(0..8, 4, ONE, 1)),
        Codes::Six => {
            put(0, plane(0..4, 4, 3 * ONE, 2));
            put(1, plane(4..8, 4, 3 * ONE, 2));
        }
        Codes::Two | Codes::Three => {
            put(0, plane(0..4, 0, 3 * ONE, 2));
            put(1, plane(4..8, 0, 3 * ONE, 2));
            if kind == Codes::Three {
                put(2, plane(0..8, 2, ONE, 1));
            }
        }
        Codes::Byte => words.iter().enumerate().for_each(|(g, &word)| put(g, word)),
    }
    if matches!(kind, Codes::Nibble | Codes::Table | Codes::Five | Codes::Six) {
        for g in 0..4 {
            let (low, high) = (words[g] & (15 * ONE), words[4 + g] & (15 * ONE));
            put(kind.n_planes() + g, low | high << 4);
        }
    }
}

/// As [`write_quantized`] for numbers of `N` bytes: columns of 16 rows side by side.
fn write_numbers<const N: usize>(bytes: &[u8], row_bytes: usize, out: &mut [u8]) {
    let columns = out.as_chunks_mut::<N>().0.as_chunks_mut::<STRIP>().0;
    // A few columns of all rows at a time, for the same reason.
    for (i, columns) in columns.chunks_mut(STRIP).enumerate() {
        for (r, row) in bytes.chunks_exact(row_bytes).enumerate().take(STRIP) {
            let numbers = row.as_chunks::<N>().0.get(i * STRIP..).unwrap_or(&[]);
            for (column, number) in columns.iter_mut().zip(numbers) {
                column[r] = *number;
            }
        }
    }
}

/// The inverse of [`write_codes`] for one code.
fn read_code(kind: Codes, bytes: &[u8], r: usize, k: usize) -> u8 {
    let (planes, lines) = bytes.split_at(kind.n_planes() * LINE);
    let (g, lane) = (k / 4, 4 * r + k % 4);
    let (half, pair_bits) = (k / 16, 2 * (g % 4));
    let nibble = || lines[(g % 4) * LINE + lane] >> (4 * half) & 15;
    let pair = || planes[half * LINE + lane] >> pair_bits & 3;
    match kind {
        Codes::Nibble | Codes::Table => nibble(),
        Codes::Five => nibble() | (planes[lane] >> g & 1) << 4,
        Codes::Six => nibble() | pair() << 4,
        Codes::Two => pair(),
        Codes::Three => pair() | (planes[2 * LINE + lane] >> g & 1) << 2,
        Codes::Byte => lines[g * LINE + lane],
    }
}

fn read_quantized(format: FormatId, strip: &[u8], r: usize, out: &mut [f32]) {
    let layout = format.layout();
    let table = format.table();
    let f16 = |header: &[u8], at: usize| {
        half::f16::from_le_bytes([header[2 * at], header[2 * at + 1]]).to_f32()
    };
    for (k, value) in out.iter_mut().enumerate() {
        let unit = &strip[k / layout.unit_cols() * layout.unit_bytes()..][..layout.unit_bytes()];
        let (header, blocks) = unit.split_at(layout.header_bytes());
        let in_unit = k % layout.unit_cols();
        let block = in_unit / BLOCK;
        let block_bytes = layout.codes.block_bytes();
        let bytes = &blocks[block * block_bytes..][..block_bytes];
        let code = read_code(layout.codes, bytes, r, k % BLOCK);
        let code = if layout.codes == Codes::Table { table[usize::from(code)] } else { code };
        let code = (i32::from(code) - layout.zero) as f32;
        *value = if layout.is_super {
            let n_sub = 256 / layout.sub;
            let sub = in_unit / layout.sub;
            let scale = f32::from(header[LINE + sub * STRIP + r] as i8);
            let scaled = f16(header, r) * scale * code;
            if layout.has_min {
                let min = f32::from(header[LINE + (n_sub + sub) * STRIP + r]);
                scaled - f16(header, STRIP + r) * min
            } else {
                scaled
            }
        } else if layout.bf16_scale {
            let at = 2 * (block * STRIP + r);
            half::bf16::from_le_bytes([header[at], header[at + 1]]).to_f32() * code
        } else if layout.has_min {
            f16(header, block * STRIP + r) * code + f16(header, (2 + block) * STRIP + r)
        } else {
            f16(header, block * STRIP + r) * code
        };
    }
}
