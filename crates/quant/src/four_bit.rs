//! Four-bit codes into a table of 16 values: IQ4_NL, IQ4_XS, MXFP4.
//!
//! ```text
//! IQ4_NL  d:f16 qs:16                       32 weights   w = d·KVALUES[q]
//! IQ4_XS  d:f16 scales_h:u16 scales_l:4 qs:128  256 weights   w = d·(sc − 32)·KVALUES[q]
//! MXFP4   e:u8 qs:16                        32 weights   w = 2^(e − 127)·E2M1[q]
//! ```
//! Nibbles of each 32 weights: byte `j` holds element `j` (low) and `j + 16` (high).
//!
//! Source: the block structs of ggml; OCP Microscaling Formats 1.0 for MXFP4. Pinned by bytes ggml
//! made.

use bytemuck::{Pod, Zeroable};
use half::f16;

/// Values of IQ4_NL and IQ4_XS: a curve denser near zero, as weights are.
pub const KVALUES_IQ4_NL: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/// Values of MXFP4 (E2M1) times two, so that they are integers.
pub const KVALUES_MXFP4: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// 32 weights, table values.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the names are the field's own")]
pub struct BlockIQ4_NL {
    /// Scale.
    pub d: f16,
    /// Codes.
    pub qs: [u8; 16],
}

/// 256 weights, table values, 8 scales of 6 bits.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the names are the field's own")]
pub struct BlockIQ4_XS {
    /// Scale of scales.
    pub d: f16,
    /// High two bits of each scale, little-endian u16.
    pub scales_h: [u8; 2],
    /// Low four bits of each scale.
    pub scales_l: [u8; 4],
    /// Codes, 16 bytes per 32 weights.
    pub qs: [u8; 128],
}

/// 32 weights of E2M1 with a power-of-two scale.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the names are the field's own")]
pub struct BlockMXFP4 {
    /// Exponent with bias 127.
    pub e: u8,
    /// Codes.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockIQ4_NL>() == 18);
const _: () = assert!(size_of::<BlockIQ4_XS>() == 136);
const _: () = assert!(size_of::<BlockMXFP4>() == 17);

fn nibble(qs: &[u8], i: usize) -> usize {
    usize::from(if i < 16 { qs[i] & 15 } else { qs[i - 16] >> 4 })
}

impl BlockIQ4_NL {
    /// Decodes the block.
    pub fn decode(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (i, o) in out.iter_mut().enumerate() {
            *o = d * f32::from(KVALUES_IQ4_NL[nibble(&self.qs, i)]);
        }
    }
}

impl BlockIQ4_XS {
    /// Scale of 32-element group `j < 8`, centered: `−32..=31`.
    pub fn scale(&self, j: usize) -> i8 {
        let low = self.scales_l[j / 2] >> (4 * (j % 2)) & 15;
        let high = u16::from_le_bytes(self.scales_h) >> (2 * j) & 3;
        (low | (high as u8) << 4) as i8 - 32
    }

    /// Decodes the block.
    pub fn decode(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (j, (out, qs)) in out.chunks_mut(32).zip(self.qs.chunks(16)).enumerate() {
            let dl = d * f32::from(self.scale(j));
            for (i, o) in out.iter_mut().enumerate() {
                *o = dl * f32::from(KVALUES_IQ4_NL[nibble(qs, i)]);
            }
        }
    }
}

impl BlockMXFP4 {
    /// The scale of [`KVALUES_MXFP4`]: `2^(e − 128)`, half the block's scale as the table is
    /// doubled. `e` of 0 and 1 give subnormal numbers.
    pub fn half_scale(&self) -> f32 {
        f32::from_bits(match self.e {
            e @ (0 | 1) => 0x0020_0000 << e,
            e => u32::from(e - 1) << 23,
        })
    }

    /// Decodes the block.
    pub fn decode(&self, out: &mut [f32]) {
        let d = self.half_scale();
        for (i, o) in out.iter_mut().enumerate() {
            *o = d * f32::from(KVALUES_MXFP4[nibble(&self.qs, i)]);
        }
    }
}
