//! Four rows of activations times a panel of two strips.
//!
//! Eight rows of weights at a time: 8 sums, 2 registers of codes and 1 broadcast are what 16
//! registers hold beside V8's own; the running results live in memory.

use super::*;
use crate::isa::{TILE_COLS, TILE_ROWS, TileAct};

/// Groups of 4 columns of a block.
const GROUPS: usize = BLOCK / 4;

/// Bytes of an activation code: bytes, and behind each block's the same in 16 bits.
pub const fn code_bytes(mode: u8) -> usize {
    if mode == PAIRS { 3 } else { 1 }
}

type Dots = [[v128; 2]; TILE_ROWS];

/// The tile of codes below 128.
#[target_feature(enable = "relaxed-simd")]
pub unsafe fn narrow<const M: u8, const SUB16: bool, const HAS_MIN: bool>(
    n_blocks: usize,
    panel: &Panel,
    act: &TileAct,
    c: *mut f32,
    add: bool,
) {
    // SAFETY: as the caller promises.
    unsafe { tile::<M, false, SUB16, HAS_MIN>(n_blocks, panel, act, c, add) }
}

/// The tile of full bytes.
#[target_feature(enable = "relaxed-simd")]
pub unsafe fn wide<const M: u8, const SUB16: bool, const HAS_MIN: bool>(
    n_blocks: usize,
    panel: &Panel,
    act: &TileAct,
    c: *mut f32,
    add: bool,
) {
    // SAFETY: as the caller promises.
    unsafe { tile::<M, true, SUB16, HAS_MIN>(n_blocks, panel, act, c, add) }
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn tile<const M: u8, const WIDE: bool, const SUB16: bool, const HAS_MIN: bool>(
    n_blocks: usize,
    panel: &Panel,
    act: &TileAct,
    c: *mut f32,
    add: bool,
) {
    let n_parts = if SUB16 { 2 } else { 1 };
    let sums = if SUB16 { act.sums16 } else { act.sums32 };
    // SAFETY: the caller's panel and tile hold `n_blocks` blocks, `c` is [4][32].
    unsafe {
        if !add {
            std::slice::from_raw_parts_mut(c, TILE_ROWS * TILE_COLS).fill(0.0);
        }
        let zero = i16x8_splat(*panel.bias as i16);
        for part in 0..n_blocks * n_parts {
            let d = act.d.add(part / n_parts * TILE_ROWS);
            let sums = sums.add(part * TILE_ROWS);
            let starts = starts::<M, WIDE, SUB16>(act, part, zero);
            for eighth in 0..4 {
                // Rows `8·eighth..` of the 32: side and half of the strip.
                let dots = dots::<M, WIDE, SUB16>(panel, act, part, eighth, &starts);
                for quarter in 0..2 {
                    let in_side = (eighth % 2 * 2 + quarter) * 4;
                    let at = (2 * part + eighth / 2) * STRIP + in_side;
                    let scale = v128_load(panel.scales.add(at).cast());
                    for (t, dots) in dots.iter().enumerate() {
                        let c = c.add(t * TILE_COLS + eighth / 2 * STRIP + in_side).cast::<v128>();
                        let scaled = f32x4_mul(scale, v128_load32_splat(d.add(t).cast()));
                        let dot = f32x4_convert_i32x4(dots[quarter]);
                        let mut sum = f32x4_relaxed_madd(dot, scaled, v128_load(c));
                        if HAS_MIN {
                            let min = v128_load(panel.mins.add(at).cast());
                            let act_sum = v128_load32_splat(sums.add(t).cast());
                            sum = f32x4_relaxed_nmadd(min, act_sum, sum);
                        }
                        v128_store(c, sum);
                    }
                }
            }
        }
    }
}

/// What the chains of a part start from, by token.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn starts<const M: u8, const WIDE: bool, const SUB16: bool>(
    act: &TileAct,
    part: usize,
    zero: v128,
) -> [v128; TILE_ROWS] {
    let mut starts = [i32x4_splat(0); TILE_ROWS];
    if WIDE && M == FOURS_SIGNED {
        return starts;
    }
    for (t, start) in starts.iter_mut().enumerate() {
        // SAFETY: the part is inside the caller's tile.
        let pairs = unsafe {
            let first = act.pairs.add(if SUB16 { part } else { 2 * part } * TILE_ROWS + t);
            let pairs = v128_load32_splat(first.cast());
            if SUB16 {
                pairs
            } else {
                i16x8_add(pairs, v128_load32_splat(first.add(TILE_ROWS).cast()))
            }
        };
        *start =
            if M == PAIRS && !WIDE { i16x8_mul(pairs, zero) } else { i32x4_dot_i16x8(pairs, zero) };
    }
    starts
}

/// Dots of 8 rows with 4 tokens over a part.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn dots<const M: u8, const WIDE: bool, const SUB16: bool>(
    panel: &Panel,
    act: &TileAct,
    part: usize,
    eighth: usize,
    starts: &[v128; TILE_ROWS],
) -> Dots {
    let n_groups = if SUB16 { GROUPS / 2 } else { GROUPS };
    let first = part * n_groups;
    let (block, group) = (first / GROUPS, first % GROUPS);
    let mut dots = starts.map(|start| [start; 2]);
    // SAFETY: the groups are inside the caller's panel and tile.
    unsafe {
        let mut codes = panel.codes.add(first * 2 * LINE + eighth * 32);
        let q = act.q.add(block * BLOCK * TILE_ROWS * code_bytes(M));
        if WIDE && M == PAIRS {
            let mut q = q.add(BLOCK * TILE_ROWS + group * TILE_ROWS * 8);
            for _ in 0..n_groups {
                let halves = |w: v128| (v128_and(w, u16x8_splat(0xff)), u16x8_shr(w, 8));
                let w0 = halves(v128_load(codes.cast()));
                let w1 = halves(v128_load(codes.add(16).cast()));
                for (t, dots) in dots.iter_mut().enumerate() {
                    let even = v128_load32_splat(q.add(8 * t).cast());
                    let odd = v128_load32_splat(q.add(8 * t + 4).cast());
                    let dot = |sum: v128, w: (v128, v128)| {
                        let sum = i32x4_add(sum, i32x4_dot_i16x8(w.0, even));
                        i32x4_add(sum, i32x4_dot_i16x8(w.1, odd))
                    };
                    dots[0] = dot(dots[0], w0);
                    dots[1] = dot(dots[1], w1);
                }
                (codes, q) = (codes.add(2 * LINE), q.add(8 * TILE_ROWS));
            }
            return dots;
        }
        let mut q = q.add(group * TILE_ROWS * 4);
        for _ in 0..rolled(n_groups) {
            let load = |p: *const i8| {
                let w = v128_load(p.cast());
                if WIDE && M == FOURS_SIGNED { v128_xor(w, u8x16_splat(128)) } else { w }
            };
            let (w0, w1) = (load(codes), load(codes.add(16)));
            for (t, dots) in dots.iter_mut().enumerate() {
                let a = v128_load32_splat(q.add(4 * t).cast());
                dots[0] = step::<M>(dots[0], w0, a);
                dots[1] = step::<M>(dots[1], w1, a);
            }
            (codes, q) = (codes.add(2 * LINE), q.add(4 * TILE_ROWS));
        }
    }
    dots.map(|dots| dots.map(|dot| widen::<M>(dot)))
}

/// Interleaves rows, see [`code_bytes`].
#[target_feature(enable = "relaxed-simd")]
pub unsafe fn pack<const M: u8>(acts: &[Act], n_blocks: usize, out: *mut u8) {
    // SAFETY: each row has `n_blocks` blocks; `out` has room for them.
    unsafe {
        for t in 0..TILE_ROWS {
            for g in 0..n_blocks * GROUPS {
                let block = out.add(g / GROUPS * BLOCK * TILE_ROWS * code_bytes(M));
                let at = g % GROUPS * TILE_ROWS + t;
                let codes =
                    acts.get(t).map_or(0, |act| act.q.cast::<u32>().add(g).read_unaligned());
                block.cast::<u32>().add(at).write_unaligned(codes);
                if M == PAIRS {
                    let codes = acts.get(t);
                    let codes =
                        codes.map_or(0, |act| act.q16.cast::<u64>().add(g).read_unaligned());
                    block.add(BLOCK * TILE_ROWS).cast::<u64>().add(at).write_unaligned(codes);
                }
            }
        }
    }
}
