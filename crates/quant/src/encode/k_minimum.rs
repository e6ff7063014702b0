//! K-quants with minimums: Q2_K, Q4_K, Q5_K.
//!
//! Each sub-block is fitted alone; then its scale and minimum become small integers under the
//! block's `d` and `dmin`, and the integers are rounded anew under what the decoder will multiply
//! with. Without importance the block's largest scale gets the largest integer, with it that is a
//! search too, weighted by what the sub-blocks weigh.

use half::f16;

use super::lanes::{self, lanes};
use super::pack::{four_bits, one_bit, two_bits};
use super::round::nearest;
use super::search::{self, Steps, WEIGHTED};
use super::{Encode, Importance, mean_square, square_sum, weights};
use crate::k_quants::{BlockQ2_K, BlockQ4_K, BlockQ5_K, QK_K, scale_min_k4};

/// Sub-blocks that are fitted: `S` of `N` values.
struct Subs<const S: usize> {
    scales: [f32; S],
    mins: [f32; S],
    q: [u8; QK_K],
    /// Sum of the weights of each.
    weights: [f32; S],
}

/// Fits each sub-block to integers `0..=n` with the weights `weigh` gives its values.
#[inline(always)]
fn fit<const S: usize, const N: usize>(
    x: &[f32],
    n: u8,
    steps: Steps,
    weigh: impl Fn(usize, &[f32; N]) -> [f32; N],
) -> Subs<S> {
    let mut subs = Subs { scales: [0.0; S], mins: [0.0; S], q: [0; QK_K], weights: [0.0; S] };
    let (x, mut w) = (x.as_chunks::<N>().0, [[0.0; N]; S]);
    for (j, (w, x)) in w.iter_mut().zip(x).enumerate() {
        *w = weigh(j, x);
        subs.weights[j] = w.iter().fold(0.0, |sum, w| sum + w);
    }
    let fits = lanes::with_minimum::<S, N>(&lanes(x), n, &lanes(&w), steps);
    for (j, (fit, q)) in fits.iter().zip(subs.q.as_chunks_mut().0).enumerate() {
        (subs.scales[j], subs.mins[j], *q) = (fit.scale, fit.min, fit.q);
    }
    subs
}

/// Integers under one `d` and one `dmin`.
struct Scales<const S: usize> {
    d: f16,
    dmin: f16,
    scales: [u8; S],
    mins: [u8; S],
}

/// The largest gets `n`; all are 0 if none is positive.
fn by_largest<const S: usize>(x: &[f32; S], n: u8) -> (f16, [u8; S]) {
    let largest = x.iter().fold(0.0f32, |max, x| if *x > max { *x } else { max });
    let n = f32::from(n);
    let inverse = if largest > 0.0 { n / largest } else { 0.0 };
    (f16::from_f32(largest / n), x.map(|x| nearest(inverse * x) as u8))
}

impl<const S: usize> Subs<S> {
    /// Scales and minimums as integers `0..=n`.
    fn scales(&self, n: u8, weighted: bool) -> Scales<S> {
        if weighted {
            let scales = search::positive(&self.scales, n, &self.weights);
            let mins = search::positive(&self.mins, n, &self.weights);
            let (d, dmin) = (f16::from_f32(scales.scale), f16::from_f32(mins.scale));
            return Scales { d, dmin, scales: scales.q, mins: mins.q };
        }
        let ((d, scales), (dmin, mins)) = (by_largest(&self.scales, n), by_largest(&self.mins, n));
        Scales { d, dmin, scales, mins }
    }

    /// Integers `0..=n` under the decoder's scale and minimum. Where that scale is zero they do not
    /// matter and stay.
    #[inline(always)]
    fn round_again(&mut self, x: &[f32], n: u8, (d, dmin): (f16, f16), sub: &[(u8, u8); S]) {
        let len = QK_K / S;
        let (d, dmin) = (d.to_f32(), dmin.to_f32());
        for (j, (q, x)) in self.q.chunks_exact_mut(len).zip(x.chunks_exact(len)).enumerate() {
            let (scale, min) = (d * f32::from(sub[j].0), dmin * f32::from(sub[j].1));
            if scale != 0.0 {
                for (q, x) in q.iter_mut().zip(x) {
                    *q = nearest((x + min) / scale).clamp(0, i32::from(n)) as u8;
                }
            }
        }
    }
}

/// Eight 6-bit scales and minimums into twelve bytes, see [`scale_min_k4`].
fn pack_k4(scales: [u8; 8], mins: [u8; 8]) -> [u8; 12] {
    let mut out = [0; 12];
    for j in 0..4 {
        out[j] = scales[j] | scales[j + 4] >> 4 << 6;
        out[j + 4] = mins[j] | mins[j + 4] >> 4 << 6;
        out[j + 8] = scales[j + 4] & 15 | (mins[j + 4] & 15) << 4;
    }
    out
}

impl Encode for BlockQ2_K {
    const LANES: bool = true;

    #[inline(always)]
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let mut subs: Subs<16> = match importance {
            None => {
                let steps = Steps { first: -0.5, step: 0.1, count: 15, absolute: true };
                fit(x, 3, steps, |_, x: &[f32; 16]| x.map(f32::abs))
            }
            Some(importance) => {
                let (columns, mean) = (importance.columns.as_chunks().0, mean_square(x));
                fit(x, 3, WEIGHTED, |j, x: &[f32; 16]| weights(x, &columns[j], mean))
            }
        };
        let Scales { d, dmin, scales, mins } = subs.scales(15, importance.is_some());
        let scales: [u8; 16] = std::array::from_fn(|j| scales[j] | mins[j] << 4);
        let halves = scales.map(|byte| (byte & 15, byte >> 4));
        subs.round_again(x, 3, (d, dmin), &halves);
        BlockQ2_K { scales, qs: two_bits(&subs.q), d, dmin }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite() && self.dmin.is_finite()
    }
}

/// What Q4_K (`n` 15) and Q5_K (`n` 31) share.
#[inline(always)]
fn encode_k4(
    x: &[f32],
    n: u8,
    steps: Steps,
    importance: Option<Importance<'_>>,
) -> (f16, f16, [u8; 12], [u8; QK_K]) {
    let mut subs: Subs<8> = match importance {
        None => fit(x, n, steps, |_, x: &[f32; 32]| {
            let size = mean_square(x).sqrt();
            x.map(|x| size + x.abs())
        }),
        Some(importance) => {
            let columns = importance.columns.as_chunks().0;
            let mean = 2.0 * square_sum(x) / QK_K as f32;
            fit(x, n, WEIGHTED, |j, x: &[f32; 32]| weights(x, &columns[j], mean))
        }
    };
    let Scales { d, dmin, mut scales, mut mins } = subs.scales(63, importance.is_some());
    // Where most columns are unimportant, a fit can come out falling; its negative scale is a byte
    // above 63 by now. ggml cuts that everywhere but for Q4_K with importance, where the bits spill
    // into another sub-block's scale. Such blocks are rare, and equal bytes worth more than they.
    if n == 31 || importance.is_none() {
        (scales, mins) = (scales.map(|s| s.min(63)), mins.map(|m| m.min(63)));
    }
    let packed = pack_k4(scales, mins);
    let sub: [(u8, u8); 8] = std::array::from_fn(|j| scale_min_k4(&packed, j));
    subs.round_again(x, n, (d, dmin), &sub);
    (d, dmin, packed, subs.q)
}

impl Encode for BlockQ4_K {
    const LANES: bool = true;

    #[inline(always)]
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let steps = Steps { first: -1.0, step: 0.1, count: 20, absolute: false };
        let (d, dmin, scales, q) = encode_k4(x, 15, steps, importance);
        BlockQ4_K { d, dmin, scales, qs: four_bits(&q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite() && self.dmin.is_finite()
    }
}

impl Encode for BlockQ5_K {
    const LANES: bool = true;

    #[inline(always)]
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let steps = Steps { first: -0.5, step: 0.1, count: 15, absolute: false };
        let (d, dmin, scales, q) = encode_k4(x, 31, steps, importance);
        BlockQ5_K { d, dmin, scales, qh: one_bit(&q, 4), qs: four_bits(&q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite() && self.dmin.is_finite()
    }
}
