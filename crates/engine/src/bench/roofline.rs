//! How near a measurement is to what the device can do at best.
//!
//! Two ceilings: bytes that must be read over the measured read bandwidth, and operations over the
//! measured peak of the product. Whatever takes longer is the least time the work can take. Writing
//! is bound by memory on every device we know, reading by the product, unless a prompt is short.
//! Without a measured peak there is no ceiling, and none is made up.

use kernels::Peaks;

use super::cost::Work;

/// Something measured, with what it needs at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// A prompt: without a measured peak of the product its ceiling is unknown.
    Read(Work),
    /// Token by token: the read bandwidth alone says enough.
    Write(Work),
}

impl Part {
    fn work(self) -> Work {
        match self {
            Part::Read(work) | Part::Write(work) => work,
        }
    }

    /// Least seconds for memory and for computing; `None` where the ceiling is not known.
    fn seconds(self, read: Option<f64>, op: Option<f64>) -> Option<(f64, f64)> {
        let work = self.work();
        let computing = op.map(|peak| work.ops / peak);
        let computing = match self {
            Part::Read(_) => computing?,
            Part::Write(_) => computing.unwrap_or(0.0),
        };
        Some((work.bytes / read?, computing))
    }
}

/// Which ceiling is the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Reading bytes.
    Memory,
    /// Computing.
    Compute,
}

impl Bound {
    /// "memory" or "compute".
    pub fn name(self) -> &'static str {
        match self {
            Bound::Memory => "memory",
            Bound::Compute => "compute",
        }
    }
}

/// What was reached, beside the ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Roofline {
    /// Bytes read per token, at least: weights, keys and values.
    pub bytes_per_token: f64,
    /// Operations per token.
    pub ops_per_token: f64,
    /// Bytes per second that were read, at least.
    pub read_bytes_per_s: f64,
    /// Operations per second that were done.
    pub op_per_s: f64,
    /// Tokens per second at the ceiling.
    pub limit_ts: Option<f64>,
    /// What the ceiling is made of.
    pub bound: Option<Bound>,
    /// Tokens per second reached, as a share of the ceiling. Above 1 where a cache nearer than
    /// main memory holds a part of what is read.
    pub share: Option<f64>,
    /// Read bandwidth reached, as a share of the measured one.
    pub read_share: Option<f64>,
    /// Operations per second reached, as a share of the measured peak.
    pub op_share: Option<f64>,
}

impl Roofline {
    /// Of `n_tokens` tokens at `tokens_per_s`. `parts` run after each other, each under its own
    /// ceiling (a prompt and what is written after it).
    pub fn of(
        parts: &[Part],
        n_tokens: usize,
        tokens_per_s: f64,
        peaks: Option<&Peaks>,
    ) -> Roofline {
        let all = parts.iter().fold(Work::default(), |sum, part| sum + part.work());
        let n = n_tokens.max(1) as f64;
        let mut roofline = Roofline {
            bytes_per_token: all.bytes / n,
            ops_per_token: all.ops / n,
            read_bytes_per_s: all.bytes / n * tokens_per_s,
            op_per_s: all.ops / n * tokens_per_s,
            ..Roofline::default()
        };
        let positive = |peak: f64| (peak > 0.0 && peak.is_finite()).then_some(peak);
        let read = peaks.and_then(|peaks| positive(peaks.read_bytes_per_s));
        let op = peaks.and_then(|peaks| positive(peaks.op_per_s));
        roofline.read_share = read.map(|peak| roofline.read_bytes_per_s / peak);
        roofline.op_share = op.map(|peak| roofline.op_per_s / peak);
        let (mut seconds, mut memory) = (0.0, 0.0);
        for part in parts {
            let Some((reading, computing)) = part.seconds(read, op) else {
                return roofline;
            };
            seconds += f64::max(reading, computing);
            memory += if reading >= computing { reading } else { 0.0 };
        }
        if seconds > 0.0 {
            let limit = n / seconds;
            let is_memory = 2.0 * memory >= seconds;
            roofline.limit_ts = Some(limit);
            roofline.bound = Some(if is_memory { Bound::Memory } else { Bound::Compute });
            roofline.share = Some(tokens_per_s / limit);
        }
        roofline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Part = Part::Write(Work { bytes: 8e9, ops: 16e9 });
    const READ: Part = Part::Read(Work { bytes: 1e9, ops: 1e12 });

    fn peaks(read_bytes_per_s: f64, op_per_s: f64) -> Peaks {
        Peaks { read_bytes_per_s, op_per_s, op_kind: "test".into() }
    }

    #[test]
    fn hand_computed_ceilings() {
        // 8 tokens of 1 GB each at 40 GB/s: 40 tokens/s at best; 16 GOP take 0.016 s, less.
        let p = peaks(40e9, 1e12);
        let write = Roofline::of(&[WRITE], 8, 30.0, Some(&p));
        assert_eq!(write.bytes_per_token, 1e9);
        assert_eq!(write.ops_per_token, 2e9);
        assert_eq!(write.read_bytes_per_s, 30e9);
        assert_eq!(write.op_per_s, 60e9);
        assert_eq!(write.limit_ts, Some(40.0));
        assert_eq!((write.share, write.bound), (Some(0.75), Some(Bound::Memory)));
        assert_eq!((write.read_share, write.op_share), (Some(0.75), Some(0.06)));
        // 1 TOP in 1 s at best, 1 GB in 0.025 s: 100 tokens take 1 s.
        let read = Roofline::of(&[READ], 100, 50.0, Some(&p));
        assert_eq!((read.limit_ts, read.share), (Some(100.0), Some(0.5)));
        assert_eq!(read.bound, Some(Bound::Compute));
        // One after the other: 1 s and 0.2 s for 108 tokens.
        let both = Roofline::of(&[READ, WRITE], 108, 45.0, Some(&p));
        assert!((both.limit_ts.unwrap_or(0.0) - 90.0).abs() < 1e-9, "{both:?}");
        assert_eq!(both.bound, Some(Bound::Compute));
    }

    #[test]
    fn no_peak_no_ceiling() {
        for unknown in [None, Some(peaks(0.0, 0.0)), Some(peaks(f64::NAN, f64::INFINITY))] {
            let row = Roofline::of(&[WRITE], 8, 30.0, unknown.as_ref());
            assert_eq!(row.read_bytes_per_s, 30e9);
            let ceilings = (row.limit_ts, row.share, row.read_share, row.op_share, row.bound);
            assert_eq!(ceilings, (None, None, None, None, None));
        }
        let half = peaks(40e9, 0.0);
        assert_eq!(Roofline::of(&[WRITE], 8, 30.0, Some(&half)).limit_ts, Some(40.0));
        let read = Roofline::of(&[READ], 100, 50.0, Some(&half));
        assert_eq!((read.limit_ts, read.read_share), (None, Some(0.5 / 40.0)));
        assert_eq!(Roofline::of(&[], 0, 30.0, Some(&peaks(1.0, 1.0))).limit_ts, None);
    }
}
