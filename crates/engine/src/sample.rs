//! Choosing a token on the host, from logits that were read back.
//!
//! The rule itself is `kernels::sampling::choose`, the same that a device follows; this file adds
//! what only the host can do: logit bias, log-probabilities, and the check that the logits are
//! numbers at all. All memory is reused from token to token.

use kernels::Sampling;
use kernels::sampling::{self, Scratch};

use crate::constraint::Form;
use crate::error::Error;

/// Log-probabilities of one generated token, of the raw logits (before bias and penalties).
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprobs {
    /// The token.
    pub id: u32,
    /// Natural logarithm.
    pub logprob: f32,
    /// The most probable ids, best first.
    pub top: Vec<(u32, f32)>,
}

/// The host's sampler and its memory.
#[derive(Debug, Default)]
pub(crate) struct HostSampler {
    work: Vec<f32>,
    scratch: Scratch,
}

impl HostSampler {
    /// The token that shall stand at `pos`. `recent` are the ids before it, oldest first; `form`
    /// says which may.
    ///
    /// # Errors
    /// [`Error::Grammar`] if no token may; [`Error::NotFinite`] if a logit is NaN or +∞ or all are
    /// −∞: no choice would mean anything.
    pub fn choose(
        &mut self,
        sampling: &Sampling,
        bias: &[(u32, f32)],
        recent: &[u32],
        pos: usize,
        logits: &[f32],
        form: Option<&mut Form>,
    ) -> Result<u32, Error> {
        check_finite(logits, pos)?;
        let pos = u32::try_from(pos).unwrap_or(u32::MAX);
        if bias.is_empty() && form.is_none() && !sampling.has_penalties() {
            return Ok(sampling::choose(sampling, logits, pos, &mut self.scratch));
        }
        self.work.clear();
        self.work.extend_from_slice(logits);
        for &(id, value) in bias {
            if let Some(logit) = self.work.get_mut(id as usize) {
                *logit += value;
            }
        }
        sampling::penalize(sampling, recent, &mut self.work);
        if let Some(form) = form {
            form.mask(&mut self.work)?;
            // A bias of −∞ may have taken what the form left.
            check_finite(&self.work, pos as usize)?;
        }
        Ok(sampling::choose(sampling, &self.work, pos, &mut self.scratch))
    }
}

/// NaN anywhere, +∞ anywhere, or nothing but −∞.
pub(crate) fn check_finite(logits: &[f32], pos: usize) -> Result<(), Error> {
    let mut best = f32::NEG_INFINITY;
    let mut nan = false;
    for &logit in logits {
        nan |= logit.is_nan();
        best = best.max(logit);
    }
    if nan || !best.is_finite() { Err(Error::NotFinite { pos }) } else { Ok(()) }
}

/// Log-softmax of `id` and of the `n` best, in f64: a vocabulary of 150 000 small terms adds up.
pub(crate) fn logprobs(logits: &[f32], id: u32, n: usize) -> TokenLogprobs {
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - best).exp()).sum();
    let norm = f64::from(best) + sum.ln();
    let log = |logit: f32| (f64::from(logit) - norm) as f32;
    let mut top: Vec<(u32, f32)> = Vec::with_capacity(n + 1);
    for (i, &logit) in (0u32..).zip(logits) {
        if n == 0 || top.len() == n && top.last().is_some_and(|worst| worst.1 >= logit) {
            continue;
        }
        let at = top.partition_point(|other| other.1 >= logit);
        top.insert(at, (i, logit));
        top.truncate(n);
    }
    for entry in &mut top {
        entry.1 = log(entry.1);
    }
    let logprob = logits.get(id as usize).map_or(f32::NEG_INFINITY, |&l| log(l));
    TokenLogprobs { id, logprob, top }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logprobs_sum_to_one_and_are_ordered() {
        let logits = [0.5, -1.0, 2.0, 2.0, f32::NEG_INFINITY];
        let all = logprobs(&logits, 0, 5);
        let ids: Vec<u32> = all.top.iter().map(|t| t.0).collect();
        assert_eq!(ids, [2, 3, 0, 1, 4]);
        let sum: f32 = all.top.iter().map(|t| t.1.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(all.logprob, all.top[2].1);
        assert_eq!(logprobs(&logits, 1, 2).top.len(), 2);
        assert!(logprobs(&logits, 1, 0).top.is_empty());
    }

    #[test]
    fn bias_and_penalties_change_the_choice() {
        let mut host = HostSampler::default();
        let greedy = Sampling::default();
        let logits = [1.0, 3.0, 2.0];
        let mut pick = |sampling: &Sampling, bias: &[(u32, f32)], recent: &[u32]| {
            host.choose(sampling, bias, recent, 0, &logits, None).ok()
        };
        assert_eq!(pick(&greedy, &[], &[]), Some(1));
        assert_eq!(pick(&greedy, &[(1, -100.0)], &[]), Some(2));
        assert_eq!(pick(&greedy, &[(0, 5.0)], &[]), Some(0));
        let repeat = Sampling { repeat_penalty: 2.0, ..greedy };
        assert_eq!(pick(&repeat, &[], &[1]), Some(2));
        let presence = Sampling { presence_penalty: 1.5, ..greedy };
        assert_eq!(pick(&presence, &[], &[1, 2]), Some(1));
        let frequency = Sampling { frequency_penalty: 0.8, ..greedy };
        assert_eq!(pick(&frequency, &[], &[1, 1, 1]), Some(2));
    }

    #[test]
    fn what_is_not_a_number_is_reported() {
        let mut host = HostSampler::default();
        for bad in [[f32::NAN, 1.0], [1.0, f32::INFINITY], [f32::NEG_INFINITY; 2]] {
            let got = host.choose(&Sampling::default(), &[], &[], 7, &bad, None);
            assert!(matches!(got, Err(Error::NotFinite { pos: 7 })), "{bad:?}");
        }
        let one = [f32::NEG_INFINITY, -3.0];
        assert_eq!(host.choose(&Sampling::default(), &[], &[], 7, &one, None).ok(), Some(1));
    }
}
