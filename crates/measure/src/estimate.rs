//! Means of many values and how sure they are.
//!
//! Values of neighboring tokens are not independent, so the error of a mean is a lower bound; it is
//! what llama.cpp prints, too.

/// A number and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// The number.
    pub value: f64,
    /// One standard deviation of it; 0 where too little was measured to say.
    pub error: f64,
}

/// Sums of values and of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    n: u64,
    sum: f64,
    squares: f64,
}

impl Sums {
    /// One more value.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        self.sum += value;
        self.squares += value * value;
    }

    /// The mean.
    pub fn mean(&self) -> Value {
        if self.n == 0 {
            return Value::default();
        }
        let n = self.n as f64;
        let value = self.sum / n;
        let variance = self.squares / n - value * value;
        let error = if self.n > 1 && variance > 0.0 { (variance / (n - 1.0)).sqrt() } else { 0.0 };
        Value { value, error }
    }
}

/// Perplexity over the tokens scored so far: `exp` of the mean surprise in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    surprise: Sums,
}

impl Estimate {
    /// A token that had the probability `exp(-nats)`.
    pub fn add(&mut self, nats: f64) {
        self.surprise.add(nats);
    }

    /// Tokens scored.
    pub fn n(&self) -> u64 {
        self.surprise.n
    }

    /// Mean surprise in nats.
    pub fn nats(&self) -> Value {
        self.surprise.mean()
    }

    /// The perplexity.
    pub fn perplexity(&self) -> Value {
        let Value { value, error } = self.nats();
        let value = value.exp();
        Value { value, error: error * value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_of_a_coin_and_of_nothing() {
        let mut coin = Estimate::default();
        assert_eq!(coin.nats(), Value::default());
        (0..10).for_each(|_| coin.add(2f64.ln()));
        let perplexity = coin.perplexity();
        assert!((perplexity.value - 2.0).abs() < 1e-12 && perplexity.error < 1e-7);
        // Surprises of 0 and 2 ln 2 have the same mean; their spread is known.
        let mut bent = Estimate::default();
        (0..10).for_each(|i| bent.add(if i % 2 == 0 { 0.0 } else { 2.0 * 2f64.ln() }));
        let want = 2.0 * (2f64.ln().powi(2) / 9.0).sqrt();
        assert!((bent.perplexity().error - want).abs() < 1e-12, "{:?}", bent.perplexity());
    }
}
