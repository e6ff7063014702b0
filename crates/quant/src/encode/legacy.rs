//! The first formats: without importance the scale follows from the extremes at once; with it the
//! searches of the K-quants look for it.

use half::f16;

use super::lanes::{self, lanes};
use super::pack::{fifth_bits, nibbles};
use super::round::truncate;
use super::search::{self, Fit, WEIGHTED};
use super::{Encode, Importance, weights};
use crate::legacy::{BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0, QK};

/// Slices of a block as arrays.
fn array(x: &[f32]) -> &[f32; QK] {
    &x.as_chunks().0[0]
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The byte that C makes of a number: its integer part's low bits.
fn byte(x: f32) -> u8 {
    truncate(x) as u8
}

/// A scale that puts the value of largest magnitude at `−n`, with integers `0..2n`.
fn signed(x: &[f32], n: u8, importance: Option<Importance<'_>>) -> Fit<QK> {
    let x = array(x);
    if let Some(importance) = importance {
        let weights = weights(x, array(importance.columns), importance.row_mean_square);
        let [fit] = lanes::signed(&lanes(&[*x]), i16::from(n), &lanes(&[weights]));
        return fit;
    }
    let n_f32 = f32::from(n);
    let scale = search::extreme(x) / -n_f32;
    let inverse = inverse(scale);
    let q = x.map(|x| byte(x * inverse + (n_f32 + 0.5)).min(2 * n - 1));
    Fit { scale, min: 0.0, q }
}

/// A scale and minimum with the smallest value at 0 and the largest at `n`.
fn with_minimum(x: &[f32], n: u8, importance: Option<Importance<'_>>) -> Fit<QK> {
    let x = array(x);
    if let Some(importance) = importance {
        let weights = weights(x, array(importance.columns), importance.row_mean_square);
        let [fit] = lanes::with_minimum(&lanes(&[*x]), n, &lanes(&[weights]), WEIGHTED);
        return fit;
    }
    let least = x.iter().fold(f32::MAX, |min, x| if *x < min { *x } else { min });
    let most = x.iter().fold(-f32::MAX, |max, x| if *x > max { *x } else { max });
    let scale = (most - least) / f32::from(n);
    let inverse = inverse(scale);
    let q = x.map(|x| byte((x - least) * inverse + 0.5).min(n));
    Fit { scale, min: -least, q }
}

impl Encode for BlockQ4_0 {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let fit = signed(x, 8, importance);
        BlockQ4_0 { d: f16::from_f32(fit.scale), qs: nibbles(&fit.q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}

impl Encode for BlockQ4_1 {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let fit = with_minimum(x, 15, importance);
        let (d, m) = (f16::from_f32(fit.scale), f16::from_f32(-fit.min));
        BlockQ4_1 { d, m, qs: nibbles(&fit.q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite() && self.m.is_finite()
    }
}

impl Encode for BlockQ5_0 {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let fit = signed(x, 16, importance);
        let d = f16::from_f32(fit.scale);
        BlockQ5_0 { d, qh: fifth_bits(&fit.q), qs: nibbles(&fit.q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}

impl Encode for BlockQ5_1 {
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self {
        let fit = with_minimum(x, 31, importance);
        let (d, m) = (f16::from_f32(fit.scale), f16::from_f32(-fit.min));
        BlockQ5_1 { d, m, qh: fifth_bits(&fit.q), qs: nibbles(&fit.q) }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite() && self.m.is_finite()
    }
}

impl Encode for BlockQ8_0 {
    fn encode(x: &[f32], _: Option<Importance<'_>>) -> Self {
        let x = array(x);
        let scale = search::extreme(x).abs() / 127.0;
        let inverse = inverse(scale);
        let qs = x.map(|x| truncate((x * inverse).round()) as i8);
        BlockQ8_0 { d: f16::from_f32(scale), qs }
    }

    fn is_finite(&self) -> bool {
        self.d.is_finite()
    }
}
