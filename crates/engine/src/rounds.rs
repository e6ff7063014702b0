//! Rounds: what the slots of a session do next, all together.
//!
//! A round is one job of the player: a chunk of one prompt, or one token for every answer that is
//! being written (continuous batching). Where both are wanted they take turns, and chunks are then
//! kept short, so that a long prompt delays the others' tokens by no more than that; prompts take
//! turns too. After a round every slot that got somewhere has an outcome, to be taken with
//! [`Session::next_outcome`].
//!
//! How tokens are written, together or alone, is in `write`.
//!
//! Nothing here is allocated per token.

use std::collections::VecDeque;

use kernels::{Input, Job, MAX_SLOTS, Place, Player, PlayerError, RowAt, Want};

use crate::answer::{Around, Piece, Step};
use crate::embed::Embeddings;
use crate::error::Error;
use crate::sample::TokenLogprobs;
use crate::score::LOGITS_ROWS;
use crate::session::Session;
use crate::slot::{Slot, Task};
use crate::summary::Summary;
use crate::write::JOBS_QUEUED;

/// Milliseconds that a chunk of a prompt may take while others write: as long as a person takes to
/// notice a pause in a text that is being written.
const CHUNK_MS: f64 = 200.0;
/// Rows of such a chunk at least: with fewer, weights are read for little.
const MIN_CHUNK: usize = 8;
/// Rows of such a chunk while nothing is known of the device's speed.
const FIRST_CHUNK: usize = 32;

/// The session's place in its rounds.
#[derive(Default)]
pub(crate) struct Turn {
    /// What the last round brought.
    pub outcomes: VecDeque<(usize, Result<Step, Error>)>,
    /// The slot that read last; the next one after it is next.
    reader: usize,
    /// The last round was a chunk of a prompt.
    has_read: bool,
    /// Milliseconds per row of the last chunk.
    ms_per_row: Option<f64>,
    /// Tokens of each job of the chain that is on its way, oldest first, and whose they are.
    pub queued: VecDeque<usize>,
    pub chain: Option<usize>,
    /// Ids a chain chose.
    pub chosen: Vec<u32>,
}

impl Turn {
    pub fn new() -> Turn {
        Turn {
            outcomes: VecDeque::with_capacity(2 * MAX_SLOTS),
            queued: VecDeque::with_capacity(JOBS_QUEUED),
            ..Turn::default()
        }
    }

    /// A job that is none of the chain's is about to be submitted, which ends it.
    pub fn end_chain(&mut self) {
        self.queued.clear();
        self.chain = None;
    }
}

impl Session {
    /// Computes one round. Nothing to do is a round, too. A slot that is done says so in every
    /// round, before anything is computed, until it is [released](Session::release).
    ///
    /// # Errors
    /// Whatever the player reports; it then concerns all slots. What concerns one is its outcome.
    pub async fn round(&mut self) -> Result<(), PlayerError> {
        self.reclaim();
        self.compute_round().await
    }

    pub(crate) async fn compute_round(&mut self) -> Result<(), PlayerError> {
        self.turn.outcomes.clear();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            match &mut slot.task {
                Some(Task::Answer(answer)) => {
                    answer.clear_piece();
                    if answer.is_over() {
                        self.turn.outcomes.push_back((i, Ok(answer.wind_up())));
                    }
                }
                Some(Task::Embed(embed)) if embed.is_over() => {
                    self.turn.outcomes.push_back((i, Ok(Step::Done)));
                }
                Some(Task::Score(score)) if score.is_over() => {
                    self.turn.outcomes.push_back((i, Ok(Step::Done)));
                }
                _ => {}
            }
        }
        if !self.turn.outcomes.is_empty() {
            return Ok(()); // news that cost nothing do not wait for a job
        }
        self.shift_full();
        let n_writing = self.slots.iter().filter(|slot| slot.is_writing()).count();
        let reader = self.next_reader().filter(|_| n_writing == 0 || !self.turn.has_read);
        self.turn.has_read = reader.is_some();
        match reader {
            Some(i) if self.slots[i].restore.is_some() => {
                self.turn.reader = i;
                self.restore_piece(i).await
            }
            Some(i) => self.read(i, n_writing > 0).await,
            None if self.chainable().is_some() => self.write_chain().await,
            None => self.write_together().await,
        }
    }

    /// What the last round brought for one slot; once for each slot that got somewhere.
    pub fn next_outcome(&mut self) -> Option<(usize, Result<Step, Error>)> {
        self.turn.outcomes.pop_front()
    }

    /// What the last round brought to an answer.
    pub fn piece(&self, slot: usize) -> Option<&Piece> {
        self.slots.get(slot).and_then(Slot::answer).map(|answer| &answer.piece)
    }

    /// Numbers of a slot's answer; complete after [`Step::Done`].
    pub fn summary(&self, slot: usize) -> Option<&Summary> {
        self.slots.get(slot).and_then(Slot::answer).map(|answer| &answer.summary)
    }

    /// Has rounds leave out what a slot does, until it is let go on: whoever reads the answer is
    /// slow, and what is not computed needs no place.
    pub fn hold(&mut self, slot: usize, is_held: bool) {
        if let Some(slot) = self.slots.get_mut(slot).filter(|slot| slot.task.is_some()) {
            slot.is_held = is_held;
        }
    }

    /// Whether rounds have nothing to compute: all slots are free or [held](Session::hold).
    pub fn is_idle(&self) -> bool {
        self.slots.iter().all(|slot| slot.task.is_none() || slot.is_held)
    }

    /// Ends what a slot does: rounds to come bring text that was held back, then the end.
    pub fn cancel(&mut self, slot: usize) {
        self.hold(slot, false);
        match self.slots.get_mut(slot).and_then(|slot| slot.task.as_mut()) {
            Some(Task::Answer(answer)) => answer.cancel(),
            Some(Task::Embed(embed)) => embed.cancel(),
            Some(Task::Score(score)) => score.cancel(),
            None => {}
        }
    }

    /// Frees a slot, whatever it does. What is in its cache stays for the next prompt.
    pub fn release(&mut self, slot: usize) -> Option<Embeddings> {
        if self.turn.chain == Some(slot) {
            self.turn.end_chain();
        }
        self.hold(slot, false);
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.restore = None;
        }
        match self.slots.get_mut(slot).and_then(|slot| slot.task.take()) {
            Some(Task::Embed(embed)) => Some(embed.finish()),
            _ => None,
        }
    }

    /// Takes what a slot has scored, after [`Step::Done`]; `None` if it was cancelled, or scores
    /// nothing. The slot is still to be [released](Session::release).
    pub fn take_scores(&mut self, slot: usize) -> Option<Vec<TokenLogprobs>> {
        let is_score = |task: &mut Task| matches!(task, Task::Score(score) if score.is_over());
        match self.slots.get_mut(slot)?.task.take_if(is_score) {
            Some(Task::Score(score)) => score.finish(),
            _ => None,
        }
    }

    /// How many sequences the model was loaded for.
    pub fn n_slots(&self) -> usize {
        self.slots.len()
    }

    /// How many of them do nothing.
    pub fn n_free(&self) -> usize {
        let is_free = |(i, slot): &(usize, &Slot)| slot.task.is_none() || self.lent == Some(*i);
        self.slots.iter().enumerate().filter(is_free).count()
    }

    /// Takes back the slot of a generation that is gone.
    pub(crate) fn reclaim(&mut self) {
        if let Some(slot) = self.lent.take() {
            self.release(slot);
        }
    }

    /// Makes room in the contexts of answers that go on beyond theirs.
    fn shift_full(&mut self) {
        let n_ctx = self.n_ctx();
        for slot in self.slots.iter_mut().filter(|slot| slot.ids.len() >= n_ctx) {
            let keep = slot.answer().filter(|a| !a.is_over()).map(|a| a.request.num_keep);
            // The prompt's own last token is evaluated before anything is dropped.
            if let Some(keep) = keep.filter(|_| !slot.is_held && slot.is_midway()) {
                let n_dropped = slot.shift(keep);
                let read_from = slot.n_cached;
                if let Some(answer) = slot.answer_mut() {
                    answer.shifted(n_dropped, read_from);
                }
            }
        }
    }

    fn next_reader(&self) -> Option<usize> {
        let n = self.slots.len();
        let turns = (1..=n).map(|i| (self.turn.reader + i) % n);
        turns.into_iter().find(|&i| self.slots[i].is_reading())
    }

    /// The slot whose answer a chain may write: the only one that does anything.
    pub(crate) fn chainable(&self) -> Option<usize> {
        let mut busy = (0..self.slots.len()).filter(|&i| self.slots[i].task.is_some());
        match (busy.next(), busy.next()) {
            (Some(i), None) => self.slots[i].answer().is_some_and(|a| a.on_device).then_some(i),
            _ => None,
        }
    }

    /// Rows of the next chunk. Pieces of what would be a whole chunk never leave a single row
    /// over: a row alone is computed by other kernels, and which tokens come should not depend on
    /// who else is there.
    fn chunk_rows(&self, slot: &Slot, read_from: usize, is_shared: bool) -> usize {
        if self.model_info().only_embeds {
            return slot.pending(); // rows see those behind them
        }
        let max = match slot.task {
            Some(Task::Score(_)) => self.max_rows().min(LOGITS_ROWS),
            _ => self.max_rows(),
        };
        let n_done = slot.n_cached.saturating_sub(read_from);
        let whole = slot.pending().min(max - n_done % max);
        if !is_shared {
            return whole;
        }
        let rows = self.turn.ms_per_row.map_or(FIRST_CHUNK, |ms| (CHUNK_MS / ms) as usize);
        let rows = rows.max(MIN_CHUNK).min(whole);
        if whole - rows == 1 && rows > 2 { rows - 1 } else { rows }
    }

    /// Reads a chunk of what a slot has to read.
    async fn read(&mut self, i: usize, is_shared: bool) -> Result<(), PlayerError> {
        self.turn.reader = i;
        let slot = &self.slots[i];
        let read_from = slot.answer().map_or(0, |answer| answer.read_from);
        let n_rows = self.chunk_rows(slot, read_from, is_shared);
        let is_last = n_rows == slot.pending();
        let want = match &slot.task {
            Some(Task::Embed(_)) => Want::Hidden,
            Some(Task::Score(_)) => Want::AllLogits,
            _ if is_last && !(slot.is_midway() && slot.is_replaying()) => Want::LastLogits,
            _ => Want::Nothing,
        };
        // Short chunks say little about the speed of long ones.
        let start_ms = (n_rows >= MIN_CHUNK).then(|| self.now_ms());
        let pos = slot.n_cached;
        let input = Input::Tokens(&slot.ids[pos..pos + n_rows]);
        self.turn.end_chain();
        self.player.submit(&Job { input, place: Place::Run(RowAt { slot: i, pos }), want })?;
        receive(&mut *self.player).await?;
        let now_ms = self.now_ms();
        if let Some(start_ms) = start_ms.filter(|start_ms| now_ms > *start_ms) {
            self.turn.ms_per_row = Some((now_ms - start_ms) / n_rows as f64);
        }
        let n_vocab = self.model_info().dims.n_vocab;
        let Session { player, slots, text, turn, n_ctx, .. } = self;
        let slot = &mut slots[i];
        slot.n_cached += n_rows;
        let around = Around { tokenizer: &text.tokenizer, n_ctx: *n_ctx, now_ms };
        let outcome = match &mut slot.task {
            Some(Task::Answer(answer)) if is_last && answer.is_replaying() => {
                let result = answer.replay(&around, &mut slot.ids);
                if result.is_err() {
                    answer.cancel();
                }
                // A form may have added tokens that are new.
                let is_new = !answer.piece.ids.is_empty();
                let done = slot.n_cached.saturating_sub(read_from);
                let total = slot.ids.len().saturating_sub(read_from) + answer.n_replay();
                let step = if is_new { Step::Piece } else { Step::Prefill { done, total } };
                result.map(|()| step)
            }
            Some(Task::Answer(answer)) if is_last => {
                let result = answer.take_logits(&around, &mut slot.ids, player.logits());
                if result.is_err() {
                    answer.cancel();
                }
                result.map(|()| Step::Piece)
            }
            Some(Task::Embed(embed)) => {
                embed.take_rows(player.hidden());
                let (done, total) = (embed.n_read(), embed.n_tokens());
                if is_last && let Some(ids) = embed.next_input() {
                    slot.begin(&ids, false);
                }
                Ok(Step::Prefill { done, total })
            }
            Some(Task::Score(score)) => {
                let taken = score.take_rows(player.logits(), n_vocab);
                let (done, total) = score.progress();
                taken.map(|()| Step::Prefill { done, total })
            }
            task => {
                let n_replay = match task {
                    Some(Task::Answer(answer)) => answer.n_replay(),
                    _ => 0,
                };
                let done = slot.n_cached - read_from;
                Ok(Step::Prefill { done, total: slot.ids.len() - read_from + n_replay })
            }
        };
        turn.outcomes.push_back((i, outcome));
        Ok(())
    }
}

/// Waits for the oldest job.
pub(crate) async fn receive(player: &mut dyn Player) -> Result<(), PlayerError> {
    std::future::poll_fn(|cx| player.poll(cx)).await
}
