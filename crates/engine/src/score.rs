//! Scores: how probable each token of a text was, read like a prompt, a chunk a round.
//!
//! A chunk's logits are reduced to a few numbers per row at once and forgotten: those of a whole
//! context would be gigabytes. So a long text delays the answers beside it by one chunk, and is
//! cancelled within one.

use crate::error::Error;
use crate::sample::{TokenLogprobs, check_finite, logprobs};

/// Rows of logits at a time: 32 rows of 151 936 logits are 19 MB.
pub(crate) const LOGITS_ROWS: usize = 32;

/// The work on one text in one slot.
pub(crate) struct Score {
    /// What stands behind each row: the text without its first token.
    next: Vec<u32>,
    /// How many of the most probable ids are told with each.
    top: usize,
    scores: Vec<TokenLogprobs>,
    is_cancelled: bool,
}

impl Score {
    /// Of a text of two ids or more; gives also the ids that are to be read.
    pub fn new(mut ids: Vec<u32>, top: usize) -> (Score, Vec<u32>) {
        let next = ids.get(1..).map(<[u32]>::to_vec).unwrap_or_default();
        // Nothing is asked about what would stand behind the last one.
        ids.truncate(next.len().max(1));
        (Score { next, top, scores: Vec::new(), is_cancelled: false }, ids)
    }

    pub fn is_over(&self) -> bool {
        self.is_cancelled || self.scores.len() >= self.next.len()
    }

    pub fn cancel(&mut self) {
        self.is_cancelled |= !self.is_over();
    }

    /// Tokens read so far, and in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.scores.len(), self.next.len())
    }

    /// Takes the logits of the rows that follow, `n_vocab` each.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; the work is over then.
    pub fn take_rows(&mut self, rows: &[f32], n_vocab: usize) -> Result<(), Error> {
        for row in rows.chunks_exact(n_vocab.max(1)) {
            let pos = self.scores.len();
            let Some(&id) = self.next.get(pos) else { break };
            check_finite(row, pos).inspect_err(|_| self.is_cancelled = true)?;
            self.scores.push(logprobs(row, id, self.top));
        }
        Ok(())
    }

    /// One entry per id from the second on; `None` if it was cancelled.
    pub fn finish(self) -> Option<Vec<TokenLogprobs>> {
        (!self.is_cancelled).then_some(self.scores)
    }
}
