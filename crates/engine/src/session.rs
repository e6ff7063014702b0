//! A loaded model: its player, its text side, and the slots in which sequences live from request to
//! request.
//!
//! How a request becomes the ids of a slot is said in `prompt`, what slots do together in `rounds`.

use std::ops::ControlFlow;
use std::sync::Arc;

use chat::{ChatTemplate, Guard};
use kernels::{
    Counters, Input, Job, OpTime, Peaks, Place, Player, PlayerConfig, PlayerInfo, RowAt, Sampling,
    Tap, Want,
};
use tokenizer::Tokenizer;

use crate::bench::Cost;
use crate::constraint::Forms;
use crate::env::Env;
use crate::error::Error;
use crate::open::ModelInfo;
use crate::request::Prompt;
use crate::rounds::{Turn, receive};
use crate::score::LOGITS_ROWS;
use crate::slot::Slot;
use crate::snapshot::Snapshots;

/// The side that knows text.
pub(crate) struct Text {
    pub tokenizer: Arc<Tokenizer>,
    pub template: ChatTemplate,
    /// Keeps control tokens in messages from being read as such.
    pub guard: Guard,
    pub forms: Forms,
}

impl Text {
    pub fn new(tokenizer: Arc<Tokenizer>, template: ChatTemplate) -> Text {
        let guard = guard_of(&tokenizer);
        let forms = Forms::new(&tokenizer);
        Text { tokenizer, template, guard, forms }
    }
}

/// A guard for the control tokens of a vocabulary.
pub fn guard_of(tokenizer: &Tokenizer) -> Guard {
    let ids = 0..u32::try_from(tokenizer.n_vocab()).unwrap_or(u32::MAX);
    let control = ids.filter(|&id| tokenizer.is_control(id));
    Guard::new(control.filter_map(|id| tokenizer.token_text(id)))
}

/// A loaded model.
pub struct Session {
    pub(crate) player: Box<dyn Player>,
    pub(crate) text: Text,
    pub(crate) env: Env,
    /// One per sequence the player has room for.
    pub(crate) slots: Vec<Slot>,
    pub(crate) turn: Turn,
    /// The slot of a [`Generation`](crate::Generation), until something else is asked.
    pub(crate) lent: Option<usize>,
    /// Slots given out so far.
    pub(crate) n_requests: u64,
    pub(crate) snapshots: Snapshots,
    info: ModelInfo,
    cost: Cost,
    pub(crate) n_ctx: usize,
    /// Rows of a prompt that are read in one go, if fewer than the player takes.
    n_batch: Option<usize>,
    load_ms: f64,
}

impl Session {
    pub(crate) fn new(
        player: Box<dyn Player>,
        text: Text,
        info: ModelInfo,
        cost: Cost,
        config: &PlayerConfig,
        env: Env,
        load_ms: f64,
    ) -> Session {
        let n_ctx = config.n_ctx;
        let slot = |_| Slot { ids: Vec::with_capacity(n_ctx), ..Slot::default() };
        let slots = (0..config.n_slots.max(1)).map(slot).collect();
        let (turn, lent, n_requests, n_batch) = (Turn::new(), None, 0, None);
        Session {
            player,
            text,
            env,
            slots,
            turn,
            lent,
            n_requests,
            snapshots: Snapshots::default(),
            info,
            cost,
            n_ctx,
            n_batch,
            load_ms,
        }
    }

    /// Capacity of the context of one sequence, in tokens.
    pub fn n_ctx(&self) -> usize {
        self.n_ctx
    }

    /// Time the weights took to load.
    pub fn load_ms(&self) -> f64 {
        self.load_ms
    }

    /// What the model is.
    pub fn model_info(&self) -> &ModelInfo {
        &self.info
    }

    /// What plays it.
    pub fn player_info(&self) -> PlayerInfo {
        self.player.info()
    }

    /// The player's counts so far.
    pub fn counters(&self) -> Counters {
        self.player.counters()
    }

    /// What its tokens cost.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// The host's clock.
    pub(crate) fn now_ms(&self) -> f64 {
        (self.env.now_ms)()
    }

    /// Measures what the device can do at best; `None` where it cannot be measured. The cache stays
    /// as it is. Takes below a second.
    ///
    /// # Errors
    /// Whatever the player reports.
    pub async fn measure_peaks(&mut self) -> Result<Option<Peaks>, Error> {
        self.turn.end_chain();
        self.player.submit_peaks()?;
        std::future::poll_fn(|cx| self.player.poll(cx)).await?;
        Ok(self.player.peaks().cloned())
    }

    /// Starts (from zero) or stops timing every kernel; see [`Player::set_profiling`].
    pub fn set_profiling(&mut self, on: bool) {
        self.player.set_profiling(on);
    }

    /// Times since [`Session::set_profiling`]; empty where the device has no timers.
    pub fn profile(&self) -> Vec<OpTime> {
        self.player.profile()
    }

    /// Text to ids and back.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.text.tokenizer
    }

    /// The chat template, with its source and whether it is a fallback.
    pub fn template(&self) -> &ChatTemplate {
        &self.text.template
    }

    /// Forgets the cache of all slots that do nothing: the next prompt is evaluated whole.
    pub fn clear(&mut self) {
        self.reclaim();
        self.slots.iter_mut().filter(|slot| slot.task.is_none()).for_each(Slot::clear);
    }

    /// Logits after `ids`, evaluated from an empty cache: of the last position, or of all. `sink`
    /// gets rows of `n_vocab` in order, several at a time.
    ///
    /// # Errors
    /// Ids outside the vocabulary, more ids than the context holds, [`Error::EmptyPrompt`],
    /// [`Error::NoSlot`].
    pub async fn logits(
        &mut self,
        ids: &[u32],
        all: bool,
        mut sink: impl FnMut(&[f32]),
    ) -> Result<(), Error> {
        let first = if all { Some(0) } else { None };
        let sink = |_, rows: &[f32]| {
            if !rows.is_empty() {
                sink(rows);
            }
            ControlFlow::Continue(())
        };
        self.evaluate(ids, first, sink).await
    }

    /// As [`Session::logits`] of the positions from `first` on. Those before it are read like a
    /// prompt, without the head, which costs as much as several layers. `sink` is called behind
    /// every job with how many ids are read and the rows of it, none before `first`; when it
    /// breaks, the rest is not read.
    ///
    /// # Errors
    /// As [`Session::logits`].
    pub async fn logits_from(
        &mut self,
        ids: &[u32],
        first: usize,
        sink: impl FnMut(usize, &[f32]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.evaluate(ids, Some(first), sink).await
    }

    /// Reads `ids` from an empty cache; logits of the last row, or of those from `first` on.
    async fn evaluate(
        &mut self,
        ids: &[u32],
        first: Option<usize>,
        mut sink: impl FnMut(usize, &[f32]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.check_writes()?;
        let ids = self.prompt_ids(&Prompt::Tokens(ids.to_vec()))?;
        if ids.len() > self.n_ctx {
            return Err(Error::PromptTooLong { need: ids.len(), have: self.n_ctx });
        }
        let i = self.take_slot(&[])?;
        let slot = &mut self.slots[i];
        slot.clear();
        slot.ids.extend_from_slice(&ids);
        while self.slots[i].pending() > 0 {
            let (pos, left) = (self.slots[i].n_cached, self.slots[i].pending());
            let most = left.min(self.max_rows());
            let (n_rows, want) = match first {
                Some(first) if pos < first => (most.min(first - pos), Want::Nothing),
                Some(_) => (most.min(LOGITS_ROWS), Want::AllLogits),
                None if left > most => (most, Want::Nothing),
                None => (left, Want::LastLogits),
            };
            let input = Input::Tokens(&ids[pos..pos + n_rows]);
            self.turn.end_chain();
            self.player.submit(&Job { input, place: Place::Run(RowAt { slot: i, pos }), want })?;
            receive(&mut *self.player).await?;
            self.slots[i].n_cached += n_rows;
            let is_read = matches!(want, Want::Nothing);
            let rows = if is_read { &[] } else { self.player.logits() };
            if sink(pos + n_rows, rows).is_break() {
                break;
            }
            self.env.yield_now().await;
        }
        Ok(())
    }

    /// Has `tap` see what passes between the ops from now on, or nobody; false if the player
    /// cannot show it.
    ///
    /// # Errors
    /// Whatever the player reports.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) -> Result<bool, Error> {
        Ok(self.player.set_tap(tap)?)
    }

    /// Evaluates `ids` at `pos`, for measuring. With `choose` the next token is chosen on the
    /// device (or its logits computed, where it cannot choose) and left unread, else only the
    /// cache is written. In the first slot; what was cached is forgotten.
    ///
    /// # Errors
    /// More rows than the player takes, a position beyond the context.
    pub async fn step_raw(&mut self, ids: &[u32], pos: usize, choose: bool) -> Result<(), Error> {
        self.clear();
        self.turn.end_chain();
        let sampling = Sampling::default();
        let want = match choose {
            false => Want::Nothing,
            true if self.player.can_sample(&sampling) => {
                Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 1 }
            }
            true => Want::LastLogits,
        };
        self.player.submit(&Job { input: Input::Tokens(ids), place: pos.into(), want })?;
        Ok(receive(&mut *self.player).await?)
    }

    /// Bounds the rows of a prompt that are read in one go; at least one is, and no more than the
    /// player takes.
    pub fn set_batch(&mut self, n_rows: Option<usize>) {
        self.n_batch = n_rows;
    }

    /// Most rows one evaluation may have.
    pub fn max_rows(&self) -> usize {
        let max = self.player.max_rows();
        self.n_batch.map_or(max, |n| n.min(max)).max(1)
    }
}
