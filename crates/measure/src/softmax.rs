//! Log-probabilities of a row of logits.

use crate::Error;

/// A row with what makes its logits log-probabilities.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// As the model gave them.
    pub logits: &'a [f32],
    /// The largest logit.
    pub max: f32,
    /// Where it stands, the first if there are several.
    pub top: usize,
    /// Logarithm of the sum of `exp(logit - max)`.
    pub log_sum: f64,
}

impl<'a> Row<'a> {
    /// Of logits, at position `pos` of its window.
    ///
    /// # Errors
    /// [`engine::Error::NotFinite`]: NaN, +∞, or nothing but −∞.
    pub fn new(logits: &'a [f32], pos: usize) -> Result<Row<'a>, Error> {
        let (mut top, mut max, mut is_nan) = (0, f32::NEG_INFINITY, false);
        for (i, &logit) in logits.iter().enumerate() {
            is_nan |= logit.is_nan();
            if logit > max {
                (top, max) = (i, logit);
            }
        }
        if is_nan || !max.is_finite() {
            return Err(engine::Error::NotFinite { pos }.into());
        }
        // Terms in f32, their sum in f64: a vocabulary of 150 000 small terms adds up.
        let sum: f64 = logits.iter().map(|&logit| f64::from((logit - max).exp())).sum();
        Ok(Row { logits, max, top, log_sum: sum.ln() })
    }

    /// Logarithm of the probability of `id`.
    pub fn log_prob(&self, id: usize) -> f64 {
        let logit = self.logits.get(id).copied().unwrap_or(f32::NEG_INFINITY);
        f64::from(logit - self.max) - self.log_sum
    }

    /// What is subtracted from a logit to make it a log-probability.
    pub fn norm(&self) -> f32 {
        (f64::from(self.max) + self.log_sum) as f32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn probabilities_sum_to_one() {
        let logits = [0.5, -1.0, 2.0, 2.0, f32::NEG_INFINITY];
        let row = Row::new(&logits, 0).unwrap();
        let sum: f64 = (0..5).map(|id| row.log_prob(id).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!((row.top, row.log_prob(5)), (2, f64::NEG_INFINITY));
        for bad in [[f32::NAN, 1.0], [1.0, f32::INFINITY], [f32::NEG_INFINITY; 2]] {
            assert!(Row::new(&bad, 3).is_err(), "{bad:?}");
        }
    }
}
