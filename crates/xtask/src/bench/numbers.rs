//! Medians and spreads of a few numbers.

use serde_json::{Value, json};

/// Middle value (mean of the middle two for an even number), smallest and largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub n: usize,
}

impl Spread {
    /// `None` for no values.
    pub fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Spread { median: (low + high) / 2.0, min, max, n: values.len() })
    }

    pub fn json(&self) -> Value {
        let [median, min, max] = [self.median, self.min, self.max].map(round);
        json!({ "median": median, "min": min, "max": max, "n": self.n })
    }
}

/// Three digits behind the point: more would be noise, and hides changes in a diff.
pub fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_computed_spreads() {
        let table: [(&[f64], f64, f64, f64); 3] = [
            (&[3.0, 1.0, 2.0], 2.0, 1.0, 3.0),
            (&[1.0, 2.0], 1.5, 1.0, 2.0),
            (&[4.0], 4.0, 4.0, 4.0),
        ];
        for (values, median, min, max) in table {
            let wanted = Spread { median, min, max, n: values.len() };
            assert_eq!(Spread::of(values.to_vec()), Some(wanted));
        }
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
