//! K-quants without minimums: Q3_K and Q6_K, whose sub-blocks have a signed scale each.

use half::f16;

use super::lanes::{self, lanes};
use super::pack::{one_bit, two_bits};
use super::round::nearest;
use super::search::{self, EPSILON, Fit};
use super::{Encode, Importance, square_sum, weights};
use crate::k_quants::{BlockQ3_K, BlockQ6_K, QK_K};

/// Values in a sub-block.
const LEN: usize = 16;
/// Sub-blocks.
const N: usize = QK_K / LEN;

fn subs(x: &[f32]) -> &[[f32; LEN]; N] {
    &x.as_chunks().0.as_chunks().0[0]
}

/// Scales, and integers of the block.
fn taken_apart(fits: &[Fit<LEN>; N]) -> ([f32; N], [u8; QK_K]) {
    let mut q = [0; QK_K];
    for (q, fit) in q.as_chunks_mut().0.iter_mut().zip(fits) {
        *q = fit.q;
    }
    (fits.map(|fit| fit.scale), q)
}

/// Integers `−n..n`, stored plus `n`, under the decoder's scale of each sub-block. Where that is
/// zero they do not matter and stay.
#[inline(always)]
fn round_again(q: &mut [u8; QK_K], x: &[f32], n: i32, d: f16, scales: &[i8; N]) {
    for (j, (q, x)) in q.chunks_exact_mut(LEN).zip(x.chunks_exact(LEN)).enumerate() {
        let scale = d.to_f32() * f32::from(scales[j]);
        if scale != 0.0 {
            for (q, x) in q.iter_mut().zip(x) {
                *q = (nearest(x / scale).clamp(-n, n - 1) + n) as u8;
            }
        }
    }
}

/// Sixteen 6-bit scales into twelve bytes, see [`BlockQ3_K::sub_scales`].
fn pack_q3(scales: &[u8; N]) -> [u8; 12] {
    let mut out = [0; 12];
    for (j, scale) in scales.iter().enumerate() {
        out[j % 8] |= (scale & 15) << (j / 8 * 4);
        out[8 + j % 4] |= scale >> 4 << (j / 4 * 2);
    }
    out
}

impl Encode for BlockQ3_K {
    const LANES: bool = true;

    #[inline(always)]
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let (fitted, mut q, d, scales);
        if let Some(importance) = importance {
            let mean = 2.0 * square_sum(x) / QK_K as f32;
            let columns = subs(importance.columns);
            let w: [[f32; LEN]; N] =
                std::array::from_fn(|j| weights(&subs(x)[j], &columns[j], mean));
            (fitted, q) = taken_apart(&lanes::signed::<N, LEN>(&lanes(subs(x)), 4, &lanes(&w)));
            let sums = w.map(|w| w.iter().fold(0.0, |sum, w| sum + w));
            let [fit] = lanes::signed(&lanes(&[fitted]), 32, &lanes(&[sums]));
            (d, scales) = (f16::from_f32(fit.scale), fit.q);
        } else {
            (fitted, q) = taken_apart(&subs(x).map(|x| search::by_turns(&x, 4)));
            (d, scales) = by_largest(&fitted);
        }
        round_again(&mut q, x, 4, d, &scales.map(|scale| scale as i8 - 32));
        BlockQ3_K { hmask: one_bit(&q, 2), qs: two_bits(&q), scales: pack_q3(&scales), d }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}

/// The scale of largest magnitude becomes −32; all are stored plus 32.
fn by_largest(scales: &[f32; N]) -> (f16, [u8; N]) {
    let extreme = search::extreme(scales);
    if extreme == 0.0 {
        return (f16::ZERO, [0; N]);
    }
    let inverse = -32.0 / extreme;
    let q = scales.map(|scale| (nearest(inverse * scale).clamp(-32, 31) + 32) as u8);
    (f16::from_f32(1.0 / inverse), q)
}

/// The low nibbles of Q6_K: two planes of 64 bytes over each 128.
fn low_nibbles(q: &[u8; QK_K]) -> [u8; QK_K / 2] {
    std::array::from_fn(|i| {
        let start = i / 64 * 128 + i % 64;
        q[start] & 15 | q[start + 64] << 4
    })
}

impl Encode for BlockQ6_K {
    const LANES: bool = true;

    #[inline(always)]
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let side_by_side = lanes(subs(x));
        let w = match importance {
            None => side_by_side.map(|row: [f32; N]| row.map(|x| x * x)),
            Some(importance) => lanes(subs(importance.columns)),
        };
        let (fitted, mut q) = taken_apart(&lanes::signed(&side_by_side, 32, &w));
        let extreme = search::extreme(&fitted);
        if extreme.abs() < EPSILON {
            return bytemuck::Zeroable::zeroed();
        }
        let inverse = -128.0 / extreme;
        let d = f16::from_f32(1.0 / inverse);
        let scales = fitted.map(|scale| nearest(inverse * scale).min(127) as i8);
        round_again(&mut q, x, 32, d, &scales);
        let high = q.map(|q| q >> 4);
        BlockQ6_K { ql: low_nibbles(&q), qh: two_bits(&high), scales, d }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}
