//! NEON with the dot product instructions of Armv8.2 (`sdot`): the byte dot of four columns.
//!
//! `sdot` takes four activations from a lane of a register, so one load of 16 activations serves
//! four groups of columns (matrix-vector) or four tokens (tile), and nothing is broadcast. Both
//! sides are signed: codes of 6 bits are right as they are, wide ones are first moved by −128.
//! The intrinsic is not stable, hence one line of assembly.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::neon_lines::*;
use super::stamp::stamp_quantized;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_neon::{stamp_neon_by_token, stamp_neon_lane_dots, stamp_neon_tile};
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

/// The set with byte dots.
pub static ISA: Isa = isa_table!("NEON dotprod", TILES);

/// True if this machine runs these kernels.
pub fn is_available() -> bool {
    is_aarch64_feature_detected!("dotprod")
}

/// `sum + w·a[4·LANE..]`, four products per lane of the sum.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot<const LANE: usize>(mut sum: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    // SAFETY: registers only; this function has the feature.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {w:v}.16b, {a:v}.4b[{lane}]",
            sum = inout(vreg) sum, w = in(vreg) w, a = in(vreg) a, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot<T: Format, const G: usize>(sum: int32x4_t, w: uint8x16_t, a: int8x16_t) -> int32x4_t {
    let w = if T::LAYOUT.codes.is_wide() { veorq_u8(w, vdupq_n_u8(128)) } else { w };
    sdot::<G>(sum, vreinterpretq_s8_u8(w), a)
}

stamp_quantized!(#[target_feature(enable = "neon,dotprod")]);
stamp_neon_lane_dots!(#[target_feature(enable = "neon,dotprod")]);
stamp_floats!(#[target_feature(enable = "neon,dotprod")]);
stamp_neon_by_token!(#[target_feature(enable = "neon,dotprod")]);
stamp_pack_tile!(#[target_feature(enable = "neon,dotprod")]);
stamp_neon_tile!(#[target_feature(enable = "neon,dotprod")]);

/// Dots of 8 rows with 4 tokens over `n_groups` groups of 4 columns.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile_dots<const WIDE: bool>(
    panel: &Panel,
    act: &TileAct,
    first: usize,
    n_groups: usize,
    eighth: usize,
) -> [[int32x4_t; N_TOKENS]; N_ROWS] {
    let mut dots = [[vdupq_n_s32(0); N_TOKENS]; N_ROWS];
    // SAFETY: the groups are inside the caller's panel and tile.
    unsafe {
        for g in 0..n_groups {
            let g = first + g;
            let a = vld1q_s8(act.q.add(g * 4 * TILE_ROWS).cast());
            let codes = panel.codes.add(g * 2 * LINE + eighth * 32);
            for (i, dots) in dots.iter_mut().enumerate() {
                let w = vld1q_s8(codes.add(16 * i));
                dots[0] = sdot::<0>(dots[0], w, a);
                dots[1] = sdot::<1>(dots[1], w, a);
                dots[2] = sdot::<2>(dots[2], w, a);
                dots[3] = sdot::<3>(dots[3], w, a);
            }
        }
    }
    dots
}
