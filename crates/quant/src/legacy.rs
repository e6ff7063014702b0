//! The first formats: 32 values under one scale, half of them in the low nibbles.
//!
//! `d` scale, `m` minimum (f16); `q` the stored integer of element `i`:
//!
//! | type | bytes | fields                      | value        | bits of `q`                |
//! |------|-------|-----------------------------|--------------|----------------------------|
//! | Q4_0 | 18    | `d`, `qs[16]`               | `d·(q − 8)`  | nibble                     |
//! | Q4_1 | 20    | `d`, `m`, `qs[16]`          | `d·q + m`    | nibble                     |
//! | Q5_0 | 22    | `d`, `qh[4]`, `qs[16]`      | `d·(q − 16)` | nibble; bit 4: bit `i` of  |
//! | Q5_1 | 24    | `d`, `m`, `qh[4]`, `qs[16]` | `d·q + m`    | the little-endian u32 `qh` |
//! | Q8_0 | 34    | `d`, `qs[32]` (i8)          | `d·q`        | `qs[i]`                    |
//!
//! Nibble: the low one of `qs[i]` for `i < 16`, the high one of `qs[i − 16]` for the others.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::decode::{Block, assert_block};
use crate::types::TensorType;

/// Values in a block.
pub const QK: usize = 32;

/// 4 bits, scale only: 18 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_0 {
    /// Scale.
    pub d: f16,
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

/// 4 bits, scale and minimum: 20 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_1 {
    /// Scale.
    pub d: f16,
    /// Minimum.
    pub m: f16,
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

/// 5 bits, scale only: 22 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_0 {
    /// Scale.
    pub d: f16,
    /// The fifth bits, a little-endian u32.
    pub qh: [u8; 4],
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

/// 5 bits, scale and minimum: 24 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_1 {
    /// Scale.
    pub d: f16,
    /// Minimum.
    pub m: f16,
    /// The fifth bits, a little-endian u32.
    pub qh: [u8; 4],
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

/// 8 bits, scale only: 34 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ8_0 {
    /// Scale.
    pub d: f16,
    /// Integers.
    pub qs: [i8; QK],
}

assert_block!(
    BlockQ4_0: Q4_0, BlockQ4_1: Q4_1, BlockQ5_0: Q5_0, BlockQ5_1: Q5_1, BlockQ8_0: Q8_0,
);

/// The 32 nibbles of 16 bytes: all low ones, then all high ones.
pub fn nibbles(qs: &[u8; QK / 2]) -> [u8; QK] {
    std::array::from_fn(|i| if i < QK / 2 { qs[i] & 15 } else { qs[i - QK / 2] >> 4 })
}

/// The same with bit `i` of `qh` as bit 4 of element `i`.
fn five_bits(qs: &[u8; QK / 2], qh: [u8; 4]) -> [u8; QK] {
    let (low, high) = (nibbles(qs), u32::from_le_bytes(qh));
    std::array::from_fn(|i| low[i] | if high >> i & 1 == 1 { 16 } else { 0 })
}

impl BlockQ4_0 {
    /// The integers, −8 to 7.
    pub fn quants(&self) -> [i8; QK] {
        nibbles(&self.qs).map(|q| q as i8 - 8)
    }
}

impl BlockQ4_1 {
    /// The integers, 0 to 15.
    pub fn quants(&self) -> [u8; QK] {
        nibbles(&self.qs)
    }
}

impl BlockQ5_0 {
    /// The integers, −16 to 15.
    pub fn quants(&self) -> [i8; QK] {
        five_bits(&self.qs, self.qh).map(|q| q as i8 - 16)
    }
}

impl BlockQ5_1 {
    /// The integers, 0 to 31.
    pub fn quants(&self) -> [u8; QK] {
        five_bits(&self.qs, self.qh)
    }
}

macro_rules! scaled {
    ($($block:ident: $ty:ident, |$self:ident| $quants:expr;)*) => {$(
        impl Block for $block {
            const TYPE: TensorType = TensorType::$ty;

            fn decode(&$self, out: &mut [f32]) {
                let d = $self.d.to_f32();
                for (y, q) in out.iter_mut().zip($quants) {
                    *y = d * f32::from(q);
                }
            }
        }
    )*};
}

macro_rules! with_minimum {
    ($($block:ident: $ty:ident),*) => {$(
        impl Block for $block {
            const TYPE: TensorType = TensorType::$ty;

            fn decode(&self, out: &mut [f32]) {
                let (d, m) = (self.d.to_f32(), self.m.to_f32());
                for (y, q) in out.iter_mut().zip(self.quants()) {
                    *y = d * f32::from(q) + m;
                }
            }
        }
    )*};
}

scaled! {
    BlockQ4_0: Q4_0, |self| self.quants();
    BlockQ5_0: Q5_0, |self| self.quants();
    BlockQ8_0: Q8_0, |self| self.qs;
}
with_minimum!(BlockQ4_1: Q4_1, BlockQ5_1: Q5_1);
