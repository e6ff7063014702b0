//! What every player refuses before it computes: a job that does not fit the Plan or the cache.
//!
//! One function and not one per player, so that a new kind of job is refused alike everywhere.
//! Players add what only they know (which samplings, how many tokens in a chain).

use crate::job::{Input, Job, Place, RowAt, Want};
use crate::plan::Plan;
use crate::player::{PlayerConfig, PlayerError};

/// What a job is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// What is played.
    pub plan: &'a Plan,
    /// How it was loaded.
    pub config: &'a PlayerConfig,
    /// Most rows of a job.
    pub max_rows: usize,
    /// Who says so, in messages.
    pub device: &'a str,
}

impl Bounds<'_> {
    /// The number of rows, or why the job cannot run.
    ///
    /// # Errors
    /// [`PlayerError::Rows`], [`PlayerError::Context`], [`PlayerError::Slot`],
    /// [`PlayerError::Token`], and [`PlayerError::Unsupported`] for what the Plan cannot give.
    pub fn check(&self, job: &Job<'_>) -> Result<usize, PlayerError> {
        let n_rows = self.input(job.input)?;
        if n_rows == 0 || n_rows > self.max_rows {
            return Err(PlayerError::Rows { n_rows, max_rows: self.max_rows });
        }
        self.want(job, n_rows)?;
        let n_more = match job.want {
            // The last token is chosen but not evaluated.
            Want::Tokens { n_tokens, .. } => n_tokens.saturating_sub(1),
            _ => 0,
        };
        let starts = match job.place {
            Place::Run(first) => first.pos == 0,
            Place::Each(_) => false,
        };
        if !starts && !self.plan.is_causal() {
            return Err(self.unsupported("a whole text in one job, from position 0"));
        }
        match job.place {
            Place::Run(first) => self.place(first, n_rows.saturating_add(n_more))?,
            Place::Each(rows) if rows.len() != n_rows => {
                return Err(self.unsupported("another number of places than of rows"));
            }
            Place::Each(rows) => self.places(rows)?,
        }
        Ok(n_rows)
    }

    fn unsupported(&self, what: &str) -> PlayerError {
        PlayerError::Unsupported { device: self.device.into(), what: what.into() }
    }

    fn input(&self, input: Input<'_>) -> Result<usize, PlayerError> {
        let (n_vocab, dim) = (self.plan.dims.n_vocab, self.plan.dims.dim.max(1));
        match input {
            Input::Tokens(_) if !self.plan.takes_tokens() => {
                Err(self.unsupported("hidden rows as input and not tokens"))
            }
            Input::Tokens(ids) => match ids.iter().find(|&&id| id as usize >= n_vocab) {
                Some(&id) => Err(PlayerError::Token { id, n_vocab }),
                None => Ok(ids.len()),
            },
            Input::Hidden(_) if self.plan.takes_tokens() => {
                Err(self.unsupported("tokens as input"))
            }
            Input::Hidden(x) if !x.len().is_multiple_of(dim) => {
                Err(self.unsupported("hidden rows of the model's width"))
            }
            Input::Hidden(x) => Ok(x.len() / dim),
        }
    }

    fn want(&self, job: &Job<'_>, n_rows: usize) -> Result<(), PlayerError> {
        let is_run = matches!(job.place, Place::Run(_));
        match job.want {
            Want::Nothing | Want::Hidden => Ok(()),
            _ if !self.plan.gives_logits() => {
                Err(self.unsupported("logits from a part of a model without its head"))
            }
            Want::LastLogits | Want::AllLogits => Ok(()),
            Want::Tokens { n_tokens: 2.., .. } if !self.plan.takes_tokens() => Err(self
                .unsupported("tokens to be fed back to a part of a model without its embedding")),
            Want::Tokens { .. } if is_run => Ok(()),
            Want::Choices(draws) if !is_run && draws.len() == n_rows => Ok(()),
            Want::Tokens { .. } | Want::Choices(_) => {
                Err(self.unsupported("tokens chosen for rows that stand elsewhere"))
            }
        }
    }

    /// `n` positions from `at` on.
    fn place(&self, at: RowAt, n: usize) -> Result<(), PlayerError> {
        let (n_slots, n_ctx) = (self.config.n_slots, self.config.n_ctx);
        if at.slot >= n_slots {
            return Err(PlayerError::Slot { slot: at.slot, n_slots });
        }
        let end = at.pos.saturating_add(n);
        if end > n_ctx {
            return Err(PlayerError::Context { pos: end - 1, n_ctx });
        }
        Ok(())
    }

    fn places(&self, rows: &[RowAt]) -> Result<(), PlayerError> {
        for (i, row) in rows.iter().enumerate() {
            self.place(*row, 1)?;
            if rows.iter().take(i).any(|other| other.slot == row.slot) {
                let n_slots = self.config.n_slots;
                return Err(PlayerError::Slot { slot: row.slot, n_slots });
            }
        }
        Ok(())
    }
}

/// Refuses more positions than a model with a row for each of them has.
///
/// # Errors
/// [`PlayerError::Context`].
pub fn check_context(plan: &Plan, config: &PlayerConfig) -> Result<(), PlayerError> {
    match plan.n_positions() {
        Some(n_ctx) if config.n_ctx > n_ctx => {
            Err(PlayerError::Context { pos: config.n_ctx - 1, n_ctx })
        }
        _ => Ok(()),
    }
}

/// Refuses a number of slots no player is made for.
///
/// # Errors
/// [`PlayerError::Unsupported`] unless it is from 1 to [`MAX_SLOTS`](crate::MAX_SLOTS).
pub fn check_slots(config: &PlayerConfig, device: &str) -> Result<(), PlayerError> {
    if (1..=crate::MAX_SLOTS).contains(&config.n_slots) {
        return Ok(());
    }
    let what = format!("{} slots (1 to {} can be)", config.n_slots, crate::MAX_SLOTS);
    Err(PlayerError::Unsupported { device: device.into(), what })
}
