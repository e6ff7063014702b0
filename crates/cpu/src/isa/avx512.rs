//! AVX-512 with VNNI: a line is one register, a dot step one instruction.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes. In the matrix-vector product the codes are the
//! unsigned side (the zero point is taken off with the activation sums). In the tile the
//! *activations* are (plus 128), so that what must be subtracted, `128·Σw`, belongs to the panel
//! and is computed once per strip and not once per token.

use std::arch::x86_64::*;

use super::stamp::{stamp_dots, stamp_quantized};
use super::stamp_few::stamp_few;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_tile::{isa_table, stamp_pack_tile, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

type L = __m512i;
type D = __m512i;
type I = __m512i;
type F = __m512;

/// Wide codes are multiplied as unsigned bytes.
const WIDE_ZERO: i32 = 128;
const USES_Q16: bool = false;
const TILE_CODE_BYTES: usize = 1;
/// Adding 128 to a byte is flipping its top bit.
const TILE_CODE_FLIP: u32 = 0x8080_8080;
const MAX_FLOAT_SUMS: usize = 16;
/// How far ahead of the kernel lines are fetched: a few microseconds of one core's stream.
const PREFETCH_BYTES: usize = 4096;

/// The AVX-512 set.
pub static ISA: Isa = {
    let (flat, by_super) = (tiles!(tile, false), tiles!(tile, true));
    isa_table!(few; "AVX-512 VNNI", [flat, flat, by_super, by_super])
};

/// True if this machine runs these kernels.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn l_load(p: *const u8) -> L {
    // SAFETY: a whole line from the caller.
    unsafe { _mm512_loadu_si512(p.cast()) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_prefetch(p: *const u8) {
    _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(PREFETCH_BYTES).cast());
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn l_store(p: *mut u8, line: L) {
    // SAFETY: a whole line from the caller.
    unsafe { _mm512_storeu_si512(p.cast(), line) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_and<const MASK: u8>(a: L) -> L {
    _mm512_and_si512(a, _mm512_set1_epi8(MASK as i8))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_or(a: L, b: L) -> L {
    _mm512_or_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_shl(a: L, n: u32) -> L {
    _mm512_sll_epi16(a, _mm_cvtsi32_si128(n as i32))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_shr(a: L, n: u32) -> L {
    _mm512_srl_epi16(a, _mm_cvtsi32_si128(n as i32))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_sub(a: L, n: u8) -> L {
    _mm512_sub_epi8(a, _mm512_set1_epi8(n as i8))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn l_table(a: L, table: &[u8; 16]) -> L {
    // SAFETY: 16 bytes are read from 16.
    let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
    _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), a)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn d_zero() -> D {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn d_step<T: Format>(sum: D, line: L, act: &Act, k: usize) -> D {
    // SAFETY: 4 activations from the caller.
    let a = unsafe { act.q.add(k).cast::<i32>().read_unaligned() };
    _mm512_dpbusd_epi32(sum, line, _mm512_set1_epi32(a))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn d_done<T: Format>(sum: D) -> I {
    sum
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn bias_step(sum: I, line: L) -> I {
    let unsigned_128 = _mm512_set1_epi8(-128);
    _mm512_sub_epi32(sum, _mm512_dpbusd_epi32(_mm512_setzero_si512(), unsigned_128, line))
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn i_splat(v: i32) -> I {
    _mm512_set1_epi32(v)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn i_add(a: I, b: I) -> I {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn i_mul(a: I, b: I) -> I {
    _mm512_mullo_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn i_load_i8(p: *const i8) -> I {
    // SAFETY: 16 numbers from the caller.
    unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast())) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn i_store(p: *mut i32, v: I) {
    // SAFETY: 16 numbers from the caller.
    unsafe { _mm512_storeu_si512(p.cast(), v) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_zero() -> F {
    _mm512_setzero_ps()
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_splat(v: f32) -> F {
    _mm512_set1_ps(v)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { _mm512_loadu_ps(p) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn f_store(p: *mut f32, v: F) {
    // SAFETY: 16 numbers from the caller.
    unsafe { _mm512_storeu_ps(p, v) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_mul(a: F, b: F) -> F {
    _mm512_mul_ps(a, b)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_fma(a: F, b: F, c: F) -> F {
    _mm512_fmadd_ps(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_fnma(a: F, b: F, c: F) -> F {
    _mm512_fnmadd_ps(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
fn f_from_i(v: I) -> F {
    _mm512_cvtepi32_ps(v)
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn f_from_f16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn f_from_bf16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    let wide = unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast())) };
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
}

stamp_quantized!(#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]);
stamp_dots!(#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]);
stamp_few!(#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]);
stamp_floats!(#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]);
stamp_pack_tile!(#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]);

/// Two strips against four rows with all sums in registers.
#[target_feature(enable = "avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn tile<const SUPER: bool, const SUB16: bool, const HAS_MIN: bool>(
    n_blocks: usize,
    panel: &Panel,
    act: &TileAct,
    c: *mut f32,
    add: bool,
) {
    let n_parts = if SUB16 { 2 } else { 1 };
    let n_groups = 8 / n_parts;
    let sums = if SUB16 { act.sums16 } else { act.sums32 };
    // SAFETY: the caller's panel and tile hold `n_blocks` blocks, `c` is [4][32].
    unsafe {
        let c_at = |t: usize, side: usize| c.add(t * TILE_COLS + side * STRIP);
        let mut total = [[f_zero(); 2]; TILE_ROWS];
        // A super-block has one activation scale, which is multiplied in at its end.
        let mut unscaled = [[f_zero(); 2]; TILE_ROWS];
        if add {
            for (t, total) in total.iter_mut().enumerate() {
                *total = [f_load(c_at(t, 0)), f_load(c_at(t, 1))];
            }
        }
        let (mut codes, mut q) = (panel.codes.cast_const(), act.q);
        for part in 0..n_blocks * n_parts {
            let at = 2 * part * STRIP;
            let bias = |side: usize| _mm512_loadu_si512(panel.bias.add(at + side * STRIP).cast());
            let mut dots = [[bias(0), bias(1)]; TILE_ROWS];
            for _ in 0..n_groups {
                let w0 = _mm512_loadu_si512(codes.cast());
                let w1 = _mm512_loadu_si512(codes.add(LINE).cast());
                for (t, dots) in dots.iter_mut().enumerate() {
                    let a = _mm512_set1_epi32(q.add(4 * t).cast::<i32>().read_unaligned());
                    dots[0] = _mm512_dpbusd_epi32(dots[0], a, w0);
                    dots[1] = _mm512_dpbusd_epi32(dots[1], a, w1);
                }
                codes = codes.add(2 * LINE);
                q = q.add(4 * TILE_ROWS);
            }
            let scale = [f_load(panel.scales.add(at)), f_load(panel.scales.add(at + STRIP))];
            for t in 0..TILE_ROWS {
                let d = f_splat(*act.d.add(part / n_parts * TILE_ROWS + t));
                for side in 0..2 {
                    let dot = f_from_i(dots[t][side]);
                    if SUPER {
                        unscaled[t][side] = f_fma(dot, scale[side], unscaled[t][side]);
                    } else {
                        total[t][side] = f_fma(dot, f_mul(scale[side], d), total[t][side]);
                    }
                }
            }
            if HAS_MIN {
                for side in 0..2 {
                    let min = f_load(panel.mins.add(at + side * STRIP));
                    for (t, total) in total.iter_mut().enumerate() {
                        let sum = f_splat(*sums.add(part * TILE_ROWS + t));
                        total[side] = f_fnma(min, sum, total[side]);
                    }
                }
            }
        }
        for (t, total) in total.iter().enumerate() {
            for side in 0..2 {
                let d = f_splat(*act.d.add(t));
                let scaled = f_fma(unscaled[t][side], d, total[side]);
                f_store(c_at(t, side), if SUPER { scaled } else { total[side] });
            }
        }
    }
}
