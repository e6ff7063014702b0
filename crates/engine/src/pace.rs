//! How many tokens a device chooses in one job.
//!
//! One at first, so that the first words come as soon as they exist. A fast device then gets more,
//! as long as a job stays below a frame of a screen: nobody sees the difference, and every job
//! costs the host a round trip. And where most of a job's time is a wait that does not depend on
//! its tokens (a browser that looks at its GPU ten times a second), more tokens cost nothing; that
//! is found out by doubling once and comparing. A device that needs longer than a frame for a token
//! gives them one by one.

use crate::request::MAX_TOKENS_PER_JOB;

/// A frame of a screen, in milliseconds.
const FRAME_MS: f64 = 16.0;
/// Most tokens that are chosen in one job unless a caller asks for more: what is thrown away when
/// an answer ends in the middle.
const MAX_TOKENS: usize = 32;
/// A doubled job must bring the time per token below this share to be worth its longer wait.
const GAIN: f64 = 0.7;

/// Chooses the size of the next job from the time of the last ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    fixed: Option<usize>,
    n_tokens: usize,
    /// When the last job came back, or the first began.
    last_ms: f64,
    /// Milliseconds per token before the size was doubled to see whether that helps.
    before: Option<f64>,
    settled: bool,
}

impl Pace {
    /// `fixed`: always this many.
    pub fn new(fixed: Option<usize>) -> Pace {
        let fixed = fixed.map(|n| n.clamp(1, MAX_TOKENS_PER_JOB));
        Pace { fixed, n_tokens: 1, last_ms: 0.0, before: None, settled: false }
    }

    /// Tokens of the next job.
    pub fn n_tokens(&self) -> usize {
        self.fixed.unwrap_or(self.n_tokens)
    }

    /// The player computes in `submit`, so that nothing is gained by larger jobs.
    pub fn one_by_one(&mut self) {
        self.fixed.get_or_insert(1);
    }

    /// A job begins and none was running.
    pub fn start(&mut self, now_ms: f64) {
        self.last_ms = now_ms;
    }

    /// A job of `n` tokens came back.
    pub fn done(&mut self, n: usize, now_ms: f64) {
        let ms = now_ms - std::mem::replace(&mut self.last_ms, now_ms);
        if n != self.n_tokens || ms <= 0.0 {
            return; // a job of an earlier size, or a clock too coarse to see it
        }
        let per_token = ms / n as f64;
        if per_token >= FRAME_MS && self.settled {
            self.n_tokens = 1;
        }
        match self.before {
            _ if self.settled => {}
            Some(before) if per_token > GAIN * before => {
                self.n_tokens = (n / 2).max(1);
                self.settled = true;
            }
            _ if 2 * n > MAX_TOKENS => self.settled = true,
            _ if 2.0 * ms <= FRAME_MS => self.n_tokens = 2 * n,
            _ => {
                self.before = Some(per_token);
                self.n_tokens = 2 * n;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes of jobs on a device that takes `wait + per_token · n` for each, up to its next tick.
    fn sizes(wait: f64, per_token: f64, tick: f64) -> Vec<usize> {
        let mut pace = Pace::new(None);
        let mut now = 1.0;
        pace.start(now);
        let mut next = || {
            let n = pace.n_tokens();
            now += wait + per_token * n as f64;
            if tick > 0.0 {
                now = (now / tick).ceil() * tick;
            }
            pace.done(n, now);
            n
        };
        (0..12).map(|_| next()).collect()
    }

    #[test]
    fn sizes_follow_the_device() {
        // (wait, per token, tick) in ms, sizes at the end, sizes never exceeded.
        let rows = [
            ("a big GPU", (0.1, 0.8, 0.0), 16, 32),
            ("a small GPU", (0.1, 12.0, 0.0), 1, 2),
            ("a software adapter", (0.0, 400.0, 0.0), 1, 2),
            ("a slow poll", (0.0, 1.0, 100.0), 32, 32),
        ];
        for (name, (wait, per_token, tick), last, most) in rows {
            let sizes = sizes(wait, per_token, tick);
            assert_eq!(sizes[0], 1, "{name}: the first token comes alone");
            assert_eq!(sizes.last(), Some(&last), "{name}: {sizes:?}");
            assert_eq!(sizes.iter().max(), Some(&most), "{name}: {sizes:?}");
        }
    }

    #[test]
    fn a_fixed_size_stays() {
        let mut pace = Pace::new(Some(1000));
        pace.done(MAX_TOKENS_PER_JOB, 1.0);
        assert_eq!(pace.n_tokens(), MAX_TOKENS_PER_JOB);
        assert_eq!(Pace::new(Some(0)).n_tokens(), 1);
    }
}
