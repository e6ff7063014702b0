//! IQ4: 4-bit indices into a fixed table of 16 unevenly spaced values.
//!
//! `k` is the nibble, `T` is [`KVALUES_IQ4_NL`]:
//!
//! | type   | bytes | fields in order                                 | value              |
//! |--------|-------|-------------------------------------------------|--------------------|
//! | IQ4_NL | 18    | `d`, `qs[16]`                                   | `d·T[k]`           |
//! | IQ4_XS | 136   | `d`, `scales_h` (u16), `scales_l[4]`, `qs[128]` | `d·(sc − 32)·T[k]` |
//!
//! Nibbles lie as in Q4_0, in IQ4_XS for each 32 values apart (16 bytes of `qs`). IQ4_XS has one
//! 6-bit scale for each 32 values: sub-block `b` has its low 4 bits in nibble `b % 2` of
//! `scales_l[b / 2]` and its high 2 bits in bits `2b..2b+2` of `scales_h`.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::decode::{Block, assert_block};
use crate::k_quants::QK_K;
use crate::legacy::{QK, nibbles};
use crate::types::TensorType;

/// What a nibble stands for, before the scale.
pub const KVALUES_IQ4_NL: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// 32 values, one scale: 18 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockIQ4_NL {
    /// Scale.
    pub d: f16,
    /// Nibbles.
    pub qs: [u8; QK / 2],
}

/// 256 values, a scale for each 32: 136 bytes.
#[allow(non_camel_case_types, reason = "the names are the field's own")]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockIQ4_XS {
    /// Scale of the scales.
    pub d: f16,
    /// High 2 bits of the scales.
    pub scales_h: u16,
    /// Low 4 bits of the scales.
    pub scales_l: [u8; QK_K / 64],
    /// Nibbles.
    pub qs: [u8; QK_K / 2],
}

assert_block!(BlockIQ4_NL: IQ4_NL, BlockIQ4_XS: IQ4_XS);

fn table(qs: &[u8; QK / 2]) -> [i8; QK] {
    nibbles(qs).map(|k| KVALUES_IQ4_NL[usize::from(k)])
}

impl BlockIQ4_NL {
    /// The table's values, −127 to 113.
    pub fn quants(&self) -> [i8; QK] {
        table(&self.qs)
    }
}

impl BlockIQ4_XS {
    /// The table's values, −127 to 113.
    pub fn quants(&self) -> [i8; QK_K] {
        let mut out = [0; QK_K];
        for (values, qs) in out.chunks_exact_mut(QK).zip(self.qs.as_chunks().0) {
            values.copy_from_slice(&table(qs));
        }
        out
    }

    /// Scale of each 32 values, −32 to 31.
    pub fn sub_scales(&self) -> [i8; QK_K / QK] {
        std::array::from_fn(|b| {
            let low = self.scales_l[b / 2] >> (b % 2 * 4) & 15;
            let high = (self.scales_h >> (2 * b) & 3) as u8;
            (low | high << 4) as i8 - 32
        })
    }
}

impl Block for BlockIQ4_NL {
    const TYPE: TensorType = TensorType::IQ4_NL;

    fn decode(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (y, q) in out.iter_mut().zip(self.quants()) {
            *y = d * f32::from(q);
        }
    }
}

impl Block for BlockIQ4_XS {
    const TYPE: TensorType = TensorType::IQ4_XS;

    fn decode(&self, out: &mut [f32]) {
        let (d, sub_scales) = (self.d.to_f32(), self.sub_scales());
        for (i, (y, q)) in out.iter_mut().zip(self.quants()).enumerate() {
            *y = d * f32::from(sub_scales[i / QK]) * f32::from(q);
        }
    }
}
