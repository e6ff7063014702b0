//! Ternary types: −1, 0 or 1 times one scale for 256 values.
//!
//! | type  | bytes | fields in order          | value       |
//! |-------|-------|--------------------------|-------------|
//! | TQ1_0 | 54    | `qs[48]`, `qh[4]`, `d`   | `d·(t − 1)` |
//! | TQ2_0 | 66    | `qs[64]`, `d`            | `d·(q − 1)` |
//!
//! TQ2_0 has 2 bits for a value: bits `2p..2p+2` of byte `32h + l` are element `128h + 32p + l`.
//!
//! TQ1_0 has five trits in a byte. The byte is a fraction of 256: `⌈256·v / 243⌉` for the number
//! `v = 81·t0 + 27·t1 + 9·t2 + 3·t3 + t4`, so that trit `n` is the integer part of three times what
//! is left after multiplying the byte with `3^n` and dropping what is above 255. Of elements 0 to
//! 159, trit `n` of byte `l` is element `32n + l`; of elements 160 to 239, trit `n` of byte
//! `32 + l` is element `160 + 16n + l`; of the last sixteen, trit `n < 4` of `qh[l]` is element
//! `240 + 4n + l`.
//!
//! No player computes with them, so that [`crate::decode()`] refuses them; the structs are for
//! files that are written.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::decode::{Block, assert_block};
use crate::k_quants::QK_K;
use crate::types::TensorType;

/// 1.69 bits: 54 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockTQ1_0 {
    /// Five trits each.
    pub qs: [u8; 48],
    /// Four trits each.
    pub qh: [u8; 4],
    /// Scale.
    pub d: f16,
}

/// 2.06 bits: 66 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockTQ2_0 {
    /// Four values each.
    pub qs: [u8; 64],
    /// Scale.
    pub d: f16,
}

assert_block!(BlockTQ1_0: TQ1_0, BlockTQ2_0: TQ2_0);

/// Byte (of `qs` and `qh` in a row) and trit of element `i` of TQ1_0.
pub(crate) fn trit_place(i: usize) -> (usize, u32) {
    let (byte, trit) = match i {
        0..160 => (i % 32, i / 32),
        160..240 => (32 + (i - 160) % 16, (i - 160) / 16),
        _ => (48 + (i - 240) % 4, (i - 240) / 4),
    };
    (byte, trit as u32)
}

impl BlockTQ1_0 {
    /// The integers, −1 to 1.
    pub fn quants(&self) -> [i8; QK_K] {
        std::array::from_fn(|i| {
            let (byte, trit) = trit_place(i);
            let packed = if byte < 48 { self.qs[byte] } else { self.qh[byte - 48] };
            let left = packed.wrapping_mul(3u8.pow(trit));
            ((u16::from(left) * 3) >> 8) as i8 - 1
        })
    }
}

impl BlockTQ2_0 {
    /// The integers, −1 to 2; the encoder writes no 2.
    pub fn quants(&self) -> [i8; QK_K] {
        std::array::from_fn(|i| (self.qs[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3) as i8 - 1)
    }
}

macro_rules! scaled {
    ($($block:ident: $ty:ident),*) => {$(
        impl Block for $block {
            const TYPE: TensorType = TensorType::$ty;

            fn decode(&self, out: &mut [f32]) {
                let d = self.d.to_f32();
                for (y, q) in out.iter_mut().zip(self.quants()) {
                    *y = d * f32::from(q);
                }
            }
        }
    )*};
}
scaled!(BlockTQ1_0: TQ1_0, BlockTQ2_0: TQ2_0);
