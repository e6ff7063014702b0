//! AVX2: a line is two registers, a dot step `pmaddubsw`.
//!
//! `pmaddubsw` adds two products in 16 bits with saturation. Codes up to 31 leave room for the
//! four steps of a chain (4·2·31·127 = 31 496), so those add in 16 bits and widen once; 6-bit codes
//! widen every step (2·63·127 = 16 002). Full bytes are multiplied as signed numbers, magnitude
//! times sign-adjusted activation (2·128·127 = 32 512), which is why activation codes never are
//! −128.

pub mod vnni;

use std::arch::x86_64::*;

use super::stamp::{stamp_dots, stamp_quantized};
use super::stamp_few::stamp_few;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_tile::{isa_table, stamp_pack_tile, stamp_tile, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

type L = [__m256i; 2];
/// 16-bit sums (small codes) or 32-bit sums.
type D = [__m256i; 2];
type I = [__m256i; 2];
type F = [__m256; 2];

/// Wide codes are multiplied as signed numbers.
const WIDE_ZERO: i32 = 0;
const USES_Q16: bool = false;
const TILE_CODE_BYTES: usize = 1;
const TILE_CODE_FLIP: u32 = 0;
const MAX_FLOAT_SUMS: usize = 4;
/// How far ahead of the kernel lines are fetched: a few microseconds of one core's stream.
const PREFETCH_BYTES: usize = 4096;

/// The AVX2 set.
pub static ISA: Isa = {
    let (small, wide) = (tiles!(tile, false), tiles!(tile, true));
    isa_table!(few; "AVX2", [small, wide, small, wide])
};

/// True if this machine runs these kernels.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn l_load(p: *const u8) -> L {
    // SAFETY: a whole line from the caller.
    unsafe { [_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(32).cast())] }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_prefetch(p: *const u8) {
    _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(PREFETCH_BYTES).cast());
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn l_store(p: *mut u8, line: L) {
    // SAFETY: a whole line from the caller.
    unsafe {
        _mm256_storeu_si256(p.cast(), line[0]);
        _mm256_storeu_si256(p.add(32).cast(), line[1]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_and<const MASK: u8>(a: L) -> L {
    let mask = _mm256_set1_epi8(MASK as i8);
    [_mm256_and_si256(a[0], mask), _mm256_and_si256(a[1], mask)]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_or(a: L, b: L) -> L {
    [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_shl(a: L, n: u32) -> L {
    let n = _mm_cvtsi32_si128(n as i32);
    [_mm256_sll_epi16(a[0], n), _mm256_sll_epi16(a[1], n)]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_shr(a: L, n: u32) -> L {
    let n = _mm_cvtsi32_si128(n as i32);
    [_mm256_srl_epi16(a[0], n), _mm256_srl_epi16(a[1], n)]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_sub(a: L, n: u8) -> L {
    let n = _mm256_set1_epi8(n as i8);
    [_mm256_sub_epi8(a[0], n), _mm256_sub_epi8(a[1], n)]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn l_table(a: L, table: &[u8; 16]) -> L {
    // SAFETY: 16 bytes are read from 16.
    let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
    [_mm256_shuffle_epi8(table, a[0]), _mm256_shuffle_epi8(table, a[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn d_zero() -> D {
    [_mm256_setzero_si256(); 2]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen(v: __m256i) -> __m256i {
    _mm256_madd_epi16(v, _mm256_set1_epi16(1))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn d_step<T: Format>(sum: D, line: L, act: &Act, k: usize) -> D {
    // SAFETY: 4 activations from the caller.
    let a = _mm256_set1_epi32(unsafe { act.q.add(k).cast::<i32>().read_unaligned() });
    let codes = T::LAYOUT.codes;
    if codes.is_wide() {
        let line = l_sub(line, 128);
        let product =
            |w: __m256i| widen(_mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w)));
        [_mm256_add_epi32(sum[0], product(line[0])), _mm256_add_epi32(sum[1], product(line[1]))]
    } else if matches!(codes, Codes::Six) {
        let product = |w: __m256i| widen(_mm256_maddubs_epi16(w, a));
        [_mm256_add_epi32(sum[0], product(line[0])), _mm256_add_epi32(sum[1], product(line[1]))]
    } else {
        let product = |w: __m256i| _mm256_maddubs_epi16(w, a);
        [_mm256_add_epi16(sum[0], product(line[0])), _mm256_add_epi16(sum[1], product(line[1]))]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn d_done<T: Format>(sum: D) -> I {
    let codes = T::LAYOUT.codes;
    if codes.is_wide() || matches!(codes, Codes::Six) {
        sum
    } else {
        [widen(sum[0]), widen(sum[1])]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bias_step(sum: I, _line: L) -> I {
    sum
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn i_splat(v: i32) -> I {
    [_mm256_set1_epi32(v); 2]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn i_add(a: I, b: I) -> I {
    [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn i_mul(a: I, b: I) -> I {
    [_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn i_load_i8(p: *const i8) -> I {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        [
            _mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast())),
            _mm256_cvtepi8_epi32(_mm_loadl_epi64(p.add(8).cast())),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn i_store(p: *mut i32, v: I) {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        _mm256_storeu_si256(p.cast(), v[0]);
        _mm256_storeu_si256(p.add(8).cast(), v[1]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_zero() -> F {
    [_mm256_setzero_ps(); 2]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_splat(v: f32) -> F {
    [_mm256_set1_ps(v); 2]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f_store(p: *mut f32, v: F) {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        _mm256_storeu_ps(p, v[0]);
        _mm256_storeu_ps(p.add(8), v[1]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_mul(a: F, b: F) -> F {
    [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_fma(a: F, b: F, c: F) -> F {
    [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_fnma(a: F, b: F, c: F) -> F {
    [_mm256_fnmadd_ps(a[0], b[0], c[0]), _mm256_fnmadd_ps(a[1], b[1], c[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f_from_i(v: I) -> F {
    [_mm256_cvtepi32_ps(v[0]), _mm256_cvtepi32_ps(v[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f_from_f16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        [
            _mm256_cvtph_ps(_mm_loadu_si128(p.cast())),
            _mm256_cvtph_ps(_mm_loadu_si128(p.add(8).cast())),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f_from_bf16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    let half = |p: *const u16| unsafe { _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast())) };
    let wide = |v: __m256i| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(v));
    [wide(half(p)), wide(half(p.wrapping_add(8)))]
}

stamp_quantized!(#[target_feature(enable = "avx2,fma,f16c")]);
stamp_dots!(#[target_feature(enable = "avx2,fma,f16c")]);
stamp_few!(#[target_feature(enable = "avx2,fma,f16c")]);
stamp_floats!(#[target_feature(enable = "avx2,fma,f16c")]);
stamp_tile!(WIDE, #[target_feature(enable = "avx2,fma,f16c")]);
stamp_pack_tile!(#[target_feature(enable = "avx2,fma,f16c")]);

/// Signed codes: magnitude times sign-adjusted activation. Codes of 6 bits and less are within ±32,
/// so four steps fit in 16 bits (4·2·32·127 = 32 512); wide ones widen every step.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn side_dots<const WIDE: bool>(
    first: usize,
    n: usize,
    side: usize,
    panel: &Panel,
    act: &TileAct,
) -> [I; TILE_ROWS] {
    let mut dots = [[_mm256_setzero_si256(); 2]; TILE_ROWS];
    for chain in first / 4..(first + n) / 4 {
        // SAFETY: the groups are inside the caller's panel and tile.
        unsafe { tile_chain::<WIDE>(chain, side, panel, act, &mut dots) };
    }
    dots
}

/// Four groups (16 columns) of one side against four rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile_chain<const WIDE: bool>(
    chain: usize,
    side: usize,
    panel: &Panel,
    act: &TileAct,
    dots: &mut [[__m256i; 2]; TILE_ROWS],
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; TILE_ROWS];
    // SAFETY: the chain is inside the caller's panel and tile.
    unsafe {
        for g in 4 * chain..4 * chain + 4 {
            let codes = panel.codes.add((2 * g + side) * LINE);
            for half in 0..2 {
                let w = _mm256_loadu_si256(codes.add(32 * half).cast());
                let magnitude = _mm256_abs_epi8(w);
                for t in 0..TILE_ROWS {
                    let a = act.q.add((g * TILE_ROWS + t) * 4).cast::<i32>().read_unaligned();
                    let a = _mm256_sign_epi8(_mm256_set1_epi32(a), w);
                    let product = _mm256_maddubs_epi16(magnitude, a);
                    if WIDE {
                        dots[t][half] = _mm256_add_epi32(dots[t][half], widen(product));
                    } else {
                        sums[t][half] = _mm256_add_epi16(sums[t][half], product);
                    }
                }
            }
        }
    }
    if !WIDE {
        for (dots, sums) in dots.iter_mut().zip(&sums) {
            for (dot, sum) in dots.iter_mut().zip(sums) {
                *dot = _mm256_add_epi32(*dot, widen(*sum));
            }
        }
    }
}
