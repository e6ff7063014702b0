//! What is said about two models that were compared, as llama-perplexity says it.
//!
//! Source: llama.cpp's `perplexity`, `--kl-divergence`. The logarithm of the ratio of perplexities
//! has a much smaller error than either of them, because both models find the same places hard:
//! the covariance is subtracted.

use super::row::Other;
use crate::Estimate;
use crate::estimate::{Sums, Value};
use crate::softmax::Row;

/// What the base finds less probable than `exp` of this is left out of the sum: it adds nothing,
/// and the file does not tell it apart.
const LEAST: f32 = -16.0;

/// Two models over the same tokens.
#[derive(Clone, Debug, Default)]
pub struct Divergence {
    /// The model's own perplexity.
    pub model: Estimate,
    /// The base's.
    pub base: Estimate,
    /// Sum of products of both surprises.
    products: f64,
    kl: Sums,
    /// Differences of the probability of the token that follows, model minus base.
    delta: Sums,
    delta_squares: Sums,
    same_top: u64,
    kl_values: Vec<f32>,
    delta_values: Vec<f32>,
}

/// Where values stand, from the smallest to the largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentiles(Vec<f32>);

impl Percentiles {
    fn of(values: &[f32]) -> Percentiles {
        let mut values = values.to_vec();
        values.sort_by(f32::total_cmp);
        Percentiles(values)
    }

    /// The value below which `share` (0 to 1) of all are, between two of them if need be.
    pub fn at(&self, share: f64) -> f64 {
        let place = share.clamp(0.0, 1.0) * self.0.len().saturating_sub(1) as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        let value = |i: usize| f64::from(self.0.get(i).copied().unwrap_or(0.0));
        let high = if part > 0.0 { value(low + 1) } else { 0.0 };
        (1.0 - part) * value(low) + part * high
    }

    /// The values that are told, with their names: the ends, the median, and at [`SHARES`].
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let ends = [("max", 1.0), ("median", 0.5), ("min", 0.0)];
        let shares = SHARES.map(|(share, name)| (name, share));
        ends.into_iter().chain(shares).map(|(name, share)| (name, self.at(share)))
    }
}

/// Shares of the places at which values are told, and what they are called, in percent.
pub const SHARES: [(f64, &str); 10] = [
    (0.999, "99.9"),
    (0.99, "99.0"),
    (0.95, "95.0"),
    (0.9, "90.0"),
    (0.75, "75.0"),
    (0.25, "25.0"),
    (0.1, "10.0"),
    (0.05, "5.0"),
    (0.01, "1.0"),
    (0.001, "0.1"),
];

impl Divergence {
    /// A place where both models answered; `next` is what the text has there.
    pub(crate) fn add(&mut self, row: &Row<'_>, base: &impl Other, next: usize) {
        let nats = -row.log_prob(next);
        let base_nats = -f64::from(base.log_prob(next));
        self.model.add(nats);
        self.base.add(base_nats);
        self.products += nats * base_nats;
        let norm = row.norm();
        let mut kl = 0f64;
        for (id, &logit) in row.logits.iter().enumerate() {
            let log_base = base.log_prob(id);
            if log_base > LEAST {
                kl += f64::from(log_base.exp() * (log_base - (logit - norm)));
            }
        }
        self.kl.add(kl);
        self.kl_values.push(kl as f32);
        let delta = (-nats).exp() - (-base_nats).exp();
        self.delta.add(delta);
        self.delta_squares.add(delta * delta);
        self.delta_values.push(delta as f32);
        self.same_top += u64::from(row.top == base.top());
    }

    /// Tokens scored.
    pub fn n(&self) -> u64 {
        self.model.n()
    }

    /// Variance of the difference of both means, and their covariance.
    fn covariance(&self) -> f64 {
        let n = self.n() as f64;
        if n < 2.0 {
            return 0.0;
        }
        (self.products / n - self.model.nats().value * self.base.nats().value) / (n - 1.0)
    }

    /// Correlation of both models' surprises.
    pub fn correlation(&self) -> f64 {
        let errors = self.model.nats().error * self.base.nats().error;
        if errors > 0.0 { self.covariance() / errors } else { 1.0 }
    }

    /// Logarithm of the model's perplexity over the base's.
    pub fn log_ratio(&self) -> Value {
        let (model, base) = (self.model.nats(), self.base.nats());
        let variance = model.error.powi(2) + base.error.powi(2) - 2.0 * self.covariance();
        Value { value: model.value - base.value, error: variance.max(0.0).sqrt() }
    }

    /// The model's perplexity over the base's.
    pub fn ratio(&self) -> Value {
        let Value { value, error } = self.log_ratio();
        Value { value: value.exp(), error: value.exp() * error }
    }

    /// The model's perplexity minus the base's.
    pub fn difference(&self) -> Value {
        let (model, base) = (self.model.perplexity(), self.base.perplexity());
        let shared = 2.0 * model.value * base.value * self.covariance();
        let variance = model.error.powi(2) + base.error.powi(2) - shared;
        Value { value: model.value - base.value, error: variance.max(0.0).sqrt() }
    }

    /// Mean divergence in nats: what the base's answers are surprised by if the model speaks.
    pub fn kl(&self) -> Value {
        self.kl.mean()
    }

    /// Divergences of all places.
    pub fn kl_percentiles(&self) -> Percentiles {
        Percentiles::of(&self.kl_values)
    }

    /// Mean change of the probability of the token that follows.
    pub fn delta(&self) -> Value {
        self.delta.mean()
    }

    /// Root of the mean square of these changes.
    pub fn rms_delta(&self) -> Value {
        let Value { value, error } = self.delta_squares.mean();
        let value = value.max(0.0).sqrt();
        Value { value, error: if value > 0.0 { 0.5 * error / value } else { 0.0 } }
    }

    /// Changes of all places.
    pub fn delta_percentiles(&self) -> Percentiles {
        Percentiles::of(&self.delta_values)
    }

    /// Share of places where both find the same token most probable.
    pub fn same_top(&self) -> Value {
        let n = self.n();
        if n == 0 {
            return Value::default();
        }
        let value = self.same_top as f64 / n as f64;
        let error = if n > 1 { (value * (1.0 - value) / (n - 1) as f64).sqrt() } else { 0.0 };
        Value { value, error }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn percentiles_lie_between_values() {
        let p = Percentiles::of(&[3.0, 1.0, 2.0, 4.0]);
        let table = [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (2.0, 4.0), (1.0 / 3.0, 2.0)];
        for (share, want) in table {
            assert!((p.at(share) - want).abs() < 1e-9, "{share}: {}", p.at(share));
        }
        assert_eq!(Percentiles::of(&[]).at(0.5), 0.0);
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let rows = [[0.5, -1.0, 2.0], [3.0, 0.0, -2.0], [0.0, 0.1, 0.2]];
        let mut all = Divergence::default();
        for logits in &rows {
            let row = Row::new(logits, 0).unwrap();
            all.add(&row, &row, 1);
        }
        assert!(all.kl().value.abs() < 1e-6, "{:?}", all.kl());
        assert_eq!((all.same_top().value, all.n()), (1.0, 3));
        assert!(all.delta().value.abs() < 1e-7 && all.log_ratio().value.abs() < 1e-7);
        assert!((all.correlation() - 1.0).abs() < 1e-6, "{}", all.correlation());
    }

    #[test]
    fn a_known_divergence() {
        // p = (3/4, 1/4) against q = (1/2, 1/2): ln 2 − H(p).
        let (base, model) = ([3f32.ln(), 0.0], [0.0, 0.0]);
        let (base, model) = (Row::new(&base, 0).unwrap(), Row::new(&model, 0).unwrap());
        let mut all = Divergence::default();
        all.add(&model, &base, 0);
        let want = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        assert!((all.kl().value - want).abs() < 1e-6, "{:?} {want}", all.kl());
        assert!((all.delta().value + 0.25).abs() < 1e-6);
        assert_eq!(all.same_top().value, 1.0, "the first of two equal ones is the top");
    }
}
