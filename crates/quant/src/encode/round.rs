//! Rounding as ggml rounds, because bytes follow from it.
//!
//! Three ways are in use. The searches add `1.5 · 2^23`, whose unit in the last place is 1, so that
//! the addition itself rounds to nearest, ties to even; the integer is then the low bits. The first
//! formats add one half and cut. Q8_0 and the ternary types round ties away from zero. None of them
//! may saturate where C's does not: a scale below the normal numbers has an infinite inverse, and
//! what x86 makes of that is in ggml's files.

/// `1.5 · 2^23`.
const MAGIC: f32 = 12_582_912.0;

/// Nearest integer, ties to even, for `|x| < 2^22`; outside of that, and for NaN, some integer of
/// that range (the searches reject what it leads to, or clamp it).
#[inline(always)]
pub fn nearest(x: f32) -> i32 {
    let bits = (x + MAGIC).to_bits();
    (bits & 0x007f_ffff).cast_signed() - 0x0040_0000
}

/// Towards zero; the smallest integer for what does not fit, and for NaN, as x86 converts.
#[inline(always)]
pub fn truncate(x: f32) -> i32 {
    if (-2_147_483_648.0..2_147_483_648.0).contains(&x) { x as i32 } else { i32::MIN }
}
