//! The scalar truth of every op: plain loops, f32 in and out, f64 inside.
//!
//! Each function here is what a kernel of `cpu` or `gpu` is tested against. They are written to be
//! read next to the paper: no SIMD, no blocking, no tricks, and no code shared with any kernel. The
//! sums run in f64 so that the truth's own rounding never shows at the tolerances of the tests.

use crate::plan::Activation;
use crate::rope::RopeStyle;

/// Root-mean-square norm of one row: `out[i] = gain[i] · x[i] / sqrt(mean(x²) + eps)`.
///
/// # Shapes
/// `x`, `gain`, `out`: `[n]`.
///
/// # Source
/// Zhang & Sennrich 2019 (arXiv:1910.07467); `eps` is added to the mean, as in the Llama code.
pub fn rms_norm(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
    let mean = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (mean + f64::from(eps)).sqrt();
    for ((o, &v), &g) in out.iter_mut().zip(x).zip(gain) {
        *o = (f64::from(v) * scale * f64::from(g)) as f32;
    }
}

/// Layer norm of one row: `out[i] = gain[i] · (x[i] - mean(x)) / sqrt(var(x) + eps) + bias[i]`.
///
/// # Shapes
/// `x`, `gain`, `out`: `[n]`; `bias`: `[n]`, or empty for none. The variance is that of the row
/// (divided by `n`).
///
/// # Source
/// Ba, Kiros & Hinton 2016 (arXiv:1607.06450); `eps` is added to the variance.
pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let n = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    for (i, ((o, &v), &g)) in out.iter_mut().zip(x).zip(gain).enumerate() {
        let bias = bias.get(i).copied().unwrap_or(0.0);
        *o = ((f64::from(v) - mean) * scale * f64::from(g) + f64::from(bias)) as f32;
    }
}

/// Dot product of a decoded weight row and an activation row.
pub fn dot(w: &[f32], x: &[f32]) -> f32 {
    w.iter().zip(x).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() as f32
}

/// The nonlinearity of a feed-forward block (see [`Activation`]).
pub fn activate(act: Activation, x: f32) -> f32 {
    let x = f64::from(x);
    let y = match act {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            0.5 * x * (1.0 + (c * (x + 0.044_715 * x * x * x)).tanh())
        }
    };
    y as f32
}

/// Rotates one head in place; `cos_sin` is `[n_pairs][2]` from
/// [`RopeTable::cos_sin`](crate::RopeTable::cos_sin). Elements beyond `2 · n_pairs` stay.
pub fn rope(head: &mut [f32], style: RopeStyle, cos_sin: &[f32]) {
    let n_pairs = cos_sin.len() / 2;
    for i in 0..n_pairs {
        let (a, b) = match style {
            RopeStyle::Interleaved => (2 * i, 2 * i + 1),
            RopeStyle::Halves => (i, i + n_pairs),
        };
        let (cos, sin) = (f64::from(cos_sin[2 * i]), f64::from(cos_sin[2 * i + 1]));
        let (x, y) = (f64::from(head[a]), f64::from(head[b]));
        head[a] = (x * cos - y * sin) as f32;
        head[b] = (x * sin + y * cos) as f32;
    }
}

/// One query head over its visible keys: `out = softmax(scale · q·Kᵀ) · V`.
///
/// # Shapes
/// `q`, `out`: `[head_dim]`. `key(p)` and `value(p)` give row `p` of this head for `p` in `range`
/// (the limits of the mask are already in `range`).
pub fn attend<'a>(
    q: &[f32],
    range: std::ops::Range<usize>,
    scale: f32,
    key: impl Fn(usize) -> &'a [f32],
    value: impl Fn(usize) -> &'a [f32],
    out: &mut [f32],
) {
    let score = |p: usize| {
        let dot: f64 = q.iter().zip(key(p)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        dot * f64::from(scale)
    };
    let scores: Vec<f64> = range.clone().map(score).collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    let mut acc = vec![0.0f64; out.len()];
    for (p, s) in range.zip(scores) {
        let weight = (s - max).exp();
        sum += weight;
        for (a, &v) in acc.iter_mut().zip(value(p)) {
            *a += weight * f64::from(v);
        }
    }
    for (o, a) in out.iter_mut().zip(acc) {
        *o = (a / sum) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rms_norm_of_a_constant_row_is_its_sign_times_gain() {
        let mut out = [0.0; 3];
        rms_norm(&[-2.0, -2.0, -2.0], &[1.0, 2.0, 0.5], 0.0, &mut out);
        assert_eq!(out, [-1.0, -2.0, -0.5]);
    }

    #[test]
    fn layer_norm_centers_scales_and_shifts() {
        let mut out = [0.0; 2];
        layer_norm(&[3.0, 7.0], &[1.0, 0.5], &[0.0, 10.0], 0.0, &mut out);
        assert_eq!(out, [-1.0, 10.5]);
        layer_norm(&[3.0, 7.0], &[1.0, 0.5], &[], 12.0, &mut out);
        assert_eq!(out, [-0.5, 0.25]);
    }

    #[test]
    fn rope_turns_pairs_by_style() {
        let quarter = [0.0, 1.0, 1.0, 0.0]; // pair 0 by 90 degrees, pair 1 not at all
        let mut head = [1.0, 2.0, 3.0, 4.0, 9.0];
        rope(&mut head, RopeStyle::Interleaved, &quarter);
        assert_eq!(head, [-2.0, 1.0, 3.0, 4.0, 9.0]);
        let mut head = [1.0, 2.0, 3.0, 4.0, 9.0];
        rope(&mut head, RopeStyle::Halves, &quarter);
        assert_eq!(head, [-3.0, 2.0, 1.0, 4.0, 9.0]);
    }

    #[test]
    fn attention_over_one_key_returns_its_value() {
        let (k, v) = ([0.3f32, -1.0], [5.0f32, 7.0]);
        let mut out = [0.0; 2];
        attend(&[1.0, 2.0], 4..5, 0.5, |_| &k, |_| &v, &mut out);
        assert_eq!(out, v);
    }

    #[test]
    fn activations_at_known_points() {
        assert_eq!(activate(Activation::Silu, 0.0), 0.0);
        assert!((activate(Activation::Silu, 1.0) - 0.731_058_6).abs() < 1e-6);
        assert!((activate(Activation::GeluTanh, 1.0) - 0.841_192).abs() < 1e-6);
    }
}
