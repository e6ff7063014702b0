//! One row of activations times up to four strips, in step.
//!
//! Several strips at a time because each is a stream of its own for the processor's prefetcher,
//! which runs ahead in one stream while another is multiplied.

use std::mem::MaybeUninit;

use super::*;
use crate::isa::STREAMS;

/// Sub-scales of a super-block, as [`add_scaled`] multiplies by them.
type Scales = [[v128; 4]; 16];

/// As [`crate::isa::MatVecs`].
#[inline]
#[target_feature(enable = "relaxed-simd")]
pub unsafe fn run<T: Format, const M: u8>(
    strips: &[*const u8],
    n_units: usize,
    act: &Act,
    out: *mut f32,
) {
    // SAFETY: the caller gives strips of `n_units` units, activations, and room for the results.
    unsafe {
        if T::LAYOUT.is_super {
            by_super::<T, M>(strips, n_units, act, out);
        } else {
            flat::<T, M>(strips, n_units, act, out);
        }
    }
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn flat<T: Format, const M: u8>(
    strips: &[*const u8],
    n_units: usize,
    act: &Act,
    out: *mut f32,
) {
    let layout = T::LAYOUT;
    // SAFETY: as `run`.
    unsafe {
        for s in 0..strips.len() {
            f_store(out.add(s * STRIP), f_zero());
        }
        for block in 0..2 * n_units {
            let (unit, half) = (block / 2, block % 2);
            let act_d = *act.d.add(block);
            for (s, strip) in strips.iter().enumerate() {
                let out = out.add(s * STRIP);
                let header = strip.add(unit * layout.unit_bytes());
                let at = layout.header_bytes() + half * layout.codes.block_bytes();
                let dot = f_from_i(block_dots::<T, M>(header.add(at), act, block));
                let d = header.add(half * 2 * STRIP).cast::<u16>();
                let d = if layout.bf16_scale { f_from_bf16(d) } else { f_from_f16_normal(d) };
                let mut sum = f_fma(f_mul(dot, f_splat(act_d)), d, f_load(out));
                if layout.has_min {
                    let act_sum = *act.sums.add(2 * block) + *act.sums.add(2 * block + 1);
                    let m = f_from_f16_normal(header.add(LINE + half * 2 * STRIP).cast());
                    sum = f_fma(m, f_splat(act_d * act_sum as f32), sum);
                }
                f_store(out, sum);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn by_super<T: Format, const M: u8>(
    strips: &[*const u8],
    n_units: usize,
    act: &Act,
    out: *mut f32,
) {
    let layout = T::LAYOUT;
    let n_sub = 256 / layout.sub;
    // Not initialized: clearing 4 KiB per call would cost as much as a tenth of the product.
    let mut scales = [const { MaybeUninit::<Scales>::uninit() }; STREAMS];
    let mut dots = [[i32x4_splat(0); 4]; STREAMS];
    // SAFETY: as `run`.
    unsafe {
        for s in 0..strips.len() {
            f_store(out.add(s * STRIP), f_zero());
        }
        for unit in 0..n_units {
            let act_d = f_splat(*act.d.add(8 * unit));
            for ((s, strip), scales) in strips.iter().enumerate().zip(&mut scales) {
                let header = strip.add(unit * layout.unit_bytes());
                let scales = scales.as_mut_ptr().cast::<[v128; 4]>();
                for s in 0..n_sub {
                    let sub = sub_scales::<T, M>(header.add(LINE + s * STRIP));
                    scales.add(s).write(sub);
                }
                if layout.has_min {
                    let mins = header.add(LINE + n_sub * STRIP);
                    let dmin = f_mul(f_from_f16(header.add(2 * STRIP).cast()), act_d);
                    let min_dot = f_from_i(min_dots::<T>(mins, act, 8 * unit));
                    let out = out.add(s * STRIP);
                    f_store(out, f_fnma(min_dot, dmin, f_load(out)));
                }
            }
            dots.fill([i32x4_splat(0); 4]);
            for i in 0..8 {
                let at = unit * layout.unit_bytes() + layout.header_bytes();
                let at = at + i * layout.codes.block_bytes();
                for ((strip, scales), dot) in strips.iter().zip(&scales).zip(&mut dots) {
                    let scales = scales.as_ptr().cast::<[v128; 4]>().add(i * (n_sub / 8));
                    // The sub-scales of this block, one or two: `n_sub` of them were written.
                    let scales = std::slice::from_raw_parts(scales, n_sub / 8);
                    add_block::<T, M>(strip.add(at), act, 8 * unit + i, scales, dot);
                }
            }
            for ((s, strip), dot) in strips.iter().enumerate().zip(&dots) {
                let header = strip.add(unit * layout.unit_bytes());
                let d = f_mul(f_from_f16(header.cast()), act_d);
                let out = out.add(s * STRIP);
                f_store(out, f_fma(f_from_i(*dot), d, f_load(out)));
            }
        }
    }
}

/// Sixteen sub-scales, as [`scaled`] multiplies by them: 16-bit numbers twice, or 32-bit numbers.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn sub_scales<T: Format, const M: u8>(p: *const u8) -> [v128; 4] {
    // SAFETY: 16 scales from the caller.
    let bytes = unsafe { v128_load(p.cast()) };
    let (low, high) = (i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
    if M == PAIRS && !T::LAYOUT.codes.is_wide() {
        let twice = |v: v128| {
            let first = i16x8_shuffle::<0, 0, 1, 1, 2, 2, 3, 3>(v, v);
            (first, i16x8_shuffle::<4, 4, 5, 5, 6, 6, 7, 7>(v, v))
        };
        let (low, high) = (twice(low), twice(high));
        return [low.0, low.1, high.0, high.1];
    }
    [
        i32x4_extend_low_i16x8(low),
        i32x4_extend_high_i16x8(low),
        i32x4_extend_low_i16x8(high),
        i32x4_extend_high_i16x8(high),
    ]
}

/// `sum + chain·scale`
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn add_scaled<const M: u8>(sum: v128, chain: v128, scale: v128) -> v128 {
    i32x4_add(sum, if M == PAIRS { i32x4_dot_i16x8(chain, scale) } else { i32x4_mul(chain, scale) })
}

/// `Σ min·Σa` over a super-block: minimums of two sub-blocks side by side.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn min_dots<T: Format>(mins: *const u8, act: &Act, block: usize) -> I {
    let n_sub = 256 / T::LAYOUT.sub;
    let mut sum = [i32x4_splat(0); 4];
    // SAFETY: `n_sub` rows of minimums and 16 sums from the caller.
    unsafe {
        let act_sum = |s: usize| {
            let sums = act.sums.add(2 * block);
            if n_sub == 16 { *sums.add(s) } else { *sums.add(2 * s) + *sums.add(2 * s + 1) }
        };
        for s in (0..n_sub).step_by(2) {
            let a = v128_load(mins.add(s * STRIP).cast());
            let b = v128_load(mins.add((s + 1) * STRIP).cast());
            let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
            let high =
                i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b);
            let sums = i32x4_splat(act_sum(s) & 0xffff | act_sum(s + 1) << 16);
            let pairs = [
                u16x8_extend_low_u8x16(low),
                u16x8_extend_high_u8x16(low),
                u16x8_extend_low_u8x16(high),
                u16x8_extend_high_u8x16(high),
            ];
            for (sum, pairs) in sum.iter_mut().zip(pairs) {
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(pairs, sums));
            }
        }
    }
    sum
}

/// Adds a block of a super-block, times its sub-scales.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn add_block<T: Format, const M: u8>(
    bytes: *const u8,
    act: &Act,
    block: usize,
    scales: &[[v128; 4]],
    dot: &mut I,
) {
    let codes = T::LAYOUT.codes;
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        if codes.is_wide() {
            let sums = wide_dots::<T, M>(bytes, act, block);
            for i in 0..4 {
                dot[i] = i32x4_add(dot[i], i32x4_mul(sums[i], scales[0][i]));
            }
        } else if matches!(codes, Codes::Nibble) {
            let sums = nibble_chain::<T, M>(bytes, act, block);
            for i in 0..4 {
                dot[i] = add_scaled::<M>(dot[i], sums[i], scales[0][i]);
            }
        } else {
            let second = if T::LAYOUT.sub == BLOCK { 0 } else { 1 };
            for i in 0..4 {
                let (low, high) = column_chains::<T, M>(bytes, act, block, i);
                dot[i] = add_scaled::<M>(dot[i], low, scales[0][i]);
                dot[i] = add_scaled::<M>(dot[i], high, scales[second][i]);
            }
        }
    }
}

/// Dots of a block of a flat type.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn block_dots<T: Format, const M: u8>(bytes: *const u8, act: &Act, block: usize) -> I {
    let codes = T::LAYOUT.codes;
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        if codes.is_wide() {
            return wide_dots::<T, M>(bytes, act, block);
        }
        if matches!(codes, Codes::Nibble) {
            return nibble_chain::<T, M>(bytes, act, block).map(|v| widen::<M>(v));
        }
        let mut dot = [i32x4_splat(0); 4];
        for (i, dot) in dot.iter_mut().enumerate() {
            let (low, high) = column_chains::<T, M>(bytes, act, block, i);
            *dot = i32x4_add(widen::<M>(low), widen::<M>(high));
        }
        dot
    }
}

/// What the chains of 16-column `part`s start from.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn start<T: Format, const M: u8>(act: &Act, part: usize) -> v128 {
    if T::LAYOUT.zero == 0 {
        return i32x4_splat(0);
    }
    let zero = i16x8_splat(-T::LAYOUT.zero as i16);
    // SAFETY: the part exists.
    let pairs = unsafe { v128_load32_splat(act.pairs.add(part).cast()) };
    if M == PAIRS { i16x8_mul(pairs, zero) } else { i32x4_dot_i16x8(pairs, zero) }
}

/// Both nibbles of four lines; all 32 columns fit in one chain (16·15·127).
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn nibble_chain<T: Format, const M: u8>(bytes: *const u8, act: &Act, block: usize) -> I {
    let mask = u8x16_splat(15);
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        let (a, b) = (start::<T, M>(act, 2 * block), start::<T, M>(act, 2 * block + 1));
        let begin = if M == PAIRS { i16x8_add(a, b) } else { i32x4_add(a, b) };
        let mut sums = [begin; 4];
        let mut q = act.q.add(block * BLOCK);
        let mut line = bytes;
        for _ in 0..rolled(4) {
            let (a, b) = (v128_load32_splat(q.cast()), v128_load32_splat(q.add(16).cast()));
            for (i, sum) in sums.iter_mut().enumerate() {
                let codes = v128_load(line.add(16 * i).cast());
                let low = step::<M>(*sum, v128_and(codes, mask), a);
                *sum = step::<M>(low, v128_and(u16x8_shr(codes, 4), mask), b);
            }
            (line, q) = (line.add(LINE), q.add(4));
        }
        sums
    }
}

/// Columns 0-15 and 16-31 of four rows, for codes with planes of high bits.
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn column_chains<T: Format, const M: u8>(
    bytes: *const u8,
    act: &Act,
    block: usize,
    i: usize,
) -> (v128, v128) {
    let codes = T::LAYOUT.codes;
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        let column = bytes.add(16 * i);
        let line = |n: usize| v128_load(column.add(n * LINE).cast());
        let plane = |n: usize| if n < codes.n_planes() { line(n) } else { i32x4_splat(0) };
        let planes = [plane(0), plane(1), plane(2)];
        let (mut low, mut high) =
            (start::<T, M>(act, 2 * block), start::<T, M>(act, 2 * block + 1));
        let q = act.q.add(block * BLOCK);
        for g in 0..4 {
            let nibbles = if matches!(codes, Codes::Two | Codes::Three) {
                i32x4_splat(0)
            } else {
                line(codes.n_planes() + g)
            };
            let (a, b) = parts_of(codes, nibbles, planes, g as u32);
            low = step::<M>(low, a, v128_load32_splat(q.add(4 * g).cast()));
            high = step::<M>(high, b, v128_load32_splat(q.add(16 + 4 * g).cast()));
        }
        (low, high)
    }
}

/// Codes of columns `4g..` and `16 + 4g..` from nibbles and planes (see [`crate::format`]).
#[inline(always)]
fn parts_of(codes: Codes, nibbles: v128, planes: [v128; 3], g: u32) -> (v128, v128) {
    let mask = |v: v128, m: u8| v128_and(v, u8x16_splat(m));
    let (low, high) = (mask(nibbles, 15), mask(u16x8_shr(nibbles, 4), 15));
    let [p, r, s] = planes;
    match codes {
        Codes::Five => {
            let a = mask(u16x8_shl(p, 4 - g), 16);
            (v128_or(low, a), v128_or(high, mask(u16x8_shr(p, g), 16)))
        }
        Codes::Six => {
            let pair = |p: v128| {
                let moved = if g < 2 { u16x8_shl(p, 4 - 2 * g) } else { u16x8_shr(p, 2 * g - 4) };
                mask(moved, 0x30)
            };
            (v128_or(low, pair(p)), v128_or(high, pair(r)))
        }
        Codes::Two => (mask(u16x8_shr(p, 2 * g), 3), mask(u16x8_shr(r, 2 * g), 3)),
        _ => {
            let pair = |p: v128| mask(u16x8_shr(p, 2 * g), 3);
            let third = if g < 2 { u16x8_shl(s, 2 - g) } else { u16x8_shr(s, g - 2) };
            (v128_or(pair(p), mask(third, 4)), v128_or(pair(r), mask(u16x8_shr(s, 2 + g), 4)))
        }
    }
}

/// Dots of a block of full bytes (or of table values, which are).
#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn wide_dots<T: Format, const M: u8>(bytes: *const u8, act: &Act, block: usize) -> I {
    let k = block * BLOCK;
    // SAFETY: a whole block and 32 activations from the caller.
    unsafe {
        let act_sum = *act.sums.add(2 * block) + *act.sums.add(2 * block + 1);
        let begin = if M == FOURS_SIGNED { 0 } else { -128 * act_sum };
        let mut sums = [i32x4_splat(begin); 4];
        if matches!(T::LAYOUT.codes, Codes::Byte) {
            let (mut line, mut k) = (bytes, k);
            for _ in 0..rolled(8) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let codes = v128_load(line.add(16 * i).cast());
                    *sum = wide_step::<M>(*sum, codes, act, k);
                }
                (line, k) = (line.add(LINE), k + 4);
            }
            return sums;
        }
        let (mask, table) = (u8x16_splat(15), v128_load(T::TABLE.as_ptr().cast()));
        for g in 0..4 {
            for (i, sum) in sums.iter_mut().enumerate() {
                let codes = v128_load(bytes.add(g * LINE + 16 * i).cast());
                let low = i8x16_relaxed_swizzle(table, v128_and(codes, mask));
                let high = i8x16_relaxed_swizzle(table, v128_and(u16x8_shr(codes, 4), mask));
                *sum = wide_step::<M>(*sum, low, act, k + 4 * g);
                *sum = wide_step::<M>(*sum, high, act, k + 16 + 4 * g);
            }
        }
        sums
    }
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
unsafe fn wide_step<const M: u8>(sum: v128, codes: v128, act: &Act, k: usize) -> v128 {
    // SAFETY: 4 activations from the caller.
    unsafe {
        if M == PAIRS {
            let q = act.q16.add(k);
            let pairs = (v128_load32_splat(q.cast()), v128_load32_splat(q.add(2).cast()));
            return step16(sum, codes, pairs);
        }
        let a = v128_load32_splat(act.q.add(k).cast());
        fours(sum, if M == FOURS_SIGNED { v128_xor(codes, u8x16_splat(128)) } else { codes }, a)
    }
}
