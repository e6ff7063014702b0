//! The two searches that take the time, over several sub-blocks at once.
//!
//! One sub-block's sums must be added one after the other in f32 (see [`super::search`]), so
//! nothing inside of it can be spread over a vector's lanes. But a block has eight or sixteen, and
//! they want the same: lane `s` is sub-block `s`, every operation happens to all of them, and what
//! differs (whose try was better) is a choice between two numbers. A compiler makes vectors of such
//! loops without being told for which machine.
//!
//! Everything here is inlined by force: what is not would be compiled once, without the wider
//! vectors that [`super::encode_row`] may choose.

use super::round::nearest;
use super::search::{EPSILON, Fit, Steps};

/// `S` sub-blocks of `N` values: `[i][s]` is value `i` of sub-block `s`.
pub type Lanes<const S: usize, const N: usize> = [[f32; S]; N];

/// `S` sub-blocks, one after the other, side by side.
#[inline(always)]
pub fn lanes<const S: usize, const N: usize>(x: &[[f32; N]]) -> Lanes<S, N> {
    let mut out = [[0.0; S]; N];
    for (s, x) in x.iter().enumerate().take(S) {
        for (row, x) in out.iter_mut().zip(x) {
            row[s] = *x;
        }
    }
    out
}

/// The searches' results, one after the other again.
#[inline(always)]
fn fits<const S: usize, const N: usize>(
    scale: &[f32; S],
    min: &[f32; S],
    q: &Lanes<S, N>,
) -> [Fit<N>; S] {
    std::array::from_fn(|s| Fit {
        scale: scale[s],
        min: min[s],
        q: std::array::from_fn(|i| q[i][s] as u8),
    })
}

/// Integers `−n..n` under one scale, stored plus `n`. The extreme value is put near `−n`, the side
/// with one integer more, by 19 scales a tenth of an integer apart.
#[inline(always)]
pub fn signed<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    n: i16,
    w: &Lanes<S, N>,
) -> [Fit<N>; S] {
    let (n_f32, n) = (f32::from(n), i32::from(n));
    let mut extreme = [0.0f32; S];
    for x in x {
        for s in 0..S {
            extreme[s] = if x[s].abs() > extreme[s].abs() { x[s] } else { extreme[s] };
        }
    }
    let zero = extreme.map(|extreme| extreme.abs() < EPSILON);
    let mut q = [[0.0; S]; N];
    let zero_min = [0.0; S];
    let mut best_iscale = extreme.map(|extreme| -n_f32 / extreme);
    round(x, &best_iscale, &zero_min, (-n, n - 1), &mut q);
    let (xq, qq) = moments(x, w, &q);
    let mut scale: [f32; S] =
        std::array::from_fn(|s| if qq[s] != 0.0 { xq[s] / qq[s] } else { 0.0 });
    let mut best: [f32; S] = std::array::from_fn(|s| scale[s] * xq[s]);
    for step in (-9i8..=9).filter(|step| *step != 0) {
        let iscale = extreme.map(|extreme| -(n_f32 + 0.1 * f32::from(step)) / extreme);
        round(x, &iscale, &zero_min, (-n, n - 1), &mut q);
        let (xq, qq) = moments(x, w, &q);
        for s in 0..S {
            if qq[s] > 0.0 && xq[s] * xq[s] > best[s] * qq[s] {
                scale[s] = xq[s] / qq[s];
                best[s] = scale[s] * xq[s];
                best_iscale[s] = iscale[s];
            }
        }
    }
    round(x, &best_iscale, &zero_min, (-n, n - 1), &mut q);
    for s in 0..S {
        scale[s] = if zero[s] { 0.0 } else { scale[s] };
        for q in &mut q {
            q[s] = if zero[s] { 0.0 } else { q[s] + n_f32 };
        }
    }
    fits(&scale, &[0.0; S], &q)
}

/// The integers nearest to `(x − min) · iscale`, within a range.
#[inline(always)]
fn round<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    iscale: &[f32; S],
    min: &[f32; S],
    (low, high): (i32, i32),
    q: &mut Lanes<S, N>,
) {
    for i in 0..N {
        for s in 0..S {
            q[i][s] = nearest(iscale[s] * (x[i][s] - min[s])).clamp(low, high) as f32;
        }
    }
}

/// `Σ w·e²`, or `Σ w·|e|`, for the errors `e = scale·q + min − x`.
#[inline(always)]
fn error<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    w: &Lanes<S, N>,
    q: &Lanes<S, N>,
    (scale, min): (&[f32; S], &[f32; S]),
    absolute: bool,
) -> [f32; S] {
    let diff = |i: usize, s: usize| scale[s] * q[i][s] + min[s] - x[i][s];
    if absolute {
        sums::<S, N>(|i, s| w[i][s] * diff(i, s).abs())
    } else {
        sums::<S, N>(|i, s| w[i][s] * (diff(i, s) * diff(i, s)))
    }
}

/// `Σ w·x·q` and `Σ w·q²`.
#[inline(always)]
fn moments<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    w: &Lanes<S, N>,
    q: &Lanes<S, N>,
) -> ([f32; S], [f32; S]) {
    let xq = sums::<S, N>(|i, s| w[i][s] * x[i][s] * q[i][s]);
    (xq, sums::<S, N>(|i, s| w[i][s] * q[i][s] * q[i][s]))
}

/// The sum over `i` for each `s`. One sum a loop: of two or three, compilers make no vectors.
#[inline(always)]
fn sums<const S: usize, const N: usize>(term: impl Fn(usize, usize) -> f32) -> [f32; S] {
    let mut sums = [0.0; S];
    for i in 0..N {
        for (s, sum) in sums.iter_mut().enumerate() {
            *sum += term(i, s);
        }
    }
    sums
}

/// Integers `0..=n` under a scale, above a minimum that is at most zero (`min` has it negated).
#[inline(always)]
pub fn with_minimum<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    n: u8,
    w: &Lanes<S, N>,
    steps: Steps,
) -> [Fit<N>; S] {
    let (n_f32, n) = (f32::from(n), i32::from(n));
    let (least, max, weights) = range(x, w);
    let flat: [bool; S] = std::array::from_fn(|s| max[s] <= least[s]);
    let mut q = [[0.0; S]; N];
    let mut min = least;
    // What the best integers were rounded with.
    let mut best_iscale: [f32; S] = std::array::from_fn(|s| n_f32 / (max[s] - min[s]));
    let mut best_min = min;
    let mut scale = best_iscale.map(|iscale| 1.0 / iscale);
    round(x, &best_iscale, &min, (0, n), &mut q);
    let mut best = error(x, w, &q, (&scale, &min), steps.absolute);
    for i in 0..=steps.count {
        let levels = steps.first + steps.step * f32::from(i) + n_f32;
        // The range is that of the best fit so far, not the first one: `min` moves.
        let iscale: [f32; S] = std::array::from_fn(|s| levels / (max[s] - min[s]));
        round(x, &iscale, &min, (0, n), &mut q);
        let (tried, tried_min, unique) = lines(x, w, &q, &weights);
        let errors = error(x, w, &q, (&tried, &tried_min), steps.absolute);
        for s in 0..S {
            if unique[s] && errors[s] < best[s] {
                (best[s], best_iscale[s], best_min[s]) = (errors[s], iscale[s], min[s]);
                (scale[s], min[s]) = (tried[s], tried_min[s]);
            }
        }
    }
    round(x, &best_iscale, &best_min, (0, n), &mut q);
    for s in 0..S {
        if flat[s] {
            (scale[s], min[s]) = (0.0, least[s]);
            q.iter_mut().for_each(|q| q[s] = 0.0);
        }
    }
    fits(&scale, &min.map(|min| -min), &q)
}

/// Least value (at most 0), largest value, `Σ w` and `Σ w·x` of each sub-block.
#[inline(always)]
#[allow(clippy::type_complexity, reason = "four numbers a lane")]
fn range<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    w: &Lanes<S, N>,
) -> ([f32; S], [f32; S], ([f32; S], [f32; S])) {
    let (mut min, mut max, mut sum_w) = (x[0], x[0], w[0]);
    let mut sum_x: [f32; S] = std::array::from_fn(|s| w[0][s] * x[0][s]);
    for i in 1..N {
        for s in 0..S {
            min[s] = if x[i][s] < min[s] { x[i][s] } else { min[s] };
            max[s] = if x[i][s] > max[s] { x[i][s] } else { max[s] };
            sum_w[s] += w[i][s];
            sum_x[s] += w[i][s] * x[i][s];
        }
    }
    (min.map(|min| if min > 0.0 { 0.0 } else { min }), max, (sum_w, sum_x))
}

/// Scale and minimum (at most 0) of the weighted least-squares line through `(q, x)`, and whether
/// there is one: not if all `q` are the same.
#[inline(always)]
fn lines<const S: usize, const N: usize>(
    x: &Lanes<S, N>,
    w: &Lanes<S, N>,
    q: &Lanes<S, N>,
    (sum_w, sum_x): &([f32; S], [f32; S]),
) -> ([f32; S], [f32; S], [bool; S]) {
    let sum_q = sums::<S, N>(|i, s| w[i][s] * q[i][s]);
    let sum_qq = sums::<S, N>(|i, s| w[i][s] * q[i][s] * q[i][s]);
    let sum_xq = sums::<S, N>(|i, s| w[i][s] * q[i][s] * x[i][s]);
    let (mut scale, mut min, mut unique) = ([0.0; S], [0.0; S], [false; S]);
    for s in 0..S {
        let determinant = sum_w[s] * sum_qq[s] - sum_q[s] * sum_q[s];
        let least = (sum_qq[s] * sum_x[s] - sum_q[s] * sum_xq[s]) / determinant;
        let above = least > 0.0;
        min[s] = if above { 0.0 } else { least };
        scale[s] = if above {
            sum_xq[s] / sum_qq[s]
        } else {
            (sum_w[s] * sum_xq[s] - sum_x[s] * sum_q[s]) / determinant
        };
        unique[s] = determinant > 0.0;
    }
    (scale, min, unique)
}
