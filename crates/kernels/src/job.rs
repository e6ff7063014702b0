//! Jobs: which rows a player evaluates, where they stand, and what is wanted of them.
//!
//! A job is rows of one sequence (a prompt's chunk, a token) or one row of each of several, which
//! are written together. It borrows everything, so that nothing is allocated per token.

use crate::sampling::Sampling;

/// The rows a job starts from; where they stand is the job's [`Place`].
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Token ids; the Plan starts with `Embed`.
    Tokens(&'a [u32]),
    /// `[n_rows, dim]` from the player before (layer split).
    Hidden(&'a [f32]),
}

/// What the job must leave behind besides the KV cache.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each variant names its fields")]
pub enum Want<'a> {
    /// Only the cache (a prefill chunk that is not the last).
    Nothing,
    /// Hidden rows of all tokens: for the next player of a layer split, or, from a Plan with a
    /// head, after the head's norm (what embeddings are made of).
    Hidden,
    /// Logits of the last row.
    LastLogits,
    /// Logits of every row.
    AllLogits,
    /// Choose the next token on the device from the last row, then feed it back, `n_tokens` times
    /// in all. `recent` are the ids penalties look at, oldest first. Only for samplings the player
    /// accepts ([`Player::can_sample`](crate::Player::can_sample)), and for rows of one sequence.
    Tokens { sampling: &'a Sampling, recent: &'a [u32], n_tokens: usize },
    /// Choose one token per row on the device, in the order of the rows; for [`Place::Each`] alone.
    /// Logits may stay there.
    Choices(&'a [Draw<'a>]),
}

/// How the token behind one row is chosen; see [`Want::Tokens`].
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Accepted by [`Player::can_sample`](crate::Player::can_sample).
    pub sampling: &'a Sampling,
    /// Ids penalties look at, oldest first.
    pub recent: &'a [u32],
}

/// Where a row stands in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowAt {
    /// Which sequence, below [`PlayerConfig::n_slots`](crate::PlayerConfig::n_slots).
    pub slot: usize,
    /// Which of its positions.
    pub pos: usize,
}

/// Where the rows of a job stand.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In one sequence, side by side: row `i` at position `pos + i`.
    Run(RowAt),
    /// Each in a sequence of its own: one entry per row, no slot twice.
    Each(&'a [RowAt]),
}

impl From<usize> for Place<'_> {
    /// From this position on in the first sequence.
    fn from(pos: usize) -> Self {
        Place::Run(RowAt { slot: 0, pos })
    }
}

impl Place<'_> {
    /// Where row `row` stands.
    pub fn row(&self, row: usize) -> RowAt {
        match self {
            Place::Run(first) => RowAt { pos: first.pos + row, ..*first },
            Place::Each(rows) => rows.get(row).copied().unwrap_or_default(),
        }
    }
}

/// One evaluation: at most [`Player::max_rows`] rows. Cache rows at their places are overwritten;
/// rows before them must have been written by earlier jobs. Rewinding is just a smaller position.
///
/// [`Player::max_rows`]: crate::Player::max_rows
///
/// A player computes a row of [`Place::Each`] as if it were alone, as far as its kernels allow, so
/// that an answer does not depend on who is answered beside it.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Rows to start from.
    pub input: Input<'a>,
    /// Where they stand.
    pub place: Place<'a>,
    /// What to leave behind.
    pub want: Want<'a>,
}
