//! WebAssembly SIMD (`simd128`, no relaxed instructions): a line is four registers.
//!
//! There is no byte dot; `i32x4.dot_i16x8_s` is the only multiply that adds. Codes become 16-bit by
//! a mask (even columns) and a shift (odd columns), and activations are stored as i16 in the order
//! 0, 2, 1, 3, so that neither side needs a shuffle. One module with these instructions runs in
//! every current browser; relaxed SIMD would need a second one.

use std::arch::wasm32::*;

use super::stamp::stamp_quantized;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_tile::{isa_table, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

type L = [v128; 4];
type I = [v128; 4];
type F = [v128; 4];

/// Wide codes are multiplied as unsigned numbers (of 16 bits).
const WIDE_ZERO: i32 = 128;
const USES_Q16: bool = true;
const TILE_CODE_BYTES: usize = 2;
const MAX_FLOAT_ROWS: usize = 2;

/// The WebAssembly set.
pub static ISA: Isa = isa_table!("simd128", [tiles!(tile); 4]);

#[inline(always)]
unsafe fn l_load(p: *const u8) -> L {
    // SAFETY: a whole line from the caller.
    unsafe {
        [
            v128_load(p.cast()),
            v128_load(p.add(16).cast()),
            v128_load(p.add(32).cast()),
            v128_load(p.add(48).cast()),
        ]
    }
}

#[inline(always)]
unsafe fn l_store(p: *mut u8, line: L) {
    for (i, part) in line.into_iter().enumerate() {
        // SAFETY: a whole line from the caller.
        unsafe { v128_store(p.add(16 * i).cast(), part) };
    }
}

#[inline(always)]
fn l_and<const MASK: u8>(a: L) -> L {
    let mask = u8x16_splat(MASK);
    a.map(|a| v128_and(a, mask))
}

#[inline(always)]
fn l_or(a: L, b: L) -> L {
    [v128_or(a[0], b[0]), v128_or(a[1], b[1]), v128_or(a[2], b[2]), v128_or(a[3], b[3])]
}

#[inline(always)]
fn l_shl(a: L, n: u32) -> L {
    a.map(|a| u16x8_shl(a, n))
}

#[inline(always)]
fn l_shr(a: L, n: u32) -> L {
    a.map(|a| u16x8_shr(a, n))
}

#[inline(always)]
fn l_sub(a: L, n: u8) -> L {
    a.map(|a| u8x16_sub(a, u8x16_splat(n)))
}

#[inline(always)]
fn l_table(a: L, table: &[u8; 16]) -> L {
    // SAFETY: 16 bytes are read from 16.
    let table = unsafe { v128_load(table.as_ptr().cast()) };
    a.map(|a| u8x16_swizzle(table, a))
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

#[inline(always)]
fn bias_step(sum: I, _line: L) -> I {
    sum
}

#[inline(always)]
fn i_splat(v: i32) -> I {
    [i32x4_splat(v); 4]
}

#[inline(always)]
fn i_add(a: I, b: I) -> I {
    [i32x4_add(a[0], b[0]), i32x4_add(a[1], b[1]), i32x4_add(a[2], b[2]), i32x4_add(a[3], b[3])]
}

#[inline(always)]
fn i_mul(a: I, b: I) -> I {
    [i32x4_mul(a[0], b[0]), i32x4_mul(a[1], b[1]), i32x4_mul(a[2], b[2]), i32x4_mul(a[3], b[3])]
}

#[inline(always)]
unsafe fn i_load_i8(p: *const i8) -> I {
    // SAFETY: 16 numbers from the caller.
    let bytes = unsafe { v128_load(p.cast()) };
    let (low, high) = (i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
    [
        i32x4_extend_low_i16x8(low),
        i32x4_extend_high_i16x8(low),
        i32x4_extend_low_i16x8(high),
        i32x4_extend_high_i16x8(high),
    ]
}

#[inline(always)]
unsafe fn i_store(p: *mut i32, v: I) {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_store(p.cast(), v) }
}

#[inline(always)]
fn f_zero() -> F {
    [f32x4_splat(0.0); 4]
}

#[inline(always)]
fn f_splat(v: f32) -> F {
    [f32x4_splat(v); 4]
}

#[inline(always)]
unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_load(p.cast()) }
}

#[inline(always)]
unsafe fn f_store(p: *mut f32, v: F) {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_store(p.cast(), v) }
}

#[inline(always)]
fn f_mul(a: F, b: F) -> F {
    [f32x4_mul(a[0], b[0]), f32x4_mul(a[1], b[1]), f32x4_mul(a[2], b[2]), f32x4_mul(a[3], b[3])]
}

#[inline(always)]
fn f_fma(a: F, b: F, c: F) -> F {
    [
        f32x4_add(f32x4_mul(a[0], b[0]), c[0]),
        f32x4_add(f32x4_mul(a[1], b[1]), c[1]),
        f32x4_add(f32x4_mul(a[2], b[2]), c[2]),
        f32x4_add(f32x4_mul(a[3], b[3]), c[3]),
    ]
}

#[inline(always)]
fn f_fnma(a: F, b: F, c: F) -> F {
    [
        f32x4_sub(c[0], f32x4_mul(a[0], b[0])),
        f32x4_sub(c[1], f32x4_mul(a[1], b[1])),
        f32x4_sub(c[2], f32x4_mul(a[2], b[2])),
        f32x4_sub(c[3], f32x4_mul(a[3], b[3])),
    ]
}

#[inline(always)]
fn f_from_i(v: I) -> F {
    v.map(|v| f32x4_convert_i32x4(v))
}

#[inline(always)]
unsafe fn f_from_f16(p: *const u16) -> F {
    // Exact for normals and subnormals: exponent and mantissa move into place, then the missing
    // 2^112 is multiplied in. Infinities and NaN, which no sound file has, become 65536 and more.
    let (mask, scale) = (u32x4_splat(0x8fff_e000), u32x4_splat(0x7780_0000));
    let widen = |v: v128| f32x4_mul(v128_and(u32x4_shl(v, 13), mask), scale);
    // SAFETY: 16 numbers from the caller.
    unsafe {
        [
            widen(i32x4_load_extend_i16x4(p.cast())),
            widen(i32x4_load_extend_i16x4(p.add(4).cast())),
            widen(i32x4_load_extend_i16x4(p.add(8).cast())),
            widen(i32x4_load_extend_i16x4(p.add(12).cast())),
        ]
    }
}

#[inline(always)]
unsafe fn f_from_bf16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        [
            u32x4_shl(u32x4_load_extend_u16x4(p.cast()), 16),
            u32x4_shl(u32x4_load_extend_u16x4(p.add(4).cast()), 16),
            u32x4_shl(u32x4_load_extend_u16x4(p.add(8).cast()), 16),
            u32x4_shl(u32x4_load_extend_u16x4(p.add(12).cast()), 16),
        ]
    }
}

stamp_quantized!();
stamp_floats!();

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
