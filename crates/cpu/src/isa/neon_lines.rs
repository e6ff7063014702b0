//! What the three NEON sets share: lines and floats. A line is four registers, each of 4 rows and
//! 4 columns.
//!
//! Shifts act on bytes (there are such instructions here), which makes masks behind a shift by 4
//! superfluous; the compiler sees that, because the shifts are by constants and not by a register.

use std::arch::aarch64::*;
use std::arch::asm;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::format::LINE;

pub type L = [uint8x16_t; 4];
pub type I = [int32x4_t; 4];
pub type F = [float32x4_t; 4];

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn l_load(p: *const u8) -> L {
    // SAFETY: a whole line from the caller.
    unsafe { [vld1q_u8(p), vld1q_u8(p.add(16)), vld1q_u8(p.add(32)), vld1q_u8(p.add(48))] }
}

/// How far ahead of the kernel lines are fetched, as on other processors: a few microseconds.
const PREFETCH_BYTES: usize = 4096;

#[inline(always)]
pub fn l_prefetch(p: *const u8) {
    // SAFETY: a hint, which faults nowhere.
    unsafe {
        asm!(
            "prfm pldl1keep, [{p}, #{at}]",
            p = in(reg) p.addr(), at = const PREFETCH_BYTES,
            options(nomem, nostack, preserves_flags),
        );
    }
}

/// Fetches ahead of lines `G` and `G + 4` of a block with `n_lines` lines: prefetchers of many
/// cores stop at the end of a page. The distance is part of the instruction.
#[inline(always)]
pub fn prefetch<const G: usize>(block: *const u8, n_lines: usize) {
    // SAFETY: hints, which fault nowhere.
    unsafe {
        if G < n_lines {
            asm!(
                "prfm pldl1keep, [{block}, #{at}]",
                block = in(reg) block.addr(), at = const PREFETCH_BYTES + LINE * G,
                options(nomem, nostack, preserves_flags),
            );
        }
        if G + 4 < n_lines {
            asm!(
                "prfm pldl1keep, [{block}, #{at}]",
                block = in(reg) block.addr(), at = const PREFETCH_BYTES + LINE * (G + 4),
                options(nomem, nostack, preserves_flags),
            );
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn l_store(p: *mut u8, line: L) {
    for (i, part) in line.into_iter().enumerate() {
        // SAFETY: a whole line from the caller.
        unsafe { vst1q_u8(p.add(16 * i), part) };
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub fn l_and<const MASK: u8>(a: L) -> L {
    a.map(|a| vandq_u8(a, vdupq_n_u8(MASK)))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn l_or(a: L, b: L) -> L {
    std::array::from_fn(|i| vorrq_u8(a[i], b[i]))
}

/// Shifts by `0..=7`, an instruction each once `n` is known, as it is in every unrolled kernel.
macro_rules! shifts {
    ($name:ident, $shift:ident) => {
        #[inline]
        #[target_feature(enable = "neon")]
        pub fn $name(a: L, n: u32) -> L {
            a.map(|a| match n {
                1 => $shift::<1>(a),
                2 => $shift::<2>(a),
                3 => $shift::<3>(a),
                4 => $shift::<4>(a),
                5 => $shift::<5>(a),
                6 => $shift::<6>(a),
                7 => $shift::<7>(a),
                _ => a,
            })
        }
    };
}
shifts!(l_shl, vshlq_n_u8);
shifts!(l_shr, vshrq_n_u8);

#[inline]
#[target_feature(enable = "neon")]
pub fn l_sub(a: L, n: u8) -> L {
    a.map(|a| vsubq_u8(a, vdupq_n_u8(n)))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn l_table(a: L, table: &[u8; 16]) -> L {
    // SAFETY: 16 bytes are read from 16.
    let table = unsafe { vld1q_u8(table.as_ptr()) };
    a.map(|a| vqtbl1q_u8(table, a))
}

/// These sets multiply signed weights with signed activations: nothing is left to correct.
#[inline]
#[target_feature(enable = "neon")]
pub fn bias_step(sum: I, _line: L) -> I {
    sum
}

#[inline]
#[target_feature(enable = "neon")]
pub fn i_splat(v: i32) -> I {
    [vdupq_n_s32(v); 4]
}

#[inline]
#[target_feature(enable = "neon")]
pub fn i_add(a: I, b: I) -> I {
    std::array::from_fn(|i| vaddq_s32(a[i], b[i]))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn i_mul(a: I, b: I) -> I {
    std::array::from_fn(|i| vmulq_s32(a[i], b[i]))
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn i_load_i8(p: *const i8) -> I {
    // SAFETY: 16 numbers from the caller.
    unsafe {
        let bytes = vld1q_s8(p);
        let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
        [
            vmovl_s16(vget_low_s16(low)),
            vmovl_high_s16(low),
            vmovl_s16(vget_low_s16(high)),
            vmovl_high_s16(high),
        ]
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn i_store(p: *mut i32, v: I) {
    for (i, part) in v.into_iter().enumerate() {
        // SAFETY: 16 numbers from the caller.
        unsafe { vst1q_s32(p.add(4 * i), part) };
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_zero() -> F {
    f_splat(0.0)
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_splat(v: f32) -> F {
    [vdupq_n_f32(v); 4]
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { [vld1q_f32(p), vld1q_f32(p.add(4)), vld1q_f32(p.add(8)), vld1q_f32(p.add(12))] }
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn f_store(p: *mut f32, v: F) {
    for (i, part) in v.into_iter().enumerate() {
        // SAFETY: 16 numbers from the caller.
        unsafe { vst1q_f32(p.add(4 * i), part) };
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_mul(a: F, b: F) -> F {
    std::array::from_fn(|i| vmulq_f32(a[i], b[i]))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_fma(a: F, b: F, c: F) -> F {
    std::array::from_fn(|i| vfmaq_f32(c[i], a[i], b[i]))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_fnma(a: F, b: F, c: F) -> F {
    std::array::from_fn(|i| vfmsq_f32(c[i], a[i], b[i]))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn f_from_i(v: I) -> F {
    v.map(|v| vcvtq_f32_s32(v))
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn f_from_f16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller. The conversion is part of NEON, arithmetic is not.
    let wide = |i: usize| unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p.add(4 * i)))) };
    [wide(0), wide(1), wide(2), wide(3)]
}

#[inline]
#[target_feature(enable = "neon")]
pub unsafe fn f_from_bf16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    let wide =
        |i: usize| unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(p.add(4 * i)))) };
    [wide(0), wide(1), wide(2), wide(3)]
}

/// Keeps the compiler (not the processor) from loading what comes after before what comes here:
/// with the lines of four groups loaded at once, sums would have to wait in memory.
#[inline(always)]
pub fn in_order() {
    compiler_fence(Ordering::SeqCst);
}
