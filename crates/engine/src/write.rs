//! Writing: one token for every answer that is being written, in one job; or, for an answer that is
//! alone, a chain.
//!
//! In a chain the device chooses and feeds back several tokens by itself, with the next job queued
//! behind the running one. It ends as soon as somebody else wants something; tokens that were
//! computed ahead are computed again.

use kernels::sampling::MAX_RECENT;
use kernels::{Draw, Input, Job, MAX_SLOTS, Place, PlayerError, RowAt, Sampling, Want};

use crate::answer::{Around, Step};
use crate::error::Error;
use crate::rounds::receive;
use crate::session::Session;
use crate::slot::Task;

/// Jobs a device has at a time: the one it computes and the one behind it. More would only be more
/// to throw away at the end of an answer.
pub(crate) const JOBS_QUEUED: usize = 2;

impl Session {
    /// One token for every answer that is being written.
    pub(crate) async fn write_together(&mut self) -> Result<(), PlayerError> {
        let mut rows = [RowAt::default(); MAX_SLOTS];
        let mut n = 0;
        for (slot, state) in self.slots.iter().enumerate().filter(|(_, s)| s.is_writing()) {
            if let Some(row) = rows.get_mut(n) {
                *row = RowAt { slot, pos: state.n_cached };
                n += 1;
            }
        }
        // The bound on chunks of prompts is none here: an answer is not to depend on it.
        let max_rows = self.player.max_rows().max(1);
        for rows in rows[..n].chunks(max_rows) {
            self.write_rows(rows).await?;
        }
        Ok(())
    }

    async fn write_rows(&mut self, rows: &[RowAt]) -> Result<(), PlayerError> {
        let on_device = self.submit_rows(rows)?;
        receive(&mut *self.player).await?;
        let now_ms = self.now_ms();
        let n_vocab = self.model_info().dims.n_vocab;
        let Session { player, slots, text, turn, n_ctx, .. } = self;
        let around = Around { tokenizer: &text.tokenizer, n_ctx: *n_ctx, now_ms };
        let logits = player.logits().chunks_exact(n_vocab.max(1));
        let mut logits = logits.map(Some).chain(std::iter::repeat(None));
        for (i, row) in rows.iter().enumerate() {
            let slot = &mut slots[row.slot];
            slot.n_cached += 1;
            let pos = slot.ids.len();
            let Some(Task::Answer(answer)) = &mut slot.task else { continue };
            let result = match (on_device, player.tokens().get(i), logits.next().flatten()) {
                (true, Some(&id), _) if (id as usize) < n_vocab => {
                    answer.accept(&around, &mut slot.ids, id);
                    Ok(())
                }
                (false, _, Some(logits)) => answer.take_logits(&around, &mut slot.ids, logits),
                _ => Err(Error::NotFinite { pos }),
            };
            if result.is_err() {
                answer.cancel();
            }
            turn.outcomes.push_back((row.slot, result.map(|()| Step::Piece)));
        }
        Ok(())
    }

    /// Starts a step of these rows; true if the device chooses the tokens.
    fn submit_rows(&mut self, rows: &[RowAt]) -> Result<bool, PlayerError> {
        self.turn.end_chain();
        let Session { player, slots, .. } = self;
        let none = Sampling::default();
        let mut draws = [Draw { sampling: &none, recent: &[] }; MAX_SLOTS];
        let mut ids = [0; MAX_SLOTS];
        let mut on_device = true;
        for ((id, draw), row) in ids.iter_mut().zip(&mut draws).zip(rows) {
            let slot = &slots[row.slot];
            let recent = &slot.ids[slot.ids.len().saturating_sub(MAX_RECENT)..];
            *id = recent.last().copied().unwrap_or(0);
            let Some(answer) = slot.answer() else { continue };
            on_device &= answer.on_device;
            *draw = Draw { sampling: &answer.sampling, recent };
        }
        let (input, draws) = (Input::Tokens(&ids[..rows.len()]), &draws[..rows.len()]);
        let (place, want) = match (rows, draws) {
            // A device may have something better for a single row.
            ([row], [Draw { sampling, recent }]) if on_device => {
                (Place::Run(*row), Want::Tokens { sampling, recent, n_tokens: 1 })
            }
            ([row], _) => (Place::Run(*row), Want::LastLogits),
            _ if on_device => (Place::Each(rows), Want::Choices(draws)),
            _ => (Place::Each(rows), Want::AllLogits),
        };
        player.submit(&Job { input, place, want })?;
        Ok(on_device)
    }

    /// Takes the tokens of the oldest job, with another one queued behind it: the device works
    /// while the host looks at what it chose.
    pub(crate) async fn write_chain(&mut self) -> Result<(), PlayerError> {
        let Some(i) = self.chainable().filter(|&i| self.slots[i].is_writing()) else {
            return Ok(());
        };
        self.fill_queue(i)?;
        let Some(n_tokens) = self.turn.queued.pop_front() else {
            return Ok(());
        };
        receive(&mut *self.player).await?;
        let now_ms = self.now_ms();
        let n_vocab = self.model_info().dims.n_vocab;
        let Session { player, slots, text, turn, n_ctx, .. } = self;
        let slot = &mut slots[i];
        let Some(Task::Answer(answer)) = &mut slot.task else { return Ok(()) };
        answer.pace.done(n_tokens, now_ms);
        turn.chosen.clear();
        turn.chosen.extend_from_slice(player.tokens());
        let around = Around { tokenizer: &text.tokenizer, n_ctx: *n_ctx, now_ms };
        let mut outcome = Ok(Step::Piece);
        for &id in &turn.chosen {
            if id as usize >= n_vocab {
                outcome = Err(Error::NotFinite { pos: slot.ids.len() });
                answer.cancel();
                break;
            }
            answer.accept(&around, &mut slot.ids, id);
            if answer.is_over() {
                break;
            }
        }
        // The device also evaluated the tokens it fed back, all but the last. What it wrote behind
        // the end of an answer is overwritten by whatever comes next.
        let evaluated = slot.n_cached + turn.chosen.len().max(1);
        slot.n_cached = evaluated.min(slot.ids.len() - 1);
        if outcome.is_err() || answer.is_over() {
            turn.end_chain();
        }
        turn.outcomes.push_back((i, outcome));
        Ok(())
    }

    /// Has jobs queued, as many as the player takes and the answer needs.
    fn fill_queue(&mut self, i: usize) -> Result<(), PlayerError> {
        if self.turn.chain != Some(i) {
            self.turn.end_chain();
        }
        let now_ms = self.now_ms();
        let Session { player, slots, turn, n_ctx, .. } = self;
        let slot = &mut slots[i];
        let room = *n_ctx - slot.ids.len();
        let Some(Task::Answer(answer)) = &mut slot.task else { return Ok(()) };
        if turn.queued.is_empty() {
            let n_tokens = answer.next_job(room, 0).max(1);
            let pos = slot.n_cached;
            let recent = &slot.ids[slot.ids.len().saturating_sub(MAX_RECENT)..];
            let want = Want::Tokens { sampling: &answer.sampling, recent, n_tokens };
            let (input, at) = (Input::Tokens(&slot.ids[pos..pos + 1]), RowAt { slot: i, pos });
            player.submit(&Job { input, place: Place::Run(at), want })?;
            answer.pace.start(now_ms);
            turn.chain = Some(i);
            turn.queued.push_back(n_tokens);
        }
        while turn.queued.len() < JOBS_QUEUED {
            let n_tokens = answer.next_job(room, turn.queued.iter().sum());
            if n_tokens == 0 {
                break;
            }
            if !player.submit_next(n_tokens)? {
                answer.pace.one_by_one();
                break;
            }
            turn.queued.push_back(n_tokens);
        }
        Ok(())
    }
}
