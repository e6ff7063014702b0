//! Ternary types: the value of largest magnitude is the scale, and the others are rounded to it, to
//! its negative or to 0. Made for models trained so; others lose almost everything.

use half::f16;

use super::pack::two_bits;
use super::search;
use super::{Encode, Importance};
use crate::k_quants::QK_K;
use crate::ternary::{BlockTQ1_0, BlockTQ2_0, trit_place};

/// The scale, and −1, 0 and 1 as 0, 1 and 2.
fn trits(x: &[f32]) -> (f32, [u8; QK_K]) {
    let scale = search::extreme(x).abs();
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let mut out = [1; QK_K];
    for (trit, x) in out.iter_mut().zip(x) {
        // A scale below the normal numbers has an infinite inverse: those values become 0.
        let unit = x * inverse;
        if unit.is_finite() {
            *trit = (unit.round() as i8 + 1) as u8;
        }
    }
    (scale, out)
}

impl Encode for BlockTQ1_0 {
    fn encode(x: &[f32], _: Option<Importance<'_>>) -> Self {
        let (scale, trits) = trits(x);
        let mut numbers = [0u16; 52];
        for (i, trit) in trits.into_iter().enumerate() {
            let (byte, place) = trit_place(i);
            numbers[byte] += u16::from(trit) * 3u16.pow(4 - place);
        }
        let bytes = numbers.map(|v| (v * 256).div_ceil(243) as u8);
        let (mut qs, mut qh) = ([0; 48], [0; 4]);
        qs.copy_from_slice(&bytes[..48]);
        qh.copy_from_slice(&bytes[48..]);
        BlockTQ1_0 { qs, qh, d: f16::from_f32(scale) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}

impl Encode for BlockTQ2_0 {
    fn encode(x: &[f32], _: Option<Importance<'_>>) -> Self {
        let (scale, trits) = trits(x);
        BlockTQ2_0 { qs: two_bits(&trits), d: f16::from_f32(scale) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}
