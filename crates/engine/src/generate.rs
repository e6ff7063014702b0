//! One generation, step by step.
//!
//! A step is the smallest thing worth waiting for: one chunk of the prompt, or one token (or the
//! few a device chose in one go). Between steps the caller may look at what came, show it, and
//! cancel; so cancelling needs no flag that is shared between threads, and the same code serves a
//! terminal, a worker and a test. Steps and not a callback: the caller's loop stays the caller's.
//!
//! The buffers of a [`Piece`] are used again from step to step.

use std::collections::VecDeque;

use kernels::Sampling;
use tokenizer::Detokenizer;

use crate::constraint::Form;
use crate::error::Error;
use crate::pace::Pace;
use crate::request::Request;
use crate::sample::{HostSampler, TokenLogprobs, logprobs};
use crate::session::{Session, Target};
use crate::stop::StopMatcher;

/// Jobs a device has at a time: the one it computes and the one behind it. More would only be more
/// to throw away at the end of an answer.
const JOBS_QUEUED: usize = 2;

/// Tokens a form may add behind a chosen one in one step, so that a cancel is seen in time.
const MAX_FORCED: usize = 16;

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its answer, or a stop string came.
    Stop,
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    Context,
    /// The caller cancelled.
    Cancelled,
}

impl FinishReason {
    /// "stop", "length", "context" or "cancelled".
    pub fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::Context => "context",
            FinishReason::Cancelled => "cancelled",
        }
    }
}

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
    /// Tokens came; see [`Generation::piece`].
    Piece,
    /// It is over; see [`Generation::summary`].
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
    /// One entry per id, if asked for.
    pub logprobs: Vec<TokenLogprobs>,
}

/// Numbers of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// `None` while it runs.
    pub finish_reason: Option<FinishReason>,
    /// Tokens of the prompt, in the cache or not.
    pub prompt_tokens: usize,
    /// Prompt tokens found in the cache.
    pub reused_tokens: usize,
    /// New tokens, without the end-of-generation token.
    pub generated_tokens: usize,
    /// The seed that was used.
    pub seed: u32,
    /// Until the first token was chosen.
    pub prefill_ms: f64,
    /// From the first token to the last.
    pub decode_ms: f64,
}

impl Summary {
    /// New prompt tokens per second; 0 if nothing was measured.
    pub fn prefill_tok_s(&self) -> f64 {
        per_second(self.prompt_tokens - self.reused_tokens, self.prefill_ms)
    }

    /// Tokens per second after the first; 0 with fewer than two tokens.
    pub fn decode_tok_s(&self) -> f64 {
        per_second(self.generated_tokens.saturating_sub(1), self.decode_ms)
    }
}

fn per_second(n: usize, ms: f64) -> f64 {
    if ms > 0.0 { n as f64 / ms * 1000.0 } else { 0.0 }
}

/// A running generation; see the module's header.
pub struct Generation<'s> {
    session: &'s mut Session,
    request: Request,
    sampling: Sampling,
    detokenizer: Detokenizer,
    stops: StopMatcher,
    sampler: HostSampler,
    form: Option<Form>,
    /// The device may choose tokens after the first.
    on_device: bool,
    /// Tokens of each job on its way, oldest first.
    queued: VecDeque<usize>,
    pace: Pace,
    piece: Piece,
    scratch: Vec<u32>,
    summary: Summary,
    start_ms: f64,
    /// Held-back text was let go.
    flushed: bool,
}

impl<'s> Generation<'s> {
    pub(crate) fn new(
        session: &'s mut Session,
        request: Request,
        form: Option<Form>,
    ) -> Generation<'s> {
        let seed = request.seed.unwrap_or_else(|| (session.env.entropy)());
        let sampling = Sampling { seed, ..request.sampling };
        let on_device = request.logit_bias.is_empty()
            && request.logprobs.is_none()
            && form.is_none()
            && session.player.can_sample(&sampling);
        let shown = request.show.iter().filter_map(|text| session.text.tokenizer.control(text));
        let shown = shown.collect();
        let summary = Summary {
            // Nothing to generate is done at once.
            finish_reason: (request.max_tokens == Some(0)).then_some(FinishReason::Length),
            prompt_tokens: session.ids.len(),
            reused_tokens: session.n_cached,
            seed,
            ..Summary::default()
        };
        Generation {
            detokenizer: Detokenizer::new(session.text.tokenizer.clone()).showing(shown),
            stops: StopMatcher::new(&request.stop),
            sampler: HostSampler::default(),
            form,
            on_device,
            queued: VecDeque::with_capacity(JOBS_QUEUED),
            pace: Pace::new(request.tokens_per_job),
            piece: Piece::default(),
            scratch: Vec::new(),
            summary,
            start_ms: (session.env.now_ms)(),
            flushed: false,
            session,
            request,
            sampling,
        }
    }

    /// What the last step brought.
    pub fn piece(&self) -> &Piece {
        &self.piece
    }

    /// Numbers so far; complete after [`Step::Done`].
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Ends the generation: the next steps bring text that was held back, then the end.
    pub fn cancel(&mut self) {
        self.summary.finish_reason.get_or_insert(FinishReason::Cancelled);
    }

    /// Lets the host's event loop run, where it has one; call it between steps.
    pub async fn yield_now(&self) {
        self.session.env.yield_now().await;
    }

    /// Computes until there is something to report.
    ///
    /// # Errors
    /// [`Error::NotFinite`] and whatever the player reports. The session stays usable unless the
    /// device is gone.
    pub async fn step(&mut self) -> Result<Step, Error> {
        self.piece.text.clear();
        self.piece.ids.clear();
        self.piece.logprobs.clear();
        if self.summary.finish_reason.is_some() {
            return Ok(self.wind_up());
        }
        let pending = self.session.ids.len() - self.session.n_cached;
        let max_rows = self.session.max_rows();
        if pending > max_rows {
            self.session.evaluate(max_rows, Target::Nothing).await?;
            let done = self.session.n_cached - self.summary.reused_tokens;
            let total = self.summary.prompt_tokens - self.summary.reused_tokens;
            return Ok(Step::Prefill { done, total });
        }
        if self.on_device && self.summary.generated_tokens > 0 {
            self.step_on_device().await?;
        } else {
            self.step_on_host(pending).await?;
        }
        Ok(Step::Piece)
    }

    /// Reads the logits back. Always so for the first token, which proves that the model's numbers
    /// are numbers: a device's own sampler would turn NaN into some token without a word.
    async fn step_on_host(&mut self, pending: usize) -> Result<(), Error> {
        self.session.evaluate(pending, Target::LastLogits).await?;
        let (ids, logits) = (&self.session.ids, self.session.player.logits());
        let bias = &self.request.logit_bias;
        let form = self.form.as_mut();
        let id = self.sampler.choose(&self.sampling, bias, ids, ids.len(), logits, form)?;
        let extra = self.request.logprobs.map(|n| logprobs(logits, id, n));
        if self.accept(id)
            && let Some(extra) = extra
        {
            self.piece.logprobs.push(extra);
        }
        self.follow_form(id)
    }

    /// Moves the form on by a chosen token, and takes the tokens after it that have no alternative:
    /// the model need not be asked, and reads them together with the next one.
    fn follow_form(&mut self, id: u32) -> Result<(), Error> {
        let Some(form) = &mut self.form else {
            return Ok(());
        };
        form.accept(id)?;
        // Log-probabilities are the model's, which then must be asked.
        let forced = if self.request.logprobs.is_none() { form.forced() } else { Vec::new() };
        // All of them fit into the job that reads them.
        let n_forced = MAX_FORCED.min(self.session.max_rows() - 1);
        for id in forced.into_iter().take(n_forced) {
            if self.summary.finish_reason.is_some() {
                return Ok(());
            }
            if let Some(form) = &mut self.form {
                form.accept(id)?;
            }
            self.accept(id);
        }
        if self.form.as_ref().is_some_and(Form::is_done) {
            self.summary.finish_reason.get_or_insert(FinishReason::Stop);
        }
        Ok(())
    }

    /// Takes the tokens of the oldest job, with another one queued behind it: the device works
    /// while the host looks at what it chose.
    async fn step_on_device(&mut self) -> Result<(), Error> {
        self.fill_queue()?;
        let Some(n_tokens) = self.queued.pop_front() else {
            return Ok(());
        };
        self.session.receive().await?;
        self.pace.done(n_tokens, (self.session.env.now_ms)());
        let mut chosen = std::mem::take(&mut self.scratch);
        chosen.clear();
        chosen.extend_from_slice(self.session.player.tokens());
        let n_vocab = self.session.model_info().dims.n_vocab;
        for &id in &chosen {
            if id as usize >= n_vocab {
                self.queued.clear();
                return Err(Error::NotFinite { pos: self.session.ids.len() });
            }
            self.accept(id);
            if self.summary.finish_reason.is_some() {
                break;
            }
        }
        // The device also evaluated the tokens it fed back, all but the last. What it wrote behind
        // the end of an answer is overwritten by whatever comes next.
        let evaluated = self.session.n_cached + chosen.len().max(1);
        self.session.n_cached = evaluated.min(self.session.ids.len() - 1);
        self.scratch = chosen;
        Ok(())
    }

    /// Tokens of one more job; 0 if those that are queued already end the generation.
    fn next_job(&self) -> usize {
        let room = self.session.n_ctx() - self.session.ids.len();
        let left = self
            .request
            .max_tokens
            .map_or(room, |max| max.saturating_sub(self.summary.generated_tokens).min(room));
        let queued: usize = self.queued.iter().sum();
        self.pace.n_tokens().min(left.saturating_sub(queued))
    }

    /// Has jobs queued, as many as the player takes and the generation needs.
    fn fill_queue(&mut self) -> Result<(), Error> {
        if self.queued.is_empty() {
            let n_tokens = self.next_job().max(1);
            let target = Target::Tokens { sampling: &self.sampling, n_tokens };
            self.session.submit(1, target)?;
            self.pace.start((self.session.env.now_ms)());
            self.queued.push_back(n_tokens);
        }
        while self.queued.len() < JOBS_QUEUED {
            let n_tokens = self.next_job();
            if n_tokens == 0 {
                break;
            }
            if !self.session.player.submit_next(n_tokens)? {
                self.pace.one_by_one();
                break;
            }
            self.queued.push_back(n_tokens);
        }
        Ok(())
    }

    /// Takes a chosen token: into the sequence, into text, and through every reason to stop. False
    /// if it was the end of the answer, which is no token of it.
    fn accept(&mut self, id: u32) -> bool {
        let now = (self.session.env.now_ms)();
        if self.summary.generated_tokens == 0 {
            self.summary.prefill_ms = now - self.start_ms;
        } else {
            self.summary.decode_ms = now - self.start_ms - self.summary.prefill_ms;
        }
        if self.session.text.tokenizer.is_end(id) && !self.request.ignore_eos {
            self.summary.finish_reason = Some(FinishReason::Stop);
            return false;
        }
        self.session.ids.push(id);
        self.piece.ids.push(id);
        self.summary.generated_tokens += 1;
        let text = self.detokenizer.push(id);
        if self.stops.push(&text, &mut self.piece.text) {
            self.flushed = true;
            self.summary.finish_reason = Some(FinishReason::Stop);
        } else if self.request.max_tokens.is_some_and(|max| self.summary.generated_tokens >= max) {
            self.summary.finish_reason = Some(FinishReason::Length);
        } else if self.session.ids.len() >= self.session.n_ctx() {
            self.summary.finish_reason = Some(FinishReason::Context);
        }
        true
    }

    /// After the last token: what was held back, once, then the end.
    fn wind_up(&mut self) -> Step {
        if !self.flushed {
            self.flushed = true;
            let rest = self.detokenizer.finish();
            if !self.stops.push(&rest, &mut self.piece.text) {
                self.stops.finish(&mut self.piece.text);
            }
            if !self.piece.text.is_empty() {
                return Step::Piece;
            }
        }
        Step::Done
    }
}
