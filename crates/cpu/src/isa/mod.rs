//! The inner loops, one set per instruction set, chosen once at run time.
//!
//! Each instruction set gives a small vocabulary (a 64-byte line, a dot step, 16 floats) in its own
//! file; [`stamp`], [`stamp_float`] and [`stamp_tile`] write the kernels and their table once over
//! that vocabulary, as macros. Generic functions would not do: intrinsics inlined across a
//! `target_feature` boundary silently become calls. Where the best order of work differs in more
//! than vocabulary (a tile that fits in the registers), an instruction set has its own form.

mod stamp;
#[cfg(target_arch = "x86_64")]
mod stamp_few;
mod stamp_float;
#[cfg(target_arch = "aarch64")]
mod stamp_neon;
mod stamp_tile;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_dotprod;
#[cfg(target_arch = "aarch64")]
mod neon_i8mm;
#[cfg(target_arch = "aarch64")]
mod neon_lines;
mod scalar;
#[cfg(test)]
mod tests;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed-simd"))]
mod wasm_relaxed;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm_rows;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm_simd;

use std::sync::OnceLock;

use crate::format::{FormatId, Layout, N_FORMATS};
use crate::pack::FloatType;

/// Tokens of a tile of the matrix product.
pub const TILE_ROWS: usize = 4;
/// Output features of a tile: two strips.
pub const TILE_COLS: usize = 32;
/// Blocks of 32 columns that are unpacked at a time: 256 columns, one super-block, 8 KiB of codes,
/// so that a panel stays in the first-level cache while all tokens pass over it. Kernels rely on
/// a panel not crossing super-blocks.
pub const PANEL_BLOCKS: usize = 8;

/// Most strips that [`Isa::matvecs`] walks in step: four make up for a prefetcher that is slow to
/// start, more gain nothing. How many it does walk, [`crate::streams`] finds out.
pub const STREAMS: usize = 4;

/// Most rows of [`Isa::few`]: their sums fit the registers of AVX-512, and with four rows a product
/// takes about as long to compute as its weights take to arrive.
pub const FEW_ROWS: usize = 4;

/// One quantized activation row.
#[derive(Clone, Copy)]
pub struct Act {
    /// Codes, `[n_cols]` padded to 64, within ±127.
    pub q: *const i8,
    /// The same as i16 in the order 0, 2, 1, 3 of each four (instruction sets without byte dots).
    #[cfg_attr(not(target_feature = "simd128"), allow(dead_code, reason = "other sets dot bytes"))]
    pub q16: *const i16,
    /// Scale per 32 columns.
    pub d: *const f32,
    /// Sum of codes per 16 columns.
    pub sums: *const i32,
    /// The same apart for columns 0, 1 and 2, 3 of each four, two i16 (where there is `q16`).
    #[cfg_attr(
        not(all(target_feature = "simd128", feature = "relaxed-simd")),
        allow(dead_code, reason = "relaxed SIMD alone reads it")
    )]
    pub pairs: *const i32,
}

/// Where [`Isa::quantize`] writes a row; fields as in [`Act`].
#[derive(Clone, Copy)]
pub struct ActMut {
    pub q: *mut i8,
    pub q16: *mut i16,
    pub d: *mut f32,
    pub sums: *mut i32,
    #[cfg_attr(not(target_feature = "simd128"), allow(dead_code, reason = "as `Act::q16`"))]
    pub pairs: *mut i32,
}

/// Two strips × 256 columns, unpacked for the matrix product. `value = scale·code − min`.
#[derive(Clone, Copy)]
pub struct Panel {
    /// Signed codes, `[block][group of 4 columns][side][64]`.
    pub codes: *mut i8,
    /// `[sub-block][side][16]`
    pub scales: *mut f32,
    /// `[sub-block][side][16]`, if the format has minimums.
    pub mins: *mut f32,
    /// `[sub-block][side][16]`: what an integer dot must start from.
    pub bias: *mut i32,
}

/// Four quantized rows, interleaved for the matrix product.
#[derive(Clone, Copy)]
pub struct TileAct {
    /// `[block][group of 4 columns][row][4]` codes, in the instruction set's form.
    pub q: *const u8,
    /// `[block][row]`
    pub d: *const f32,
    /// Sums of codes times scale per 32 columns, `[block][row]`.
    pub sums32: *const f32,
    /// The same per 16 columns, `[2·block][row]`.
    pub sums16: *const f32,
    /// [`Act::pairs`], `[2·block][row]`.
    #[cfg_attr(
        not(all(target_feature = "simd128", feature = "relaxed-simd")),
        allow(dead_code, reason = "as `Act::pairs`")
    )]
    pub pairs: *const i32,
}

/// `x`, gain, bias (or nothing), eps, result.
pub type LayerNorm = unsafe fn(&[f32], &[f32], &[f32], f32, &mut [f32]);
/// `out[16] = strip · act`: strip, units, activation, result.
pub type MatVec = unsafe fn(*const u8, usize, &Act, *mut f32);
/// As [`MatVec`] for up to [`STREAMS`] strips in step; `out[n_strips][16]`.
pub type MatVecs = unsafe fn(&[*const u8], usize, &Act, *mut f32);
/// As [`MatVec`] for one to [`FEW_ROWS`] rows; `out[n_rows][16]`, each with the bits it has alone.
pub type MatVecFew = unsafe fn(*const u8, usize, &[Act], *mut f32);
/// Unpacks blocks `first..first + n` of a strip into one side of a panel.
pub type Unpack = unsafe fn(*const u8, usize, usize, &Panel, usize);
/// `c[4][32] (+)= tile · panel` over `n` blocks; the flag says "add".
pub type Tile = unsafe fn(usize, &Panel, &TileAct, *mut f32, bool);
/// Halves to floats: source, result, how many (a multiple of 16).
pub type Widen = unsafe fn(*const u16, *mut f32, usize);
/// `c[m][n·16] (+)= a[m][k] · b[n][k][16]`: see [`FloatArgs`].
pub type FloatGemm = unsafe fn(&FloatArgs);

/// Arguments of the float product, strides in elements of `a`, `c` and bytes of `b`.
#[derive(Clone, Copy)]
pub struct FloatArgs {
    pub m: usize,
    pub k: usize,
    pub a: *const f32,
    pub a_stride: usize,
    pub b: *const u8,
    pub b_stride: usize,
    /// Strips of 16 columns, and bytes from one to the next in `b`.
    pub n_strips: usize,
    pub b_strip: usize,
    pub c: *mut f32,
    pub c_stride: usize,
    /// Add to `c` and not overwrite it.
    pub add: bool,
}

/// The kernels of an instruction set.
pub struct Isa {
    /// For people: "AVX-512 VNNI".
    pub name: &'static str,
    /// Reads [`Act::q16`] or [`Act::pairs`].
    pub uses_q16: bool,
    /// Bytes of an activation code in a [`TileAct`].
    pub tile_code_bytes: usize,
    pub matvec: [MatVec; N_FORMATS],
    /// Where there is no prefetch instruction, which makes one stream as fast as several.
    pub matvecs: Option<[MatVecs; N_FORMATS]>,
    /// Where weights are expanded once for several rows; else [`Isa::matvec`] runs for each.
    pub few: Option<[MatVecFew; N_FORMATS]>,
    pub unpack: [Unpack; N_FORMATS],
    /// By super-blocks and wide codes (bits 1, 0), then 16-column sub-blocks and minimums.
    pub tile: [[Tile; 4]; 4],
    /// By [`FloatType`].
    pub float_gemm: [FloatGemm; 3],
    /// Where an f16 costs a product of several rows more than its arithmetic: they are widened once
    /// for all of them.
    pub widen_f16: Option<Widen>,
    /// Interleaves rows `0..n` (at most 4, the rest zero) of activations into a tile.
    pub pack_tile: unsafe fn(&[Act], usize, *mut u8),
    /// `x`, columns per scale (32 or 256), result.
    pub quantize: unsafe fn(&[f32], usize, ActMut),
    /// `x`, gain, eps, result.
    pub rms_norm: unsafe fn(&[f32], &[f32], f32, &mut [f32]),
    /// As [`Isa::rms_norm`], about the mean.
    pub layer_norm: LayerNorm,
    /// `out = silu(gate)·up`
    pub silu_mul: unsafe fn(&[f32], &[f32], &mut [f32]),
    /// `out = gelu_tanh(gate)·up`
    pub gelu_mul: unsafe fn(&[f32], &[f32], &mut [f32]),
    /// `x = exp(x − max)`; gives the sum.
    pub exp_sum: unsafe fn(&mut [f32], f32) -> f32,
}

impl Isa {
    /// The tile kernel for panels of `layout`.
    pub fn tile(&self, layout: Layout) -> Tile {
        let index = |high: bool, low: bool| 2 * usize::from(high) + usize::from(low);
        let codes = index(layout.is_super, layout.codes.is_wide());
        self.tile[codes][index(layout.sub == 16, layout.has_min)]
    }

    /// The matrix-vector kernel of `format`.
    pub fn matvec(&self, format: FormatId) -> MatVec {
        self.matvec[format as usize]
    }

    /// The unpacking kernel of `format`.
    pub fn unpack(&self, format: FormatId) -> Unpack {
        self.unpack[format as usize]
    }

    /// The float product for weights of type `ty`.
    pub fn float_gemm(&self, ty: FloatType) -> FloatGemm {
        self.float_gemm[ty as usize]
    }
}

/// Every instruction set this machine can run, best first.
pub fn available() -> Vec<&'static Isa> {
    let mut sets: Vec<&'static Isa> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        sets.extend(avx512::is_available().then_some(&avx512::ISA));
        #[cfg(test)]
        sets.extend(avx2::vnni::evex::is_available().then_some(&avx2::vnni::evex::ISA));
        sets.extend(avx2::vnni::vex::is_available().then_some(&avx2::vnni::vex::ISA));
        sets.extend(avx2::is_available().then_some(&avx2::ISA));
    }
    #[cfg(target_arch = "aarch64")]
    {
        sets.extend(neon_i8mm::is_available().then_some(&neon_i8mm::ISA));
        sets.extend(neon_dotprod::is_available().then_some(&neon_dotprod::ISA));
        sets.push(&neon::ISA);
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed-simd"))]
    sets.extend(wasm_relaxed::available());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    sets.extend([&wasm::ISA]);
    sets.push(&scalar::ISA);
    sets
}

/// What `INGLE_CPU` calls the sets, and their own names.
const NAMES: [(&str, &str); 8] = [
    ("scalar", "portable"),
    ("simd128", "simd128"),
    ("avx2", "AVX2"),
    ("avxvnni", "AVX2 VNNI"),
    ("avx512", "AVX-512 VNNI"),
    ("neon", "NEON"),
    ("dotprod", "NEON dotprod"),
    ("i8mm", "NEON i8mm"),
];

/// The best instruction set, or the one named by `INGLE_CPU` (see [`NAMES`]) if the machine has it,
/// so that every path can be tested on one machine.
pub fn best() -> &'static Isa {
    static BEST: OnceLock<&'static Isa> = OnceLock::new();
    BEST.get_or_init(|| {
        let sets = available();
        let wanted = std::env::var("INGLE_CPU").unwrap_or_default().to_ascii_lowercase();
        let wanted = NAMES.iter().find(|(short, _)| *short == wanted).map(|(_, name)| *name);
        let named = sets.iter().find(|isa| Some(isa.name) == wanted);
        named.or(sets.first()).copied().unwrap_or(&scalar::ISA)
    })
}
