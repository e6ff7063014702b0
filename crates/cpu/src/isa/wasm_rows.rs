//! Activations to 8 bits in WebAssembly, by hand: a compiler vectorizes neither the rounding nor
//! the sums of a group, and every input of every product passes through here.

use std::arch::wasm32::*;

use super::ActMut;

/// As [`super::Isa::quantize`]; 16-bit codes are written if `Q16` says that something reads them.
pub unsafe fn quantize<const Q16: bool>(x: &[f32], group: usize, out: ActMut) {
    let mut at = 0;
    for values in x.chunks(group) {
        let (whole, rest) = values.as_chunks::<16>();
        let mut last = [0.0; 16];
        last[..rest.len()].copy_from_slice(rest);
        let tail: &[[f32; 16]] = if rest.is_empty() { &[] } else { std::slice::from_ref(&last) };
        let mut largest = f32x4_splat(0.0);
        // A NaN or infinity must reach the result, but codes cannot hold it.
        let mut poison = f32x4_splat(0.0);
        for v in whole.iter().chain(tail).flat_map(load) {
            // `pmax` gives its first operand where the second is NaN.
            largest = f32x4_pmax(largest, f32x4_abs(v));
            poison = f32x4_add(poison, f32x4_mul(v, f32x4_splat(0.0)));
        }
        let largest = lanes(largest).into_iter().fold(0.0f32, f32::max);
        let poison: f32 = lanes(poison).iter().sum();
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let d = largest / 127.0 + poison;
        for chunk in whole.iter().chain(tail) {
            // SAFETY: the caller's arrays hold `x.len()` padded to 64 columns.
            unsafe { put::<Q16>(load(chunk), inverse, d, at, &out) };
            at += 16;
        }
    }
    // Kernels read whole units: the padding must be zero, whatever was here before.
    while !at.is_multiple_of(64) {
        // SAFETY: as above.
        unsafe { put::<Q16>([f32x4_splat(0.0); 4], 0.0, 0.0, at, &out) };
        at += 16;
    }
}

#[inline(always)]
fn load(x: &[f32; 16]) -> [v128; 4] {
    let p = x.as_ptr();
    // SAFETY: 16 numbers.
    unsafe {
        [
            v128_load(p.cast()),
            v128_load(p.add(4).cast()),
            v128_load(p.add(8).cast()),
            v128_load(p.add(12).cast()),
        ]
    }
}

#[inline(always)]
fn lanes(v: v128) -> [f32; 4] {
    [
        f32x4_extract_lane::<0>(v),
        f32x4_extract_lane::<1>(v),
        f32x4_extract_lane::<2>(v),
        f32x4_extract_lane::<3>(v),
    ]
}

/// Sixteen numbers at column `at`: codes, their sums, and the scale.
#[inline(always)]
unsafe fn put<const Q16: bool>(x: [v128; 4], inverse: f32, d: f32, at: usize, out: &ActMut) {
    let inverse = f32x4_splat(inverse);
    // Adding 1.5·2²³ rounds to the nearest integer, ties to even.
    let magic = f32x4_splat(12_582_912.0);
    let rounded = x.map(|v| i32x4_sub(f32x4_add(f32x4_mul(v, inverse), magic), magic));
    let low = i16x8_narrow_i32x4(rounded[0], rounded[1]);
    let high = i16x8_narrow_i32x4(rounded[2], rounded[3]);
    let codes = i8x16_max(i8x16_narrow_i16x8(low, high), i8x16_splat(-127));
    // [c0+c1, c2+c3] of each four, as i16; then of all sixteen.
    let sums = i16x8_extadd_pairwise_i8x16(codes);
    let sums = i16x8_add(sums, i32x4_shuffle::<2, 3, 0, 1>(sums, sums));
    let sums = i16x8_add(sums, i32x4_shuffle::<1, 0, 3, 2>(sums, sums));
    // SAFETY: the caller's arrays hold these columns.
    unsafe {
        v128_store(out.q.add(at).cast(), codes);
        if Q16 {
            let (low, high) = (i16x8_extend_low_i8x16(codes), i16x8_extend_high_i8x16(codes));
            let swap = |v: v128| i16x8_shuffle::<0, 2, 1, 3, 4, 6, 5, 7>(v, v);
            v128_store(out.q16.add(at).cast(), swap(low));
            v128_store(out.q16.add(at + 8).cast(), swap(high));
        }
        out.pairs.add(at / 16).write(i32x4_extract_lane::<0>(sums));
        let sum = i16x8_extract_lane::<0>(sums) + i16x8_extract_lane::<1>(sums);
        out.sums.add(at / 16).write(i32::from(sum));
        if at.is_multiple_of(32) {
            out.d.add(at / 32).write(d);
        }
    }
}
