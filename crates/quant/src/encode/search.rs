//! Searches for the scale (and minimum) under which a sub-block's integers fit best.
//!
//! All of them try a handful of scales around the obvious one, round to integers under each, solve
//! for the best scale given those integers (a weighted least-squares fit of one or two unknowns),
//! and keep the best. They differ in what the grid is:
//!
//! | function         | value       | integers        | used for                                  |
//! |------------------|-------------|-----------------|-------------------------------------------|
//! | [`signed`]       | `d·(q − n)` | `0..2n`         | Q4_0, Q5_0, Q3_K, Q6_K; scales of Q3_K    |
//! | [`with_minimum`] | `d·q − m`   | `0..=n`, m >= 0 | Q4_1, Q5_1, Q2_K, Q4_K, Q5_K              |
//! | [`positive`]     | `d·q`       | `0..=n`         | scales and minimums of weighted K-quants  |
//! | [`by_turns`]     | `d·(q − n)` | `0..2n`         | Q3_K without weights                      |
//!
//! An exhaustive search finds better fits. These are ggml's, to the order of additions, because a
//! file that is equal byte for byte is one whose quality was already measured. Sums therefore stay
//! scalar, in order and in f32; only the rounding in front of them runs side by side.

use super::round::nearest;

/// Magnitudes below this are a sub-block of zeros.
pub const EPSILON: f32 = 1e-15;

/// A scale, and each value's integer under it.
#[derive(Clone, Copy)]
pub struct Fit<const N: usize> {
    /// What an integer is multiplied with.
    pub scale: f32,
    /// What is subtracted afterwards; 0 for grids without minimum.
    pub min: f32,
    /// Integers, from 0.
    pub q: [u8; N],
}

impl<const N: usize> Fit<N> {
    fn zeros(min: f32) -> Self {
        Fit { scale: 0.0, min, q: [0; N] }
    }
}

/// The value of largest magnitude, the first of several.
pub fn extreme(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |max: f32, x| if x.abs() > max.abs() { *x } else { max })
}

#[inline(always)]
fn rounded<const N: usize>(x: &[f32; N], iscale: f32, min: i32, max: i32) -> [i32; N] {
    std::array::from_fn(|i| nearest(iscale * x[i]).clamp(min, max))
}

/// `Σ w·x·q` and `Σ w·q²`.
#[inline(always)]
fn moments<const N: usize>(x: &[f32; N], w: &[f32; N], q: &[i32; N]) -> (f32, f32) {
    let (mut xq, mut qq) = (0.0, 0.0);
    for i in 0..N {
        let q = q[i] as f32;
        xq += w[i] * x[i] * q;
        qq += w[i] * q * q;
    }
    (xq, qq)
}

/// Integers `−n..n` under one scale, stored plus `n`, weights `x²`: from the obvious scale on, one
/// integer after the other moves to where the fit of all improves, at most five times around.
pub fn by_turns<const N: usize>(x: &[f32; N], n: i16) -> Fit<N> {
    let extreme = extreme(x);
    if extreme.abs() < EPSILON {
        return Fit::zeros(0.0);
    }
    let w = x.map(|x| x * x);
    let mut q = rounded(x, -f32::from(n) / extreme, -i32::from(n), i32::from(n) - 1);
    let mut sums = moments(x, &w, &q);
    for _ in 0..5 {
        let mut moved = false;
        for i in 0..N {
            let old = q[i] as f32;
            let (xq, qq) = (sums.0 - w[i] * x[i] * old, sums.1 - w[i] * old * old);
            if xq > 0.0 {
                let new = nearest(x[i] * qq / xq).clamp(-i32::from(n), i32::from(n) - 1);
                moved |= replace(&mut q[i], new, (x[i], w[i]), (xq, qq), &mut sums);
            }
        }
        if !moved {
            break;
        }
    }
    let scale = if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    Fit { scale, min: 0.0, q: q.map(|q| (q + i32::from(n)) as u8) }
}

/// Puts `new` in the place of `q` if the fit of all improves; `without` are the sums without it.
#[inline(always)]
fn replace(
    q: &mut i32,
    new: i32,
    (x, w): (f32, f32),
    without: (f32, f32),
    sums: &mut (f32, f32),
) -> bool {
    if new == *q {
        return false;
    }
    let new_f32 = new as f32;
    let (xq, qq) = (without.0 + w * x * new_f32, without.1 + w * new_f32 * new_f32);
    let better = qq > 0.0 && xq * xq * sums.1 > sums.0 * sums.0 * qq;
    if better {
        (*q, *sums) = (new, (xq, qq));
    }
    better
}

/// Integers `0..=n` under one scale, for values that are not negative.
pub fn positive<const N: usize>(x: &[f32; N], n: u8, w: &[f32; N]) -> Fit<N> {
    let max = x.iter().fold(0.0f32, |max, x| if max > *x { max } else { *x });
    if max < EPSILON {
        return Fit::zeros(0.0);
    }
    let (n_f32, n) = (f32::from(n), i32::from(n));
    let error = |scale: f32, q: &[i32; N]| {
        let mut sum = 0.0;
        for i in 0..N {
            let diff = x[i] - scale * q[i] as f32;
            sum += w[i] * diff * diff;
        }
        sum
    };
    let mut iscale = n_f32 / max;
    // The first integers are bytes; negative values, which come of rounding, wrap around.
    let first = rounded(x, iscale, i32::MIN, i32::MAX).map(|q| i32::from(q as u8));
    let mut best = error(1.0 / iscale, &first);
    for step in (-4i8..=4).filter(|step| *step != 0) {
        let tried = (0.1 * f32::from(step) + n_f32) / max;
        let error = error(1.0 / tried, &rounded(x, tried, i32::MIN, n));
        if error < best {
            (best, iscale) = (error, tried);
        }
    }
    let start = rounded(x, iscale, i32::MIN, n);
    let mut sums = moments(x, w, &start);
    let mut q = start.map(|q| i32::from(q as u8));
    for _ in 0..5 {
        let mut moved = false;
        for i in 0..N {
            let old = q[i] as f32;
            let (xq, qq) = (sums.0 - w[i] * x[i] * old, sums.1 - w[i] * old * old);
            if xq > 0.0 && qq > 0.0 {
                let new = nearest(x[i] * qq / xq).min(n);
                moved |= replace(&mut q[i], new, (x[i], w[i]), (xq, qq), &mut sums);
                q[i] = i32::from(q[i] as u8);
            }
        }
        if !moved {
            break;
        }
    }
    let scale = if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    Fit { scale, min: 0.0, q: q.map(|q| q as u8) }
}

/// The scales [`with_minimum`] tries: `n + first + step·i` integers over the range, `i <= count`.
#[derive(Clone, Copy)]
pub struct Steps {
    /// Offset of the first, in integers.
    pub first: f32,
    /// Distance of two.
    pub step: f32,
    /// One less than there are.
    pub count: u8,
    /// Errors count by their magnitude, not their square.
    pub absolute: bool,
}

/// What all searches with importance weights try.
pub const WEIGHTED: Steps = Steps { first: -0.9, step: 0.05, count: 36, absolute: false };
