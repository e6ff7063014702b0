//! What the WebAssembly sets share: a line is four registers of 128 bits.
//!
//! Only `simd128` here, so that both kinds of module can use it.

use std::arch::wasm32::*;

pub type L = [v128; 4];
pub type I = [v128; 4];
pub type F = [v128; 4];

/// WebAssembly has no prefetch instruction.
#[inline(always)]
pub fn l_prefetch(_: *const u8) {}

#[inline(always)]
pub unsafe fn l_load(p: *const u8) -> L {
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
pub unsafe fn l_store(p: *mut u8, line: L) {
    for (i, part) in line.into_iter().enumerate() {
        // SAFETY: a whole line from the caller.
        unsafe { v128_store(p.add(16 * i).cast(), part) };
    }
}

#[inline(always)]
pub fn l_and<const MASK: u8>(a: L) -> L {
    let mask = u8x16_splat(MASK);
    a.map(|a| v128_and(a, mask))
}

#[inline(always)]
pub fn l_or(a: L, b: L) -> L {
    [v128_or(a[0], b[0]), v128_or(a[1], b[1]), v128_or(a[2], b[2]), v128_or(a[3], b[3])]
}

#[inline(always)]
pub fn l_shl(a: L, n: u32) -> L {
    a.map(|a| u16x8_shl(a, n))
}

#[inline(always)]
pub fn l_shr(a: L, n: u32) -> L {
    a.map(|a| u16x8_shr(a, n))
}

#[inline(always)]
pub fn l_sub(a: L, n: u8) -> L {
    a.map(|a| u8x16_sub(a, u8x16_splat(n)))
}

#[inline(always)]
pub fn l_table(a: L, table: &[u8; 16]) -> L {
    // SAFETY: 16 bytes are read from 16.
    let table = unsafe { v128_load(table.as_ptr().cast()) };
    a.map(|a| u8x16_swizzle(table, a))
}

#[inline(always)]
pub fn bias_step(sum: I, _line: L) -> I {
    sum
}

#[inline(always)]
pub fn i_splat(v: i32) -> I {
    [i32x4_splat(v); 4]
}

#[inline(always)]
pub fn i_add(a: I, b: I) -> I {
    [i32x4_add(a[0], b[0]), i32x4_add(a[1], b[1]), i32x4_add(a[2], b[2]), i32x4_add(a[3], b[3])]
}

#[inline(always)]
pub fn i_mul(a: I, b: I) -> I {
    [i32x4_mul(a[0], b[0]), i32x4_mul(a[1], b[1]), i32x4_mul(a[2], b[2]), i32x4_mul(a[3], b[3])]
}

#[inline(always)]
pub unsafe fn i_load_i8(p: *const i8) -> I {
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
pub unsafe fn i_store(p: *mut i32, v: I) {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_store(p.cast(), v) }
}

#[inline(always)]
pub fn f_zero() -> F {
    [f32x4_splat(0.0); 4]
}

#[inline(always)]
pub fn f_splat(v: f32) -> F {
    [f32x4_splat(v); 4]
}

#[inline(always)]
pub unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_load(p.cast()) }
}

#[inline(always)]
pub unsafe fn f_store(p: *mut f32, v: F) {
    // SAFETY: 16 numbers from the caller.
    unsafe { l_store(p.cast(), v) }
}

#[inline(always)]
pub fn f_mul(a: F, b: F) -> F {
    [f32x4_mul(a[0], b[0]), f32x4_mul(a[1], b[1]), f32x4_mul(a[2], b[2]), f32x4_mul(a[3], b[3])]
}

#[inline(always)]
pub fn f_fma(a: F, b: F, c: F) -> F {
    [
        f32x4_add(f32x4_mul(a[0], b[0]), c[0]),
        f32x4_add(f32x4_mul(a[1], b[1]), c[1]),
        f32x4_add(f32x4_mul(a[2], b[2]), c[2]),
        f32x4_add(f32x4_mul(a[3], b[3]), c[3]),
    ]
}

#[inline(always)]
pub fn f_fnma(a: F, b: F, c: F) -> F {
    [
        f32x4_sub(c[0], f32x4_mul(a[0], b[0])),
        f32x4_sub(c[1], f32x4_mul(a[1], b[1])),
        f32x4_sub(c[2], f32x4_mul(a[2], b[2])),
        f32x4_sub(c[3], f32x4_mul(a[3], b[3])),
    ]
}

#[inline(always)]
pub fn f_from_i(v: I) -> F {
    v.map(|v| f32x4_convert_i32x4(v))
}

/// Exact for normals and subnormals. Infinities and NaN, which no sound file has, become 65536 and
/// more. Two sums by exponent and no multiplication: the scales of K types often are subnormal, and
/// a subnormal factor costs an x86 processor a hundred and fifty cycles.
#[inline(always)]
pub unsafe fn f_from_f16(p: *const u16) -> F {
    let widen = |v: v128| {
        let bits = v128_and(u32x4_shl(v, 13), u32x4_splat(0x0fff_e000));
        let normal = i32x4_add(bits, i32x4_splat(112 << 23));
        // 2^-14 more and less again leaves the fraction alone.
        let least = i32x4_splat(113 << 23);
        let subnormal = f32x4_sub(i32x4_add(bits, least), least);
        let is_subnormal = i32x4_lt(bits, i32x4_splat(1 << 23));
        let sign = v128_and(v, u32x4_splat(0x8000_0000));
        v128_or(v128_bitselect(subnormal, normal, is_subnormal), sign)
    };
    // SAFETY: 16 numbers from the caller.
    unsafe { load_f16(p) }.map(widen)
}

/// The same, fast where subnormals are rare: exponent and fraction move into place, then the
/// missing 2^112 is multiplied in.
#[cfg(feature = "relaxed-simd")]
#[inline(always)]
pub unsafe fn f_from_f16_normal(p: *const u16) -> F {
    let (mask, scale) = (u32x4_splat(0x8fff_e000), u32x4_splat(0x7780_0000));
    // SAFETY: 16 numbers from the caller.
    unsafe { load_f16(p) }.map(|v| f32x4_mul(v128_and(u32x4_shl(v, 13), mask), scale))
}

/// As [`crate::isa::Widen`].
pub unsafe fn widen_f16(p: *const u16, out: *mut f32, n: usize) {
    // SAFETY: `n` numbers on both sides from the caller.
    unsafe {
        for at in (0..n).step_by(16) {
            f_store(out.add(at), f_from_f16(p.add(at)));
        }
    }
}

/// Sixteen halves, their signs extended.
#[inline(always)]
unsafe fn load_f16(p: *const u16) -> [v128; 4] {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        [
            i32x4_load_extend_i16x4(p.cast()),
            i32x4_load_extend_i16x4(p.add(4).cast()),
            i32x4_load_extend_i16x4(p.add(8).cast()),
            i32x4_load_extend_i16x4(p.add(12).cast()),
        ]
    }
}

#[inline(always)]
pub unsafe fn f_from_bf16(p: *const u16) -> F {
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
