//! One answer while it is being written: its settings, its sampler, its text so far, and the
//! reasons for which it ends.
//!
//! It knows nothing of players: whoever has logits or a chosen id for it hands them over. So an
//! answer is the same, whether it is written alone or beside others.
//!
//! The buffers of a [`Piece`] are used again from step to step.
//!
//! An answer that was begun elsewhere ([`Request::resume`]) is played again, token by token, by the
//! code that wrote it, and not read like a prompt: a row alone is computed by other kernels than a
//! chunk, so only this leaves the same cache to the bit, and stops, forms, draws and shifts of the
//! context need no second description. It costs what the tokens cost the first time, but for the
//! choice.

use kernels::Sampling;
use tokenizer::{Detokenizer, Tokenizer};

use crate::constraint::Form;
use crate::error::Error;
use crate::pace::Pace;
use crate::request::Request;
use crate::sample::{HostSampler, TokenLogprobs, logprobs};
use crate::stop::StopMatcher;
use crate::summary::{FinishReason, Summary};

/// Tokens a form may add behind a chosen one in one step, so that a cancel is seen in time.
const MAX_FORCED: usize = 16;

/// Contexts' worth of tokens after which an answer without another bound ends that may drop its
/// beginning: a model that repeats itself would go on for ever. Ollama's bound.
const MAX_CONTEXTS: usize = 10;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A chunk of the prompt was read: tokens done, of all that were new.
    Prefill {
        /// Tokens read by this generation.
        done: usize,
        /// Tokens it has to read.
        total: usize,
    },
    /// Tokens came; see [`Generation::piece`](crate::Generation::piece).
    Piece,
    /// It is over; see [`Generation::summary`](crate::Generation::summary).
    Done,
}

/// What came with one step.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Text that can be shown. It may lag behind the ids: an unfinished character or a possible
    /// stop string is held back.
    pub text: String,
    /// Ids generated in this step. The end-of-generation token is not among them.
    pub ids: Vec<u32>,
    /// If asked for: one entry per id, and a last one for an end-of-generation token.
    pub logprobs: Vec<TokenLogprobs>,
}

/// What an answer needs to know of its surroundings to take a token.
pub(crate) struct Around<'a> {
    pub tokenizer: &'a Tokenizer,
    pub n_ctx: usize,
    pub now_ms: f64,
}

/// See the module's header.
pub(crate) struct Answer {
    pub request: Request,
    pub sampling: Sampling,
    detokenizer: Detokenizer,
    stops: StopMatcher,
    sampler: HostSampler,
    /// What the answer must look like.
    form: Option<Form>,
    /// The device may choose tokens after the first.
    pub on_device: bool,
    pub pace: Pace,
    pub piece: Piece,
    pub summary: Summary,
    /// Where the reading that goes on began: behind the common prefix, or what a shift kept.
    pub read_from: usize,
    start_ms: f64,
    /// Text of tokens that are played again: it was shown before.
    old_text: String,
    /// Held-back text was let go.
    flushed: bool,
}

impl Answer {
    /// `on_device`: the player can choose tokens with these settings.
    pub fn new(
        request: Request,
        sampling: Sampling,
        form: Option<Form>,
        on_device: bool,
        detokenizer: Detokenizer,
        summary: Summary,
        now_ms: f64,
    ) -> Answer {
        let is_plain = request.logit_bias.is_empty() && request.logprobs.is_none();
        let on_device = on_device && is_plain && form.is_none();
        // Nothing to generate is done at once.
        let is_empty = request.max_tokens == Some(0);
        let finish_reason = is_empty.then_some(FinishReason::Length);
        Answer {
            detokenizer,
            stops: StopMatcher::new(&request.stop),
            sampler: HostSampler::default(),
            form,
            on_device,
            pace: Pace::new(request.tokens_per_job),
            piece: Piece::default(),
            summary: Summary { seed: sampling.seed, finish_reason, ..summary },
            read_from: summary.reused_tokens,
            start_ms: now_ms,
            old_text: String::new(),
            flushed: false,
            request,
            sampling,
        }
    }

    /// So much of the prompt came from a snapshot or was there before.
    pub fn restored(&mut self, n: usize) {
        (self.summary.reused_tokens, self.read_from) = (n, n);
    }

    /// It has its last token.
    pub fn is_over(&self) -> bool {
        self.summary.finish_reason.is_some()
    }

    /// The next token is one that was written before.
    pub fn is_replaying(&self) -> bool {
        !self.is_over() && self.n_replay() > 0
    }

    /// Tokens that are still to be played again.
    pub fn n_replay(&self) -> usize {
        self.request.resume.len().saturating_sub(self.summary.generated_tokens)
    }

    /// Ends it: what was held back still comes.
    pub fn cancel(&mut self) {
        self.summary.finish_reason.get_or_insert(FinishReason::Cancelled);
    }

    /// Empties the piece before a step.
    pub fn clear_piece(&mut self) {
        self.piece.text.clear();
        self.piece.ids.clear();
        self.piece.logprobs.clear();
    }

    /// Tokens of the next job on the device; 0 if the `queued` ones already end the answer.
    pub fn next_job(&self, room: usize, queued: usize) -> usize {
        let max = self.request.max_tokens;
        let left =
            max.map_or(room, |max| max.saturating_sub(self.summary.generated_tokens).min(room));
        self.pace.n_tokens().min(left.saturating_sub(queued))
    }

    /// Chooses from logits that were read back. Always so for the first token, which proves that
    /// the model's numbers are numbers: a device's own sampler would turn NaN into some token
    /// without a word.
    pub fn take_logits(
        &mut self,
        around: &Around<'_>,
        ids: &mut Vec<u32>,
        logits: &[f32],
    ) -> Result<(), Error> {
        let bias = &self.request.logit_bias;
        let form = self.form.as_mut();
        let id = self.sampler.choose(&self.sampling, bias, ids, ids.len(), logits, form)?;
        self.piece.logprobs.extend(self.request.logprobs.map(|n| logprobs(logits, id, n)));
        self.accept(around, ids, id);
        self.follow_form(around, ids, id)
    }

    /// Takes the next token that was written before, in place of a choice.
    pub fn replay(&mut self, around: &Around<'_>, ids: &mut Vec<u32>) -> Result<(), Error> {
        let Some(&id) = self.request.resume.get(self.summary.generated_tokens) else {
            return Ok(());
        };
        self.accept(around, ids, id);
        self.follow_form(around, ids, id)
    }

    /// Moves the form on by a chosen token, and takes the tokens after it that have no alternative:
    /// the model need not be asked, and reads them together with the next one.
    fn follow_form(
        &mut self,
        around: &Around<'_>,
        ids: &mut Vec<u32>,
        id: u32,
    ) -> Result<(), Error> {
        let Some(form) = &mut self.form else {
            return Ok(());
        };
        form.accept(id)?;
        // Log-probabilities are the model's, which then must be asked.
        let forced = if self.request.logprobs.is_none() { form.forced() } else { Vec::new() };
        for id in forced.into_iter().take(MAX_FORCED) {
            // A context that is full is dealt with before the next token, not between these.
            if self.is_over() || ids.len() + 1 >= around.n_ctx {
                break;
            }
            if let Some(form) = &mut self.form {
                form.accept(id)?;
            }
            self.accept(around, ids, id);
        }
        if self.form.as_ref().is_some_and(Form::is_done) {
            self.summary.finish_reason.get_or_insert(FinishReason::Stop);
        }
        Ok(())
    }

    /// Takes a chosen token: into the sequence, into text, and through every reason to stop. The
    /// end of the answer is no token of it.
    pub fn accept(&mut self, around: &Around<'_>, ids: &mut Vec<u32>, id: u32) {
        let n_before = self.summary.generated_tokens;
        let is_old = n_before < self.request.resume.len();
        if is_old || n_before == self.request.resume.len() {
            self.summary.prefill_ms = around.now_ms - self.start_ms;
        } else {
            self.summary.decode_ms = around.now_ms - self.start_ms - self.summary.prefill_ms;
        }
        if around.tokenizer.is_end(id) && !self.request.ignore_eos {
            self.summary.finish_reason = Some(FinishReason::Stop);
            return;
        }
        ids.push(id);
        self.summary.generated_tokens += 1;
        let text = self.detokenizer.push(id);
        let shown = if is_old {
            self.summary.resumed_tokens += 1;
            self.old_text.clear();
            &mut self.old_text
        } else {
            self.piece.ids.push(id);
            &mut self.piece.text
        };
        let n_generated = self.summary.generated_tokens;
        let endless = MAX_CONTEXTS.saturating_mul(around.n_ctx);
        if self.stops.push(&text, shown) {
            self.flushed = true;
            self.summary.finish_reason = Some(FinishReason::Stop);
            self.summary.stop = self.stops.matched();
        } else if n_generated >= self.request.max_tokens.unwrap_or(endless) {
            self.summary.finish_reason = Some(FinishReason::Length);
        } else if ids.len() >= around.n_ctx && !self.request.shift {
            self.summary.finish_reason = Some(FinishReason::Context);
        }
    }

    /// The front of the context was dropped: what remains is read again from `read_from` on.
    pub fn shifted(&mut self, n_dropped: usize, read_from: usize) {
        self.summary.shifted_tokens += n_dropped;
        self.read_from = read_from;
        // Positions come again; the draws that belong to them should not.
        self.sampling.seed = self.sampling.seed.wrapping_add(1);
    }

    /// After the last token: what was held back, once, then the end.
    pub fn wind_up(&mut self) -> Step {
        if !self.flushed {
            self.flushed = true;
            let rest = self.detokenizer.finish();
            if !self.stops.push(&rest, &mut self.piece.text) {
                self.stops.finish(&mut self.piece.text);
            }
            self.summary.stop = self.stops.matched();
            if !self.piece.text.is_empty() {
                return Step::Piece;
            }
        }
        Step::Done
    }
}
