//! Mean, spread and median of a few samples.
//!
//! Few: a bench runs a test five times, so nothing here is clever. The deviation is the sample's
//! (n − 1), as in other tools' tables; the median is beside it because one foreign burst of work
//! moves a mean of five and leaves the median alone.

/// Numbers of one set of samples; all zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for fewer than two samples.
    pub sd: f64,
    /// Middle value; mean of the two in the middle for an even number.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Stats {
    /// Of these samples, in any order.
    pub fn of(samples: &[f64]) -> Stats {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Stats::default();
        };
        let n = sorted.len();
        let mean = sorted.iter().sum::<f64>() / n as f64;
        let squares: f64 = sorted.iter().map(|s| (s - mean) * (s - mean)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 };
        let median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
        Stats { mean, sd, median, min, max }
    }

    /// Deviation as a share of the mean; 0 for a mean of 0.
    pub fn spread(&self) -> f64 {
        if self.mean > 0.0 { self.sd / self.mean } else { 0.0 }
    }
}

/// How far two measurements of the same thing lie apart, as a share of the larger; 0 if either is
/// not a positive number.
pub fn drift(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if low > 0.0 && high.is_finite() { (high - low) / high } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_computed_samples() {
        let table: &[(&[f64], [f64; 5])] = &[
            (&[], [0.0; 5]),
            (&[3.0], [3.0, 0.0, 3.0, 3.0, 3.0]),
            (&[1.0, 3.0], [2.0, std::f64::consts::SQRT_2, 2.0, 1.0, 3.0]),
            // Squares 9 1 1 1 0 0 4 16 = 32 over 7.
            (
                &[9.0, 2.0, 5.0, 4.0, 4.0, 5.0, 4.0, 7.0],
                [5.0, (32.0f64 / 7.0).sqrt(), 4.5, 2.0, 9.0],
            ),
            (&[100.0, 10.0, 11.0], [121.0 / 3.0, 51.6753, 11.0, 10.0, 100.0]),
        ];
        for (samples, wanted) in table {
            let s = Stats::of(samples);
            for (value, wanted) in [s.mean, s.sd, s.median, s.min, s.max].iter().zip(wanted) {
                assert!((value - wanted).abs() < 1e-4, "{samples:?}: {s:?}");
            }
        }
    }

    #[test]
    fn spread_and_drift() {
        assert_eq!(Stats::of(&[1.0, 3.0]).spread(), std::f64::consts::FRAC_1_SQRT_2);
        assert_eq!(Stats::default().spread(), 0.0);
        let table = [
            (100.0, 85.0, 0.15),
            (85.0, 100.0, 0.15),
            (5.0, 5.0, 0.0),
            (0.0, 5.0, 0.0),
            (f64::NAN, 5.0, 0.0),
        ];
        for (a, b, wanted) in table {
            assert!((drift(a, b) - wanted).abs() < 1e-12, "{a} {b}");
        }
    }
}
