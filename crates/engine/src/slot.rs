//! One sequence of a loaded model: the ids that are in its part of the cache, and what is being
//! done with them.
//!
//! A slot outlives the requests it serves. What the last one left in the cache is compared with
//! the next prompt, and only what differs is evaluated: the second turn of a conversation costs
//! its new words. Rows count as cached when the job that wrote them was received, so a future that
//! is dropped half-way leaves a slot that is still right.

use crate::answer::Answer;
use crate::embed::Embed;
use crate::score::Score;
use crate::snapshot::{Filed, Restore};

/// Prefixes shorter than this do not decide between slots: a common first token (every file has
/// one) is not worth another conversation's cache.
const MIN_PREFIX: usize = 16;

/// What a slot works on.
pub(crate) enum Task {
    Answer(Box<Answer>),
    Embed(Box<Embed>),
    Score(Box<Score>),
}

/// See the module's header.
#[derive(Default)]
pub(crate) struct Slot {
    /// The sequence: prompt, then what was generated.
    pub ids: Vec<u32>,
    /// How many of `ids` have their keys and values in the cache.
    pub n_cached: usize,
    /// What is being done; nothing while the slot is free.
    pub task: Option<Task>,
    /// When it was last given out, in requests.
    pub used: u64,
    /// The snapshot that what is in it belongs to, if the request named one.
    pub key: Option<String>,
    /// What of its cache is in that snapshot.
    pub filed: Option<Filed>,
    /// A snapshot on its way into the cache.
    pub restore: Option<Restore>,
    /// Nobody takes what comes of it at the moment, so rounds leave it out.
    pub is_held: bool,
}

impl Slot {
    /// Ids at the front of `ids` that are in the cache.
    pub fn common(&self, ids: &[u32]) -> usize {
        let cached = &self.ids[..self.n_cached.min(self.ids.len())];
        cached.iter().zip(ids).take_while(|(a, b)| a == b).count()
    }

    /// Ids that are not in the cache.
    pub fn pending(&self) -> usize {
        self.ids.len().saturating_sub(self.n_cached)
    }

    /// Takes over a prompt, from an empty cache or behind what is cached of it. The last token is
    /// evaluated in any case: its logits are not in the cache.
    pub fn begin(&mut self, ids: &[u32], reuse: bool) {
        let common = if reuse { self.common(ids) } else { 0 };
        self.n_cached = common.min(ids.len().saturating_sub(1));
        self.unfile(self.n_cached);
        (self.key, self.restore) = (None, None);
        self.ids.clear();
        self.ids.extend_from_slice(ids);
    }

    /// Forgets what is cached.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.n_cached = 0;
        (self.key, self.filed, self.restore) = (None, None, None);
    }

    /// Rows behind the first `n` are about to be others.
    fn unfile(&mut self, n: usize) {
        self.filed.take_if(|filed| filed.n > n);
    }

    /// Drops the older half of what follows the first `keep` ids. What is behind them moves and so
    /// has to be evaluated again.
    pub fn shift(&mut self, keep: usize) -> usize {
        let keep = keep.min(self.ids.len().saturating_sub(1) / 2);
        let n_dropped = ((self.ids.len() - keep) / 2).max(1).min(self.ids.len());
        self.ids.drain(keep..(keep + n_dropped).min(self.ids.len()));
        self.n_cached = self.n_cached.min(keep);
        self.unfile(keep);
        n_dropped
    }

    pub fn answer(&self) -> Option<&Answer> {
        match &self.task {
            Some(Task::Answer(answer)) => Some(answer),
            _ => None,
        }
    }

    pub fn answer_mut(&mut self) -> Option<&mut Answer> {
        match &mut self.task {
            Some(Task::Answer(answer)) => Some(answer),
            _ => None,
        }
    }

    /// The next thing it needs is one row, whose token was generated.
    pub fn is_writing(&self) -> bool {
        !self.is_held && self.is_midway() && !self.is_replaying()
    }

    /// The next thing it needs is a chunk of rows, or a row of an answer that is played again.
    pub fn is_reading(&self) -> bool {
        !self.is_held
            && match &self.task {
                Some(Task::Answer(answer)) => {
                    !answer.is_over() && (!self.is_midway() || answer.is_replaying())
                }
                Some(Task::Embed(embed)) => !embed.is_over(),
                Some(Task::Score(score)) => !score.is_over(),
                None => false,
            }
    }

    /// Between two tokens of an answer, be they new or played again.
    pub fn is_midway(&self) -> bool {
        let has_begun = |answer: &Answer| !answer.is_over() && answer.summary.generated_tokens > 0;
        self.pending() == 1 && self.answer().is_some_and(has_begun)
    }

    /// The next token of the answer is one that was written before.
    pub fn is_replaying(&self) -> bool {
        self.answer().is_some_and(Answer::is_replaying)
    }
}

/// The free slot for a prompt: with the longest common prefix, and of those the one that was not
/// used for longest.
pub(crate) fn best_free(slots: &[Slot], ids: &[u32]) -> Option<usize> {
    let free = slots.iter().enumerate().filter(|(_, slot)| slot.task.is_none());
    let worth = |slot: &Slot| match slot.common(ids) {
        n if n < MIN_PREFIX => 0,
        n => n,
    };
    free.min_by_key(|(_, slot)| (std::cmp::Reverse(worth(slot)), slot.used)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(ids: std::ops::Range<u32>, used: u64) -> Slot {
        Slot { n_cached: ids.len(), ids: ids.collect(), used, ..Slot::default() }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_oldest() {
        let prompt: Vec<u32> = (0..100).collect();
        let rows: [(&str, Vec<Slot>, usize); 4] = [
            ("a long prefix", vec![slot(0..0, 0), slot(0..40, 9), slot(0..30, 1)], 1),
            ("a short one counts as none", vec![slot(0..5, 7), slot(50..90, 2)], 1),
            ("equal prefixes", vec![slot(0..50, 7), slot(0..50, 2)], 1),
            ("nothing", vec![slot(0..0, 0), slot(0..0, 0)], 0),
        ];
        for (name, slots, best) in rows {
            assert_eq!(best_free(&slots, &prompt), Some(best), "{name}");
        }
        assert_eq!(best_free(&[], &prompt), None);
    }

    #[test]
    fn shifting_keeps_the_head_and_the_newest() {
        for (n, keep, want) in [
            (10, 0, vec![5, 6, 7, 8, 9]),
            (10, 2, vec![0, 1, 6, 7, 8, 9]),
            (10, 99, vec![0, 1, 2, 3, 7, 8, 9]),
            (2, 0, vec![1]),
            (2, 1, vec![1]),
        ] {
            let mut slot = slot(0..n, 0);
            slot.n_cached = n as usize - 1;
            let before = slot.ids.len();
            let n_dropped = slot.shift(keep);
            assert_eq!(slot.ids, want, "{n} ids, {keep} kept");
            assert_eq!(n_dropped, before - want.len());
            assert!(slot.n_cached <= keep && slot.pending() > 0);
        }
    }
}
