//! K-quants: 256 values in sub-blocks of 16 or 32, whose small integer scales share one f16 `d`
//! (and their minimums one f16 `dmin`).
//!
//! | type | bytes | fields in order                                | blocks  | value             |
//! |------|-------|------------------------------------------------|---------|-------------------|
//! | Q2_K | 84    | `scales[16]`, `qs[64]`, `d`, `dmin`            | 16 × 16 | `d·sc·q − dmin·m` |
//! | Q3_K | 110   | `hmask[32]`, `qs[64]`, `scales[12]`, `d`       | 16 × 16 | `d·sc·q`          |
//! | Q4_K | 144   | `d`, `dmin`, `scales[12]`, `qs[128]`           | 8 × 32  | `d·sc·q − dmin·m` |
//! | Q5_K | 176   | `d`, `dmin`, `scales[12]`, `qh[32]`, `qs[128]` | 8 × 32  | `d·sc·q − dmin·m` |
//! | Q6_K | 210   | `ql[128]`, `qh[64]`, `scales[16]` (i8), `d`    | 16 × 16 | `d·sc·q`          |
//!
//! Where the bits of element `i` are, with `l = i % 32`, `s = i / 32`, `j = s % 4`, `h = i / 128`:
//!
//! | type | low bits                               | high bits                        | less |
//! |------|----------------------------------------|----------------------------------|------|
//! | Q2_K | bits `2j..2j+2` of `qs[32h + l]`       |                                  | 0    |
//! | Q3_K | the same                               | bit 2: bit `s` of `hmask[l]`     | 4    |
//! | Q4_K | nibble `s % 2` of `qs[32(i/64) + l]`   |                                  | 0    |
//! | Q5_K | the same                               | bit 4: bit `s` of `qh[l]`        | 0    |
//! | Q6_K | nibble `j / 2` of `ql[64h + i % 64]`   | bits 4, 5: bits `2j..2j+2` of    | 32   |
//! |      |                                        | `qh[32h + l]`                    |      |
//!
//! Scales: Q2_K has the scale in the low and the minimum in the high nibble of a byte; Q4_K and
//! Q5_K pack eight 6-bit pairs into twelve bytes ([`scale_min_k4`]); Q3_K packs sixteen 6-bit
//! numbers, of which 32 is subtracted ([`BlockQ3_K::sub_scales`]); Q6_K stores signed bytes.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::decode::{Block, assert_block};
use crate::types::TensorType;

/// Values in a block.
pub const QK_K: usize = 256;

/// 2 bits: 84 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ2_K {
    /// Scale (low nibble) and minimum (high nibble) of each 16 values.
    pub scales: [u8; 16],
    /// 2-bit integers.
    pub qs: [u8; 64],
    /// Scale of the scales.
    pub d: f16,
    /// Scale of the minimums.
    pub dmin: f16,
}

/// 3 bits: 110 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ3_K {
    /// High bits.
    pub hmask: [u8; 32],
    /// Low 2 bits.
    pub qs: [u8; 64],
    /// Sixteen 6-bit scales.
    pub scales: [u8; 12],
    /// Scale of the scales.
    pub d: f16,
}

/// 4 bits: 144 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_K {
    /// Scale of the scales.
    pub d: f16,
    /// Scale of the minimums.
    pub dmin: f16,
    /// Eight 6-bit scales and minimums.
    pub scales: [u8; 12],
    /// Nibbles.
    pub qs: [u8; 128],
}

/// 5 bits: 176 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_K {
    /// Scale of the scales.
    pub d: f16,
    /// Scale of the minimums.
    pub dmin: f16,
    /// Eight 6-bit scales and minimums.
    pub scales: [u8; 12],
    /// The fifth bits.
    pub qh: [u8; 32],
    /// Nibbles.
    pub qs: [u8; 128],
}

/// 6 bits: 210 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ6_K {
    /// Low nibbles.
    pub ql: [u8; 128],
    /// High 2 bits.
    pub qh: [u8; 64],
    /// Scale of each 16 values.
    pub scales: [i8; 16],
    /// Scale of the scales.
    pub d: f16,
}

assert_block!(
    BlockQ2_K: Q2_K, BlockQ3_K: Q3_K, BlockQ4_K: Q4_K, BlockQ5_K: Q5_K, BlockQ6_K: Q6_K,
);

/// Scale and minimum (6 bits each) of sub-block `j < 8` of Q4_K and Q5_K.
///
/// | `j`   | scale                                | minimum                               |
/// |-------|--------------------------------------|---------------------------------------|
/// | 0 – 3 | low 6 bits of byte `j`               | low 6 bits of byte `j + 4`            |
/// | 4 – 7 | low nibble of byte `j + 4`; bits 4–5 | high nibble of byte `j + 4`; bits 4–5 |
/// |       | are the top 2 bits of byte `j − 4`   | are the top 2 bits of byte `j`        |
pub fn scale_min_k4(scales: &[u8; 12], j: usize) -> (u8, u8) {
    if j < 4 {
        (scales[j] & 63, scales[j + 4] & 63)
    } else {
        let low = scales[j + 4];
        (low & 15 | (scales[j - 4] >> 6) << 4, low >> 4 | (scales[j] >> 6) << 4)
    }
}

/// The 2-bit integers of Q2_K, and the low bits of Q3_K.
fn two_bits(qs: &[u8; 64]) -> [u8; QK_K] {
    std::array::from_fn(|i| qs[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3)
}

/// The nibbles of Q4_K, and the low bits of Q5_K.
fn four_bits(qs: &[u8; 128]) -> [u8; QK_K] {
    std::array::from_fn(|i| qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15)
}

impl BlockQ2_K {
    /// The integers, 0 to 3.
    pub fn quants(&self) -> [u8; QK_K] {
        two_bits(&self.qs)
    }

    /// Scale and minimum of each 16 values, 0 to 15.
    pub fn sub_scales(&self) -> [(u8, u8); 16] {
        self.scales.map(|byte| (byte & 15, byte >> 4))
    }
}

impl BlockQ3_K {
    /// The integers, −4 to 3.
    pub fn quants(&self) -> [i8; QK_K] {
        let low = two_bits(&self.qs);
        std::array::from_fn(|i| {
            let high = self.hmask[i % 32] >> (i / 32) & 1;
            (low[i] | high << 2) as i8 - 4
        })
    }

    /// Scale of each 16 values, −32 to 31.
    pub fn sub_scales(&self) -> [i8; 16] {
        std::array::from_fn(|j| {
            let low = self.scales[j % 8] >> (j / 8 * 4) & 15;
            let high = self.scales[8 + j % 4] >> (j / 4 * 2) & 3;
            (low | high << 4) as i8 - 32
        })
    }
}

impl BlockQ4_K {
    /// The integers, 0 to 15.
    pub fn quants(&self) -> [u8; QK_K] {
        four_bits(&self.qs)
    }

    /// Scale and minimum of each 32 values, 0 to 63.
    pub fn sub_scales(&self) -> [(u8, u8); 8] {
        std::array::from_fn(|j| scale_min_k4(&self.scales, j))
    }
}

impl BlockQ5_K {
    /// The integers, 0 to 31.
    pub fn quants(&self) -> [u8; QK_K] {
        let low = four_bits(&self.qs);
        std::array::from_fn(|i| low[i] | (self.qh[i % 32] >> (i / 32) & 1) << 4)
    }

    /// Scale and minimum of each 32 values, 0 to 63.
    pub fn sub_scales(&self) -> [(u8, u8); 8] {
        std::array::from_fn(|j| scale_min_k4(&self.scales, j))
    }
}

impl BlockQ6_K {
    /// The integers, −32 to 31.
    pub fn quants(&self) -> [i8; QK_K] {
        std::array::from_fn(|i| {
            let (half, quarter) = (i / 128, i / 32 % 4);
            let low = self.ql[half * 64 + i % 64] >> (quarter / 2 * 4) & 15;
            let high = self.qh[half * 32 + i % 32] >> (quarter * 2) & 3;
            (low | high << 4) as i8 - 32
        })
    }
}

/// `d·sc·q − dmin·m`, in this order of operations, over sub-blocks of `len` values.
fn with_minimums(
    (d, dmin): (f16, f16),
    sub_scales: &[(u8, u8)],
    quants: &[u8; QK_K],
    out: &mut [f32],
) {
    let len = QK_K / sub_scales.len();
    let (d, dmin) = (d.to_f32(), dmin.to_f32());
    for (i, (y, q)) in out.iter_mut().zip(quants).enumerate() {
        let (scale, min) = sub_scales[i / len];
        *y = d * f32::from(scale) * f32::from(*q) - dmin * f32::from(min);
    }
}

/// `d·sc·q`, in this order of operations, over sub-blocks of 16 values.
fn signed(d: f16, sub_scales: &[i8; 16], quants: &[i8; QK_K], out: &mut [f32]) {
    for (i, (y, q)) in out.iter_mut().zip(quants).enumerate() {
        *y = d.to_f32() * f32::from(sub_scales[i / 16]) * f32::from(*q);
    }
}

impl Block for BlockQ2_K {
    const TYPE: TensorType = TensorType::Q2_K;

    fn decode(&self, out: &mut [f32]) {
        with_minimums((self.d, self.dmin), &self.sub_scales(), &self.quants(), out);
    }
}

impl Block for BlockQ3_K {
    const TYPE: TensorType = TensorType::Q3_K;

    fn decode(&self, out: &mut [f32]) {
        signed(self.d, &self.sub_scales(), &self.quants(), out);
    }
}

impl Block for BlockQ4_K {
    const TYPE: TensorType = TensorType::Q4_K;

    fn decode(&self, out: &mut [f32]) {
        with_minimums((self.d, self.dmin), &self.sub_scales(), &self.quants(), out);
    }
}

impl Block for BlockQ5_K {
    const TYPE: TensorType = TensorType::Q5_K;

    fn decode(&self, out: &mut [f32]) {
        with_minimums((self.d, self.dmin), &self.sub_scales(), &self.quants(), out);
    }
}

impl Block for BlockQ6_K {
    const TYPE: TensorType = TensorType::Q6_K;

    fn decode(&self, out: &mut [f32]) {
        signed(self.d, &self.scales, &self.quants(), out);
    }
}
