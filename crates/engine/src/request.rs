//! What a host may ask for: a prompt, how to choose tokens, when to stop.

use chat::structure::Grammar;
use kernels::Sampling;

use crate::conversation::Conversation;
use crate::error::Error;

/// Where the tokens of the prompt come from.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// Text as it is, with the special tokens the file asks for; no template.
    Text(String),
    /// A conversation, rendered by the model's chat template.
    Messages(Vec<chat::Message>),
    /// A conversation with tools and settings, or a text with a hole, rendered by the model's
    /// template or another.
    Conversation(Box<Conversation>),
    /// Ids as they are; nothing is added.
    Tokens(Vec<u32>),
}

/// One generation.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is continued.
    pub prompt: Prompt,
    /// How tokens are chosen; its `seed` is replaced by [`Request::seed`].
    pub sampling: Sampling,
    /// `None`: the host's entropy. The seed used is in the [`Summary`](crate::Summary).
    pub seed: Option<u32>,
    /// New tokens at most; `None`: until the context is full.
    pub max_tokens: Option<usize>,
    /// Generation ends before the first of these; never shown, also not in part.
    pub stop: Vec<String>,
    /// Added to the logits of these ids, before penalties.
    pub logit_bias: Vec<(u32, f32)>,
    /// `Some(n)`: log-probabilities of each token and of the `n` best at its place.
    pub logprobs: Option<usize>,
    /// The form the answer must have; it ends where nothing can be added.
    pub grammar: Option<Grammar>,
    /// Control tokens that are shown by their text: marks before tool calls
    /// ([`chat::stream::ToolFormat::markers`]) may be such. Texts that are no token are left out.
    pub show: Vec<String>,
    /// Tokens of this very answer that were written before, by a session that is gone: the ids of
    /// all its [`Piece`](crate::Piece)s. They are played again as they were written and not shown;
    /// the answer goes on behind them, with the text, the draws and the form it would have had. So
    /// a seed must be given where tokens are drawn. Text that is let go behind the last token, in
    /// a piece without ids, comes again.
    pub resume: Vec<u32>,
    /// The host's key of the snapshot this conversation is kept under; see
    /// [`snapshot`](crate::snapshot). Without a shelf for them it means nothing.
    pub snapshot: Option<String>,
    /// Go on after an end-of-generation token (it is then a token like any other).
    pub ignore_eos: bool,
    /// A prompt longer than the context is cut (see [`Request::num_keep`]) and not refused; how
    /// much is left out is in the [`Summary`](crate::Summary).
    pub truncate: bool,
    /// At the end of the context drop the older half and go on, and do not end the answer.
    pub shift: bool,
    /// Tokens at the front that stay when something is cut or dropped, up to half of what is left.
    pub num_keep: usize,
    /// Tokens the device chooses in one go, at most [`MAX_TOKENS_PER_JOB`]. More save round trips,
    /// but a cancel is only seen after that many. `None`: as many as come within a frame of a
    /// screen, one at first.
    pub tokens_per_job: Option<usize>,
}

/// Bound of [`Request::tokens_per_job`]: devices keep the tokens of a job in a buffer of this size.
pub const MAX_TOKENS_PER_JOB: usize = 64;

/// Bound of [`Request::logprobs`]: what OpenAI's interface allows.
pub const MAX_LOGPROBS: usize = 20;

/// What `ollama run` samples with when nothing is said: the penalties are off.
pub fn default_sampling() -> Sampling {
    Sampling { temperature: 0.8, top_k: 40, top_p: 0.9, ..Sampling::default() }
}

impl Request {
    /// The defaults around a prompt.
    pub fn new(prompt: Prompt) -> Request {
        Request {
            prompt,
            sampling: default_sampling(),
            seed: None,
            max_tokens: None,
            stop: Vec::new(),
            logit_bias: Vec::new(),
            logprobs: None,
            grammar: None,
            show: Vec::new(),
            resume: Vec::new(),
            snapshot: None,
            ignore_eos: false,
            truncate: false,
            shift: false,
            num_keep: 0,
            tokens_per_job: None,
        }
    }

    /// Refuses settings without a meaning before anything is computed.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first wrong one.
    pub fn check(&self) -> Result<(), Error> {
        let s = &self.sampling;
        let fraction = "a number from 0 to 1";
        let checks: [(&'static str, f32, bool, &'static str); 7] = [
            ("temperature", s.temperature, s.temperature >= 0.0, "a number, 0 or more"),
            ("top_p", s.top_p, (0.0..=1.0).contains(&s.top_p), fraction),
            ("min_p", s.min_p, (0.0..=1.0).contains(&s.min_p), fraction),
            ("typical_p", s.typical_p, (0.0..=1.0).contains(&s.typical_p), fraction),
            ("repeat_penalty", s.repeat_penalty, s.repeat_penalty > 0.0, "a number above 0"),
            ("presence_penalty", s.presence_penalty, true, "a number"),
            ("frequency_penalty", s.frequency_penalty, true, "a number"),
        ];
        for (name, value, ok, expected) in checks {
            if !ok || !value.is_finite() {
                return Err(Error::Setting { name, value: value.to_string(), expected });
            }
        }
        // +∞ would be a choice made beforehand; −∞ is a ban, and useful.
        if let Some(bad) = self.logit_bias.iter().find(|b| b.1.is_nan() || b.1 == f32::INFINITY) {
            let value = bad.1.to_string();
            return Err(Error::Setting { name: "logit_bias", value, expected: "finite or -inf" });
        }
        if let Some(n) = self.logprobs.filter(|&n| n > MAX_LOGPROBS) {
            let expected = "at most 20";
            return Err(Error::Setting { name: "logprobs", value: n.to_string(), expected });
        }
        Ok(())
    }
}
