//! A loaded model and the state that lives from request to request: the KV cache and what is in it.
//!
//! The session keeps the ids of the running sequence and how many of them are in the cache. A new
//! prompt is compared with them, and only what differs is evaluated: the second turn of a
//! conversation costs its new words. A job marks its rows as lost before it starts and as present
//! after it is done, so a future that is dropped half-way leaves a session that is still right.

use std::sync::Arc;

use chat::{ChatTemplate, Guard, RenderOptions};
use kernels::sampling::MAX_RECENT;
use kernels::{Counters, Input, Job, OpTime, Peaks, Player, PlayerInfo, Sampling, Want};
use tokenizer::{Encode, Tokenizer};

use crate::bench::Cost;
use crate::env::Env;
use crate::error::Error;
use crate::generate::Generation;
use crate::open::ModelInfo;
use crate::request::{Prompt, Request};

/// Rows per job when all logits are asked for: 32 rows of 151 936 logits are 19 MB.
const ALL_LOGITS_ROWS: usize = 32;

/// The side that knows text.
pub(crate) struct Text {
    pub tokenizer: Arc<Tokenizer>,
    pub template: ChatTemplate,
    /// Keeps control tokens in messages from being read as such.
    pub guard: Guard,
}

impl Text {
    pub fn new(tokenizer: Arc<Tokenizer>, template: ChatTemplate) -> Text {
        let ids = 0..u32::try_from(tokenizer.n_vocab()).unwrap_or(u32::MAX);
        let control = ids.filter(|&id| tokenizer.is_control(id));
        let guard = Guard::new(control.filter_map(|id| tokenizer.token_text(id)));
        Text { tokenizer, template, guard }
    }
}

/// A loaded model.
pub struct Session {
    pub(crate) player: Box<dyn Player>,
    pub(crate) text: Text,
    pub(crate) env: Env,
    /// The running sequence: prompt, then what was generated.
    pub(crate) ids: Vec<u32>,
    /// How many of `ids` have their keys and values in the cache.
    pub(crate) n_cached: usize,
    info: ModelInfo,
    cost: Cost,
    n_ctx: usize,
    load_ms: f64,
}

/// What one evaluation leaves behind; the engine's view of [`Want`].
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Nothing,
    LastLogits,
    AllLogits,
    Tokens { sampling: &'a Sampling, n_tokens: usize },
}

impl Session {
    pub(crate) fn new(
        player: Box<dyn Player>,
        text: Text,
        info: ModelInfo,
        cost: Cost,
        n_ctx: usize,
        env: Env,
        load_ms: f64,
    ) -> Session {
        let ids = Vec::with_capacity(n_ctx);
        Session { player, text, env, ids, n_cached: 0, info, cost, n_ctx, load_ms }
    }

    /// Capacity of the context, in tokens.
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

    /// Forgets the cache: the next prompt is evaluated whole.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.n_cached = 0;
    }

    /// Ids of a prompt, checked against the vocabulary.
    ///
    /// # Errors
    /// A template that fails, ids outside the vocabulary, [`Error::EmptyPrompt`].
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, Error> {
        let ids = match prompt {
            Prompt::Tokens(ids) => ids.clone(),
            Prompt::Text(text) => self.encode_prompt(text, false),
            Prompt::Messages(messages) => {
                let options = RenderOptions {
                    add_generation_prompt: true,
                    now: Some((self.env.now_local)()),
                    ..RenderOptions::default()
                };
                let messages = self.text.guard.messages(messages);
                self.encode_prompt(&self.text.template.render(&messages, &options)?, true)
            }
        };
        if ids.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        self.check_ids(&ids)?;
        Ok(ids)
    }

    fn check_ids<'a>(&self, ids: impl IntoIterator<Item = &'a u32>) -> Result<(), Error> {
        let n_vocab = self.info.dims.n_vocab;
        match ids.into_iter().find(|&&id| id as usize >= n_vocab) {
            Some(&id) => Err(Error::Token { id, n_vocab }),
            None => Ok(()),
        }
    }

    /// As the file wants it, but with one BOS where the template writes its own, and without the
    /// EOS some files append: a prompt is there to be continued.
    fn encode_prompt(&self, text: &str, is_guarded: bool) -> Vec<u32> {
        let tokenizer = &self.text.tokenizer;
        let own = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id));
        let has_bos = own(tokenizer.bos()).is_some_and(|bos| text.starts_with(bos));
        let has_eos = own(tokenizer.eos()).is_some_and(|eos| text.ends_with(eos));
        let options = Encode { add_special: !has_bos, parse_special: true };
        let mut ids = match is_guarded {
            true => tokenizer.encode_marked(text, options, Guard::MARK),
            false => tokenizer.encode(text, options),
        };
        if !has_bos && !has_eos && ids.len() > 1 && ids.last().copied() == tokenizer.eos() {
            ids.pop();
        }
        ids
    }

    /// Starts a generation; nothing is computed before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::PromptTooLong`], and those of [`Session::prompt_ids`].
    pub fn generate(&mut self, mut request: Request) -> Result<Generation<'_>, Error> {
        request.check()?;
        self.check_ids(request.logit_bias.iter().map(|bias| &bias.0))?;
        if matches!(request.prompt, Prompt::Messages(_)) {
            // A fallback form has no end token of its own.
            let own = self.text.template.stop_strings();
            request.stop.extend(own.iter().map(|stop| (*stop).to_owned()));
        }
        let ids = self.prompt_ids(&request.prompt)?;
        if ids.len() >= self.n_ctx {
            return Err(Error::PromptTooLong { need: ids.len(), have: self.n_ctx });
        }
        let cached = &self.ids[..self.n_cached];
        let common = cached.iter().zip(&ids).take_while(|(a, b)| a == b).count();
        // The last token is evaluated again in any case: its logits are not in the cache.
        self.n_cached = common.min(ids.len() - 1);
        self.ids.clear();
        self.ids.extend_from_slice(&ids);
        Ok(Generation::new(self, request))
    }

    /// Logits after `ids`, evaluated from an empty cache: of the last position, or of all. `sink`
    /// gets rows of `n_vocab` in order, several at a time.
    ///
    /// # Errors
    /// Ids outside the vocabulary, more ids than the context holds, [`Error::EmptyPrompt`].
    pub async fn logits(
        &mut self,
        ids: &[u32],
        all: bool,
        mut sink: impl FnMut(&[f32]),
    ) -> Result<(), Error> {
        let ids = self.prompt_ids(&Prompt::Tokens(ids.to_vec()))?;
        if ids.len() > self.n_ctx {
            return Err(Error::PromptTooLong { need: ids.len(), have: self.n_ctx });
        }
        self.clear();
        self.ids = ids;
        let max_rows = self.player.max_rows().max(1);
        while self.n_cached < self.ids.len() {
            let left = self.ids.len() - self.n_cached;
            let (n_rows, target) = match all {
                true => (left.min(max_rows).min(ALL_LOGITS_ROWS), Target::AllLogits),
                false if left > max_rows => (max_rows, Target::Nothing),
                false => (left, Target::LastLogits),
            };
            self.evaluate(n_rows, target).await?;
            if !matches!(target, Target::Nothing) {
                sink(self.player.logits());
            }
            self.env.yield_now().await;
        }
        Ok(())
    }

    /// Evaluates the next `n_rows` ids that are not in the cache.
    pub(crate) async fn evaluate(
        &mut self,
        n_rows: usize,
        target: Target<'_>,
    ) -> Result<(), Error> {
        self.submit(n_rows, target)?;
        self.receive().await?;
        self.n_cached += n_rows;
        Ok(())
    }

    /// Starts to evaluate the next `n_rows` ids that are not in the cache.
    pub(crate) fn submit(&mut self, n_rows: usize, target: Target<'_>) -> Result<(), Error> {
        let Session { player, ids, n_cached, .. } = self;
        let pos = *n_cached;
        let input = Input::Tokens(&ids[pos..pos + n_rows]);
        let want = match target {
            Target::Nothing => Want::Nothing,
            Target::LastLogits => Want::LastLogits,
            Target::AllLogits => Want::AllLogits,
            Target::Tokens { sampling, n_tokens } => {
                let recent = &ids[ids.len().saturating_sub(MAX_RECENT)..];
                Want::Tokens { sampling, recent, n_tokens }
            }
        };
        Ok(player.submit(&Job { input, place: pos.into(), want })?)
    }

    /// Waits for the oldest job.
    pub(crate) async fn receive(&mut self) -> Result<(), Error> {
        Ok(std::future::poll_fn(|cx| self.player.poll(cx)).await?)
    }

    /// Evaluates `ids` at `pos`, for measuring. With `choose` the next token is chosen on the
    /// device (or its logits computed, where it cannot choose) and left unread, else only the
    /// cache is written. What was cached is forgotten.
    ///
    /// # Errors
    /// More rows than the player takes, a position beyond the context.
    pub async fn step_raw(&mut self, ids: &[u32], pos: usize, choose: bool) -> Result<(), Error> {
        self.clear();
        let sampling = Sampling::default();
        let want = match choose {
            false => Want::Nothing,
            true if self.player.can_sample(&sampling) => {
                Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 1 }
            }
            true => Want::LastLogits,
        };
        self.player.submit(&Job { input: Input::Tokens(ids), place: pos.into(), want })?;
        Ok(std::future::poll_fn(|cx| self.player.poll(cx)).await?)
    }

    /// Most rows one evaluation may have.
    pub fn max_rows(&self) -> usize {
        self.player.max_rows().max(1)
    }
}
