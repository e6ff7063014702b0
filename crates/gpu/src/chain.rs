//! Tokens that are chosen on the device and feed the next step there.
//!
//! A chain starts with a job and goes on with jobs that are queued behind it. Each token has a
//! submit of its own, so that no watchdog sees more than one token's time; nothing is read in
//! between. What a token's step holds (position, where its id goes, which ids are recent) follows
//! from its number alone, so steps are written for many tokens at once: a write in front of each
//! submit would cost more than its encoding.

use kernels::shader::params::Step;
use kernels::{PlayerError, Sampling};

use crate::flight::Outcome;
use crate::player::GpuPlayer;
use crate::schedule::Part;
use crate::store::{CHAIN_IDS, CHAIN_SLOTS, MAX_CHAIN, MAX_RECENT};

/// Steps are written for so many tokens at a time; divides [`CHAIN_SLOTS`].
const AHEAD: usize = 16;

/// The chain that the last job began or continued.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    sampling: Sampling,
    /// The first token's step: its rows are the job's input.
    first: Step,
    /// Ids before the chain that penalties look at.
    n_recent: usize,
    /// How many ids they look at.
    last_n: usize,
    /// Tokens submitted so far.
    n_chosen: usize,
    /// Tokens whose steps are in the step buffer.
    n_written: usize,
}

impl Chain {
    /// A chain whose first token follows the rows of `first`, and the ids that belong in front.
    pub fn new<'a>(sampling: &Sampling, first: Step, recent: &'a [u32]) -> (Self, &'a [u32]) {
        let last_n = match sampling.has_penalties() {
            true => (sampling.repeat_last_n as usize).min(MAX_RECENT),
            false => 0,
        };
        let recent = &recent[recent.len().saturating_sub(last_n)..];
        let (sampling, n_recent) = (*sampling, recent.len());
        (Chain { sampling, first, n_recent, last_n, n_chosen: 0, n_written: 0 }, recent)
    }

    /// The step of token `i`.
    pub fn step(&self, i: usize) -> Step {
        let chosen = (CHAIN_IDS + i) as u32;
        let n_recent = (self.n_recent + i).min(self.last_n) as u32;
        let after = self.first.pos + self.first.n_rows + i as u32;
        let step = Step {
            chosen,
            recent: chosen - n_recent,
            n_recent,
            draw_pos: after,
            ..with_sampling(&self.sampling, self.first)
        };
        match i {
            0 => step,
            _ => Step { n_rows: 1, pos: after - 1, ids: chosen - 1, ..step },
        }
    }

    /// What is played behind the layers.
    pub fn tail(&self) -> &'static [Part] {
        match (self.sampling.has_penalties(), self.sampling.temperature <= 0.0) {
            (false, false) => &[Part::Head, Part::TopK],
            (false, true) => &[Part::Head, Part::Greedy],
            (true, false) => &[Part::Head, Part::Penalize, Part::TopK],
            (true, true) => &[Part::Head, Part::Penalize, Part::Greedy],
        }
    }
}

impl GpuPlayer {
    /// Starts a chain with its first `n_tokens` tokens.
    pub(crate) fn start_chain(
        &mut self,
        first: Step,
        sampling: &Sampling,
        recent: &[u32],
        n_tokens: usize,
    ) -> Outcome {
        let (chain, recent) = Chain::new(sampling, first, recent);
        if !recent.is_empty() {
            let offset = 4 * (CHAIN_IDS - recent.len()) as u64;
            self.gpu.queue.write_buffer(&self.store.ids, offset, bytemuck::cast_slice(recent));
        }
        // `abandon` was called before, so there is a buffer.
        let buffer = self.flight.buffer().unwrap_or_default();
        self.play_chain(chain, n_tokens, buffer)
    }

    /// Submits the next tokens of the chain, if there is one and it may go on.
    pub(crate) fn continue_chain(
        &mut self,
        n_tokens: usize,
    ) -> Result<Option<Outcome>, PlayerError> {
        let Some(chain) = self.chain else {
            return Ok(None);
        };
        self.gpu.health.check()?;
        if n_tokens == 0 || n_tokens > MAX_CHAIN {
            return Err(PlayerError::Rows { n_rows: n_tokens, max_rows: MAX_CHAIN });
        }
        // The last token is chosen but not evaluated.
        let end = (chain.first.pos + chain.first.n_rows) as usize + chain.n_chosen + n_tokens - 1;
        let profiling = self.profile.as_ref().is_some_and(|profile| profile.is_on());
        if end > self.config.n_ctx || profiling {
            return Ok(None);
        }
        let Some(buffer) = self.flight.buffer() else {
            return Ok(None);
        };
        Ok(Some(self.play_chain(chain, n_tokens, buffer)))
    }

    fn play_chain(&mut self, mut chain: Chain, n: usize, buffer: usize) -> Outcome {
        let from = chain.n_chosen;
        for i in from..from + n {
            if i == chain.n_written {
                for next in i..(i + 1).next_multiple_of(AHEAD) {
                    self.put_step(next % CHAIN_SLOTS, &chain.step(next));
                    chain.n_written = next + 1;
                }
                let slot = i % CHAIN_SLOTS;
                self.write_steps(slot..slot + chain.n_written - i);
            }
            let is_last = i + 1 == from + n;
            self.evaluate(chain.step(i), i % CHAIN_SLOTS, chain.tail(), |player, encoder| {
                if is_last {
                    player.copy_tokens(encoder, from, n, buffer);
                }
            });
        }
        chain.n_chosen = from + n;
        self.chain = Some(chain);
        Outcome::Tokens { n, buffer }
    }
}

pub fn with_sampling(sampling: &Sampling, step: Step) -> Step {
    Step {
        seed: sampling.seed,
        top_k: sampling.top_k,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        // ln(0) would be an infinity in a uniform; any logit is above this floor.
        min_p_ln: if sampling.min_p > 0.0 { sampling.min_p.ln() } else { -3e38 },
        repeat: sampling.repeat_penalty,
        presence: sampling.presence_penalty,
        frequency: sampling.frequency_penalty,
        ..step
    }
}
