//! NEON with the 8-bit matrix instructions of Armv8.6 (`smmla`, `usdot`).
//!
//! `smmla` multiplies 2 × 8 by 8 × 2 bytes, twice the work of `sdot`: two tokens by two rows. Its
//! eight columns are two neighboring lines zipped, which happens while a panel is unpacked, once
//! for all tokens. A matrix-vector product has one token and would waste half of it; there `usdot`
//! takes the unsigned codes as they are. The intrinsics are not stable, hence lines of assembly.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::neon_lines::*;
use super::stamp::stamp_quantized;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_neon::{stamp_neon_lane_dots, stamp_neon_tile};
use super::stamp_tile::{isa_table, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, Tile, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

/// Wide codes are multiplied as unsigned bytes.
const WIDE_ZERO: i32 = 128;
const USES_Q16: bool = false;
const TILE_CODE_BYTES: usize = 1;
/// 4 × 4 registers of sums, 4 of weights.
const MAX_FLOAT_SUMS: usize = 4;
/// Registers of two rows (and two tokens) per eight rows.
const N_ROWS: usize = 4;
/// Registers of two tokens per four.
const N_TOKENS: usize = 2;

/// The set with byte matrices.
pub static ISA: Isa = isa_table!("NEON i8mm", TILES, unpack_zipped);

/// True if this machine runs these kernels.
pub fn is_available() -> bool {
    is_aarch64_feature_detected!("i8mm")
}

/// `sum + w·a[4·LANE..]`, unsigned by signed, four products per lane of the sum.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usdot<const LANE: usize>(mut sum: int32x4_t, w: uint8x16_t, a: int8x16_t) -> int32x4_t {
    // SAFETY: registers only; this function has the feature.
    unsafe {
        asm!(
            "usdot {sum:v}.4s, {w:v}.16b, {a:v}.4b[{lane}]",
            sum = inout(vreg) sum, w = in(vreg) w, a = in(vreg) a, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// `sum + a·bᵀ` of 2 × 8 bytes each; the sum is `[row of a][row of b]`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn smmla(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: registers only; this function has the feature.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "neon,i8mm")]
fn dot<T: Format, const G: usize>(sum: int32x4_t, w: uint8x16_t, a: int8x16_t) -> int32x4_t {
    usdot::<G>(sum, w, a)
}

stamp_quantized!(#[target_feature(enable = "neon,i8mm")]);
stamp_neon_lane_dots!(#[target_feature(enable = "neon,i8mm")]);
stamp_floats!(#[target_feature(enable = "neon,i8mm")]);
stamp_neon_tile!(#[target_feature(enable = "neon,i8mm")]);

/// As [`unpack`], then each pair of lines (`2p`, `2p + 1`) zipped: 2 rows × 8 columns per register,
/// rows 0-7 where the first line was and rows 8-15 where the second was.
#[target_feature(enable = "neon,i8mm")]
unsafe fn unpack_zipped<T: Format>(
    strip: *const u8,
    first: usize,
    n_blocks: usize,
    panel: &Panel,
    side: usize,
) {
    // SAFETY: as `unpack`; the lines were just written.
    unsafe {
        unpack::<T>(strip, first, n_blocks, panel, side);
        for pair in 0..4 * n_blocks {
            let at = panel.codes.add((4 * pair + side) * LINE).cast::<u8>();
            let (a, b) = (l_load(at), l_load(at.add(2 * LINE)));
            let zip = |i: usize| {
                let (a, b) = (vreinterpretq_u32_u8(a[i]), vreinterpretq_u32_u8(b[i]));
                let zip = vreinterpretq_u8_u32;
                (zip(vzip1q_u32(a, b)), zip(vzip2q_u32(a, b)))
            };
            let z = [zip(0), zip(1), zip(2), zip(3)];
            l_store(at, [z[0].0, z[0].1, z[1].0, z[1].1]);
            l_store(at.add(2 * LINE), [z[2].0, z[2].1, z[3].0, z[3].1]);
        }
    }
}

/// Four rows interleaved by 8 columns: `[pair of groups][row][8]`.
unsafe fn pack_tile(acts: &[Act], n_blocks: usize, out: *mut u8) {
    // SAFETY: each row has `n_blocks` blocks; `out` holds 128 bytes per block.
    unsafe {
        for t in 0..TILE_ROWS {
            for pair in 0..n_blocks * 4 {
                let codes =
                    acts.get(t).map_or(0, |act| act.q.cast::<u64>().add(pair).read_unaligned());
                out.cast::<u64>().add(pair * TILE_ROWS + t).write_unaligned(codes);
            }
        }
    }
}

/// Dots of 8 rows with 4 tokens over `n_groups` groups of 4 columns.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn tile_dots<const WIDE: bool>(
    panel: &Panel,
    act: &TileAct,
    first: usize,
    n_groups: usize,
    eighth: usize,
) -> [[int32x4_t; N_TOKENS]; N_ROWS] {
    let mut dots = [[vdupq_n_s32(0); N_TOKENS]; N_ROWS];
    let (side, half) = (eighth / 2, eighth % 2);
    // SAFETY: the groups are inside the caller's panel and tile.
    unsafe {
        for pair in 0..n_groups / 2 {
            let g = first + 2 * pair;
            let q = act.q.add(g * 4 * TILE_ROWS).cast::<i8>();
            let a = [vld1q_s8(q), vld1q_s8(q.add(16))];
            let codes = panel.codes.add(((g + half) * 2 + side) * LINE);
            for (i, dots) in dots.iter_mut().enumerate() {
                let w = vld1q_s8(codes.add(16 * i));
                dots[0] = smmla(dots[0], a[0], w);
                dots[1] = smmla(dots[1], a[1], w);
            }
        }
    }
    dots
}

/// Rows `2i` and `2i + 1`, for both tokens.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn row_vec(p: *const f32, i: usize) -> float32x4_t {
    // SAFETY: 8 numbers from the caller; the load wants no alignment.
    vreinterpretq_f32_u64(unsafe { vld1q_dup_u64(p.add(2 * i).cast()) })
}

/// Tokens `2j` and `2j + 1`, for both rows.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn token_vec(p: *const f32, j: usize) -> float32x4_t {
    // SAFETY: 4 numbers from the caller.
    let all = unsafe { vld1q_f32(p) };
    if j == 0 { vzip1q_f32(all, all) } else { vzip2q_f32(all, all) }
}

#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn store_eighth(sums: [[float32x4_t; N_TOKENS]; N_ROWS], c: *mut f32, add: bool) {
    // SAFETY: 8 columns of [4][32] from the caller.
    unsafe {
        for (quarter, pair) in sums.as_chunks::<2>().0.iter().enumerate() {
            for (j, (a, b)) in pair[0].into_iter().zip(pair[1]).enumerate() {
                let (a, b) = (vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b));
                for (t, sum) in [(2 * j, vzip1q_f64(a, b)), (2 * j + 1, vzip2q_f64(a, b))] {
                    let sum = vreinterpretq_f32_f64(sum);
                    let c = c.add(t * TILE_COLS + 4 * quarter);
                    let sum = if add { vaddq_f32(vld1q_f32(c), sum) } else { sum };
                    vst1q_f32(c, sum);
                }
            }
        }
    }
}
