//! IQ4: the nearest of sixteen uneven values, under a scale found among sixteen around the obvious
//! ones.

use half::f16;

use super::pack::nibbles;
use super::round::nearest;
use super::search::{self, EPSILON};
use super::{Encode, Importance, square_sum, weights};
use crate::iq4::{BlockIQ4_NL, BlockIQ4_XS, KVALUES_IQ4_NL};
use crate::k_quants::QK_K;
use crate::legacy::QK;

/// The values as floats.
const VALUES: [f32; 16] = {
    let mut out = [0.0; 16];
    let mut i = 0;
    while i < 16 {
        out[i] = KVALUES_IQ4_NL[i] as f32;
        i += 1;
    }
    out
};

/// Where the nearest value changes: halfway between two of them.
const BORDERS: [f32; 15] = {
    let mut out = [0.0; 15];
    let mut i = 0;
    while i < 15 {
        out[i] = (VALUES[i] + VALUES[i + 1]) * 0.5;
        i += 1;
    }
    out
};

/// Index of the nearest value, of two equally near ones the higher. A count and not a search by
/// halves, because that runs side by side for a sub-block.
#[inline]
fn nearest_values(x: &[f32; QK], scale: f32) -> [u8; QK] {
    let mut out = [15; QK];
    for border in BORDERS {
        for (q, x) in out.iter_mut().zip(x) {
            *q -= u8::from(scale * x < border);
        }
    }
    out
}

/// The scale with the least weighted error; 0 for a sub-block of zeros or without any importance.
fn scale(x: &[f32; QK], w: &[f32; QK]) -> f32 {
    let extreme = search::extreme(x);
    if extreme.abs() < EPSILON {
        return 0.0;
    }
    let moments = |iscale: f32| {
        let (mut xq, mut qq) = (0.0, 0.0);
        for (i, k) in nearest_values(x, iscale).into_iter().enumerate() {
            let q = VALUES[usize::from(k)];
            xq += w[i] * q * x[i];
            qq += w[i] * q * q;
        }
        (xq, qq)
    };
    // First the extreme value at the short end of the table, then around the long one.
    let (xq, qq) = moments(1.0 / (-extreme / VALUES[0]));
    let mut scale = xq / qq;
    let mut best = scale * xq;
    for step in -7i8..=7 {
        let (xq, qq) = moments((f32::from(step) + VALUES[0]) / extreme);
        if qq > 0.0 && xq * xq > best * qq {
            scale = xq / qq;
            best = scale * xq;
        }
    }
    if scale.is_nan() { 0.0 } else { scale }
}

fn weigh(x: &[f32; QK], columns: Option<&[f32; QK]>, mean: f32) -> [f32; QK] {
    columns.map_or_else(|| x.map(|x| x * x), |columns| weights(x, columns, mean))
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

impl Encode for BlockIQ4_NL {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let mean = square_sum(x) * (2.0 / QK as f32);
        let x: &[f32; QK] = &x.as_chunks().0[0];
        let columns = importance.map(|importance| &importance.columns.as_chunks().0[0]);
        let scale = scale(x, &weigh(x, columns, mean));
        let q = nearest_values(x, inverse(scale));
        BlockIQ4_NL { d: f16::from_f32(scale), qs: nibbles(&q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}

impl Encode for BlockIQ4_XS {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let mean = square_sum(x) * (2.0 / QK_K as f32);
        let x = x.as_chunks::<QK>().0;
        let columns = importance.map(|importance| importance.columns.as_chunks::<QK>().0);
        let scales: [f32; QK_K / QK] = std::array::from_fn(|b| {
            scale(&x[b], &weigh(&x[b], columns.map(|columns| &columns[b]), mean))
        });
        let d = -search::extreme(&scales) / 32.0;
        let mut block =
            BlockIQ4_XS { d: f16::from_f32(d), scales_h: 0, scales_l: [0; 4], qs: [0; QK_K / 2] };
        for (b, qs) in block.qs.as_chunks_mut().0.iter_mut().enumerate() {
            let sub_scale = nearest(inverse(d) * scales[b]).clamp(-32, 31);
            // Under the exact `d`, not the rounded one of the block: so ggml.
            *qs = nibbles(&nearest_values(&x[b], inverse(d * sub_scale as f32)));
            let stored = (sub_scale + 32) as u8;
            block.scales_l[b / 2] |= (stored & 15) << (b % 2 * 4);
            block.scales_h |= u16::from(stored >> 4) << (2 * b);
        }
        block
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}
