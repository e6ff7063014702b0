//! WebAssembly SIMD (`simd128`, no relaxed instructions): a line is four registers.
//!
//! There is no byte dot; `i32x4.dot_i16x8_s` is the only multiply that adds. Codes become 16-bit by
//! a mask (even columns) and a shift (odd columns), and activations are stored as i16 in the order
//! 0, 2, 1, 3, so that neither side needs a shuffle. One module with these instructions runs in
//! every current browser; relaxed SIMD would need a second one.

use std::arch::wasm32::*;

use super::stamp::stamp_quantized;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_products, stamp_rows};
use super::stamp_tile::{isa_table, tiles};
use super::wasm_simd::*;
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct, wasm_rows};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

/// Wide codes are multiplied as unsigned numbers (of 16 bits).
const WIDE_ZERO: i32 = 128;
const USES_Q16: bool = true;
const TILE_CODE_BYTES: usize = 2;
const MAX_FLOAT_SUMS: usize = 2;

/// The WebAssembly set.
pub static ISA: Isa =
    Isa { widen_f16: Some(widen_f16), ..isa_table!("simd128", [tiles!(tile); 4]) };

unsafe fn quantize(x: &[f32], group: usize, out: ActMut) {
    // SAFETY: as the caller promises.
    unsafe { wasm_rows::quantize::<USES_Q16>(x, group, out) };
}

/// Activations of four columns, each pair in every lane: columns 0 and 2, columns 1 and 3.
#[inline(always)]
unsafe fn pairs(act: &Act, k: usize) -> (v128, v128) {
    // SAFETY: 4 activations from the caller.
    unsafe {
        let q = act.q16.add(k);
        (v128_load32_splat(q.cast()), v128_load32_splat(q.add(2).cast()))
    }
}

/// `sum + codes·pairs` for 4 rows; codes are bytes.
#[inline(always)]
fn step(sum: v128, codes: v128, (even, odd): (v128, v128)) -> v128 {
    let even = i32x4_dot_i16x8(v128_and(codes, u16x8_splat(0xff)), even);
    let odd = i32x4_dot_i16x8(u16x8_shr(codes, 8), odd);
    i32x4_add(sum, i32x4_add(even, odd))
}

/// As [`step`] for both nibbles of 16 bytes. High nibbles stay where they are: that sum is 16
/// times too large and is shifted once per block.
#[inline(always)]
fn step_nibbles(low: &mut v128, high: &mut v128, codes: v128, a: (v128, v128), b: (v128, v128)) {
    let shifted = u16x8_shr(codes, 8);
    let dot = |mask: u16, a: (v128, v128)| {
        let mask = u16x8_splat(mask);
        let even = i32x4_dot_i16x8(v128_and(codes, mask), a.0);
        i32x4_add(even, i32x4_dot_i16x8(v128_and(shifted, mask), a.1))
    };
    *low = i32x4_add(*low, dot(0x0f, a));
    *high = i32x4_add(*high, dot(0xf0, b));
}

/// Dots of a block with activations `k..k + 32`: columns 0-15 and columns 16-31.
#[inline(always)]
unsafe fn dots<T: Format>(block: *const u8, act: &Act, k: usize) -> (I, I) {
    let (mut low, mut high) = (i_splat(0), i_splat(0));
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        if matches!(T::LAYOUT.codes, Codes::Nibble) {
            for g in 0..4 {
                let (a, b) = (pairs(act, k + 4 * g), pairs(act, k + 16 + 4 * g));
                for i in 0..4 {
                    let codes = v128_load(block.add(g * LINE + 16 * i).cast());
                    step_nibbles(&mut low[i], &mut high[i], codes, a, b);
                }
            }
            return (low, high.map(|v| i32x4_shr(v, 4)));
        }
        for g in 0..4 {
            let (a, b) = (pairs(act, k + 4 * g), pairs(act, k + 16 + 4 * g));
            let lines = expand::<T>(block, g);
            for i in 0..4 {
                low[i] = step(low[i], lines.0[i], a);
                high[i] = step(high[i], lines.1[i], b);
            }
        }
    }
    (low, high)
}

stamp_quantized!();
stamp_products!();
stamp_rows!();

/// Eight rows at a time: 8 sums and 2 × 2 halves of codes are what 16 registers hold.
unsafe fn tile<const SUB16: bool, const HAS_MIN: bool>(
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
        if !add {
            std::slice::from_raw_parts_mut(c, TILE_ROWS * TILE_COLS).fill(0.0);
        }
        for part in 0..n_blocks * n_parts {
            let d = act.d.add(part / n_parts * TILE_ROWS);
            let sums = sums.add(part * TILE_ROWS);
            for eighth in 0..4 {
                // Rows `8·eighth..` of the 32: side and half of the strip.
                let dots = tile_dots(panel, act, part * n_groups, n_groups, eighth);
                for quarter in 0..2 {
                    let in_side = (eighth % 2 * 2 + quarter) * 4;
                    let at = (2 * part + eighth / 2) * STRIP + in_side;
                    let scale = v128_load(panel.scales.add(at).cast());
                    for (t, dots) in dots.iter().enumerate() {
                        let c = c.add(t * TILE_COLS + eighth / 2 * STRIP + in_side).cast::<v128>();
                        let scaled = f32x4_mul(scale, v128_load32_splat(d.add(t).cast()));
                        let dot = f32x4_convert_i32x4(dots[quarter]);
                        let mut sum = f32x4_add(v128_load(c), f32x4_mul(dot, scaled));
                        if HAS_MIN {
                            let min = v128_load(panel.mins.add(at).cast());
                            let act_sum = v128_load32_splat(sums.add(t).cast());
                            sum = f32x4_sub(sum, f32x4_mul(min, act_sum));
                        }
                        v128_store(c, sum);
                    }
                }
            }
        }
    }
}

/// Dots of 8 rows with 4 tokens over `n_groups` groups of 4 columns.
#[inline(always)]
unsafe fn tile_dots(
    panel: &Panel,
    act: &TileAct,
    first: usize,
    n_groups: usize,
    eighth: usize,
) -> [[v128; 2]; TILE_ROWS] {
    let mut dots = [[i32x4_splat(0); 2]; TILE_ROWS];
    // SAFETY: the groups are inside the caller's panel and tile.
    unsafe {
        let mut codes = panel.codes.add(first * 2 * LINE + eighth * 32);
        let mut q = act.q.add(first * TILE_ROWS * 8);
        for _ in 0..n_groups {
            let halves = |w: v128| (i16x8_shr(i16x8_shl(w, 8), 8), i16x8_shr(w, 8));
            let w0 = halves(v128_load(codes.cast()));
            let w1 = halves(v128_load(codes.add(16).cast()));
            for (t, dots) in dots.iter_mut().enumerate() {
                let even = v128_load32_splat(q.add(8 * t).cast());
                let odd = v128_load32_splat(q.add(8 * t + 4).cast());
                let dot = |w: (v128, v128)| {
                    i32x4_add(i32x4_dot_i16x8(w.0, even), i32x4_dot_i16x8(w.1, odd))
                };
                dots[0] = i32x4_add(dots[0], dot(w0));
                dots[1] = i32x4_add(dots[1], dot(w1));
            }
            codes = codes.add(2 * LINE);
            q = q.add(8 * TILE_ROWS);
        }
    }
    dots
}

unsafe fn pack_tile(acts: &[Act], n_blocks: usize, out: *mut u8) {
    // SAFETY: each row has `n_blocks` blocks; `out` holds 256 bytes per block.
    unsafe {
        for t in 0..TILE_ROWS {
            for g in 0..n_blocks * 8 {
                let codes =
                    acts.get(t).map_or(0, |act| act.q16.cast::<u64>().add(g).read_unaligned());
                out.cast::<u64>().add(g * TILE_ROWS + t).write_unaligned(codes);
            }
        }
    }
}
