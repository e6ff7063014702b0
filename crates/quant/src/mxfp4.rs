//! MXFP4 of the Open Compute Project: 32 floats of 4 bits under a power of two.
//!
//! | type  | bytes | fields        | value                 | nibble `k`   |
//! |-------|-------|---------------|-----------------------|--------------|
//! | MXFP4 | 17    | `e`, `qs[16]` | `T[k] · 2^(e − 128)`  | as in Q4_0   |
//!
//! A nibble is E2M1: sign, 2 exponent bits, 1 fraction bit: ±{0, ½, 1, 1½, 2, 3, 4, 6}. The table
//! `T`, [`KVALUES_MXFP4`], holds twice that, so that it is made of integers; the exponent is one
//! less to make up for it ([`e8m0_half`]).

use bytemuck::{Pod, Zeroable};

use crate::decode::{Block, assert_block};
use crate::legacy::{QK, nibbles};
use crate::types::TensorType;

/// Twice what a nibble stands for, before the scale.
pub const KVALUES_MXFP4: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// 32 values: 17 bytes.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockMXFP4 {
    /// Exponent of the scale, plus 127.
    pub e: u8,
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

assert_block!(BlockMXFP4: MXFP4);

/// `2^(e − 128)`: half the scale that the byte `e` stands for. Exact for every `e`; the smallest
/// two are denormal. ggml, like this, does not treat 255 (NaN in the standard) apart.
pub fn e8m0_half(e: u8) -> f32 {
    let bits = match e {
        0 => 0x0020_0000,
        1 => 0x0040_0000,
        _ => u32::from(e - 1) << 23,
    };
    f32::from_bits(bits)
}

impl BlockMXFP4 {
    /// The table's values, −12 to 12.
    pub fn quants(&self) -> [i8; QK] {
        nibbles(&self.qs).map(|k| KVALUES_MXFP4[usize::from(k)])
    }
}

impl Block for BlockMXFP4 {
    const TYPE: TensorType = TensorType::MXFP4;

    fn decode(&self, out: &mut [f32]) {
        let d = e8m0_half(self.e);
        for (y, q) in out.iter_mut().zip(self.quants()) {
            *y = d * f32::from(q);
        }
    }
}
