//! MXFP4: the exponent of the largest value decides the scale, so that it lies between 4 and 8 and
//! what is above 6 becomes 6.

use super::pack::nibbles;
use super::round::truncate;
use super::search;
use super::{Encode, Importance};
use crate::legacy::QK;
use crate::mxfp4::{BlockMXFP4, KVALUES_MXFP4, e8m0_half};

/// `⌊log2 x⌋` as ggml has it: of the logarithm rounded to f32, which is the next integer already
/// where `x` is just below its power of two.
fn floor_log2(x: f32) -> f32 {
    (f64::from(x).log2() as f32).floor()
}

/// Index of the nearest value, the first of equally near ones.
fn nearest_value(x: f32, scale: f32) -> u8 {
    let mut best = (0, f32::INFINITY);
    for (k, value) in (0..).zip(KVALUES_MXFP4) {
        let error = (f32::from(value) * scale - x).abs();
        if error < best.1 {
            best = (k, error);
        }
    }
    best.0
}

impl Encode for BlockMXFP4 {
    const MAX: f32 = f32::MAX;

    fn encode(x: &[f32], _: Option<Importance<'_>>) -> Self {
        let x: &[f32; QK] = &x.as_chunks().0[0];
        let largest = search::extreme(x).abs();
        // Below 2^-125 the exponent wraps around and all values become 0, which is as near.
        let e = if largest > 0.0 { truncate(floor_log2(largest) - 2.0 + 127.0) as u8 } else { 0 };
        let scale = e8m0_half(e);
        BlockMXFP4 { e, qs: nibbles(&x.map(|x| nearest_value(x, scale))) }
    }

    fn is_finite(&self) -> bool {
        true
    }
}
