//! NEON as every 64-bit Arm processor has it: no byte dots, so 16-bit products that add up.
//!
//! `smlal` adds products of bytes in 16 bits. Codes of 6 bits leave room for the four steps of a
//! half block (4·63·127 = 32 004), which then widen once. Bytes of all 8 bits leave room for two
//! products of neighboring columns (2·128·127 = 32 512) and widen every step. In the tile, codes
//! are signed: those of 6 bits are within ±32, room for the eight steps of a block (8·32·127 =
//! 32 512).

use std::arch::aarch64::*;

use super::neon_lines::*;
use super::stamp::stamp_quantized;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_neon::{stamp_neon_by_token, stamp_neon_tile};
use super::stamp_tile::{isa_table, stamp_pack_tile, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, Tile, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

/// Wide codes are multiplied as signed numbers.
const WIDE_ZERO: i32 = 0;
const USES_Q16: bool = false;
const TILE_CODE_BYTES: usize = 1;
const TILE_CODE_FLIP: u32 = 0;
/// 4 × 4 registers of sums, 4 of weights.
const MAX_FLOAT_SUMS: usize = 4;

/// The set of every 64-bit Arm processor.
pub static ISA: Isa = isa_table!("NEON", TILES);

/// Products of 4 rows × 4 columns in 16 bits: rows 0 and 1, rows 2 and 3.
type Products = [int16x8_t; 2];

#[inline]
#[target_feature(enable = "neon")]
fn multiply(w: int8x16_t, a: int8x16_t) -> Products {
    [vmull_s8(vget_low_s8(w), vget_low_s8(a)), vmull_high_s8(w, a)]
}

#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(sum: Products, w: int8x16_t, a: int8x16_t) -> Products {
    [vmlal_s8(sum[0], vget_low_s8(w), vget_low_s8(a)), vmlal_high_s8(sum[1], w, a)]
}

/// The sums of 4 rows.
#[inline]
#[target_feature(enable = "neon")]
fn reduce(sum: Products) -> int32x4_t {
    vpaddq_s32(vpaddlq_s16(sum[0]), vpaddlq_s16(sum[1]))
}

/// `sum + w·a` for codes of 8 bits.
#[inline]
#[target_feature(enable = "neon")]
fn wide_step(sum: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    let [low, high] = multiply(w, a);
    vpadalq_s16(sum, vpaddq_s16(low, high))
}

/// Four activations in every lane.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn broadcast(q: *const i8) -> int8x16_t {
    // SAFETY: 4 activations from the caller; the load wants no alignment.
    vreinterpretq_s8_s32(unsafe { vld1q_dup_s32(q.cast()) })
}

/// Dots of a block with activations `k..k + 32`: columns 0-15 and columns 16-31.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dots<T: Format>(block: *const u8, act: &Act, k: usize) -> (I, I) {
    let n_lines = T::LAYOUT.codes.block_bytes() / LINE;
    prefetch::<0>(block, n_lines);
    prefetch::<1>(block, n_lines);
    prefetch::<2>(block, n_lines);
    prefetch::<3>(block, n_lines);
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        let q = act.q.add(k);
        let activations = |g: usize| (broadcast(q.add(4 * g)), broadcast(q.add(16 + 4 * g)));
        if T::LAYOUT.codes.is_wide() {
            let (mut low, mut high) = (i_splat(0), i_splat(0));
            for g in 0..4 {
                in_order();
                let (lines, a) = (expand::<T>(block, g), activations(g));
                let signed = |w| vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128)));
                for i in 0..4 {
                    low[i] = wide_step(low[i], signed(lines.0[i]), a.0);
                    high[i] = wide_step(high[i], signed(lines.1[i]), a.1);
                }
            }
            return (low, high);
        }
        let (mut low, mut high) = ([[vdupq_n_s16(0); 2]; 4], [[vdupq_n_s16(0); 2]; 4]);
        for g in 0..4 {
            in_order();
            let (lines, a) = (expand::<T>(block, g), activations(g));
            for i in 0..4 {
                low[i] = multiply_add(low[i], vreinterpretq_s8_u8(lines.0[i]), a.0);
                high[i] = multiply_add(high[i], vreinterpretq_s8_u8(lines.1[i]), a.1);
            }
        }
        (low.map(|sum| reduce(sum)), high.map(|sum| reduce(sum)))
    }
}

stamp_quantized!(#[target_feature(enable = "neon")]);
stamp_floats!(#[target_feature(enable = "neon")]);
stamp_neon_by_token!(#[target_feature(enable = "neon")]);
stamp_pack_tile!(#[target_feature(enable = "neon")]);
stamp_neon_tile!(#[target_feature(enable = "neon")]);

/// Dots of 8 rows with 4 tokens over `n_groups` groups of 4 columns.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_dots<const WIDE: bool>(
    panel: &Panel,
    act: &TileAct,
    first: usize,
    n_groups: usize,
    eighth: usize,
) -> [[int32x4_t; N_TOKENS]; N_ROWS] {
    let mut dots = [[vdupq_n_s32(0); N_TOKENS]; N_ROWS];
    let mut sums = [[[vdupq_n_s16(0); 2]; N_TOKENS]; N_ROWS];
    // SAFETY: the groups are inside the caller's panel and tile.
    unsafe {
        for g in 0..n_groups {
            let g = first + g;
            let q = act.q.add(g * 4 * TILE_ROWS).cast::<i8>();
            let codes = panel.codes.add(g * 2 * LINE + eighth * 32);
            let w = [vld1q_s8(codes), vld1q_s8(codes.add(16))];
            for t in 0..N_TOKENS {
                let a = broadcast(q.add(4 * t));
                for i in 0..N_ROWS {
                    if WIDE {
                        dots[i][t] = wide_step(dots[i][t], w[i], a);
                    } else {
                        sums[i][t] = multiply_add(sums[i][t], w[i], a);
                    }
                }
            }
        }
    }
    if WIDE { dots } else { sums.map(|sums| sums.map(|sum| reduce(sum))) }
}
