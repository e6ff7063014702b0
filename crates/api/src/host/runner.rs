//! A loaded model.

use std::time::Duration;

use engine::{FinishReason, TokenLogprobs};
use futures_util::stream::LocalBoxStream;
use kernels::Sampling;
use serde_json::Value;

use super::{Memory, OutputParser};
use crate::types::{Think, Tool, ToolChoice};

/// What a loaded model is.
#[derive(Clone, Debug, Default)]
pub struct RunnerInfo {
    /// Memory that it takes.
    pub memory: Memory,
    /// Tokens that one sequence may hold.
    pub num_ctx: usize,
    /// Tokens in its vocabulary.
    pub n_vocab: usize,
    /// Requests that it can serve at a time; 0: as many as it was to be loaded for.
    pub n_slots: usize,
}

/// Why a request could not be served. One sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The request is wrong: a schema, an id, a template that refuses the conversation.
    #[error("{0}")]
    Invalid(String),
    /// The prompt is longer than the context and must not be cut.
    #[error(
        "the input length exceeds the context length: it has {need} tokens and the context holds \
         {have}; shorten it or raise num_ctx"
    )]
    TooLong {
        /// Tokens of the prompt.
        need: usize,
        /// Tokens of the context.
        have: usize,
    },
    /// The device or the model failed.
    #[error("{0}")]
    Failed(String),
}

/// A conversation, or a gap, that becomes a prompt.
#[derive(Clone, Debug, Default)]
pub struct RenderRequest {
    /// Oldest first. The prompt ends where the assistant's answer begins; if the last message is
    /// the assistant's, the answer continues it.
    pub messages: Vec<chat::Message>,
    /// Text behind the gap: then `messages` is one message of `user`, the text before it.
    pub suffix: Option<String>,
    /// Tools that the model is told of.
    pub tools: Vec<Tool>,
    /// Whether it thinks; `None`: as the template does by itself.
    pub think: Option<Think>,
    /// A template (Jinja or Go) instead of the file's own.
    pub template: Option<String>,
}

/// A prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// As text.
    pub text: String,
    /// As ids: control tokens are those of the template, never those that a message contains, and
    /// the beginning-of-sequence token stands where the file wants it, once.
    pub tokens: Vec<u32>,
    /// Strings that end an answer in this format, besides the end tokens.
    pub stop: Vec<String>,
}

/// What an answer must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Any JSON object.
    Json,
    /// JSON of a schema.
    Schema(Value),
}

/// One generation.
#[derive(Clone, Debug, Default)]
pub struct GenerateRequest {
    /// What is continued.
    pub prompt: Vec<u32>,
    /// How tokens are chosen; its `seed` does not count.
    pub sampling: Sampling,
    /// `None`: another one each time.
    pub seed: Option<u32>,
    /// New tokens at most; `None`: until the context is full.
    pub max_tokens: Option<usize>,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    /// Added to the logits of these ids.
    pub logit_bias: Vec<(u32, f32)>,
    /// Log-probabilities of each token and of so many others at its place.
    pub logprobs: Option<usize>,
    /// What the answer must look like.
    pub format: Option<Format>,
    /// Tools and whether one must be called: with `Required` and `Function` the answer is
    /// constrained to a call.
    pub tools: Vec<Tool>,
    /// See `tools`.
    pub tool_choice: ToolChoice,
    /// The template that the prompt was made with, instead of the file's own: it says how calls
    /// and thoughts are written.
    pub template: Option<String>,
    /// A prompt that is too long loses its middle; otherwise it is an error.
    pub truncate: bool,
    /// A full context loses its oldest part and goes on; otherwise the answer ends.
    pub shift: bool,
    /// Tokens at the prompt's head that are never lost.
    pub num_keep: usize,
}

/// Numbers of one generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Why it ended.
    pub finish_reason: Option<FinishReason>,
    /// The stop string that ended it, if one did and the runner knows.
    pub stop_text: Option<String>,
    /// Tokens of the prompt after truncation, in the cache or not.
    pub prompt_tokens: usize,
    /// New tokens, without the end token.
    pub generated_tokens: usize,
    /// Tokens that a full context lost while the answer was written.
    pub shifted_tokens: usize,
    /// Until the first token was chosen.
    pub prefill: Duration,
    /// From then to the last.
    pub decode: Duration,
}

/// What happens during a generation: `Started`, any number of `Progress` and `Piece`, `Done`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The prompt was accepted.
    Started {
        /// Its tokens after truncation.
        prompt_tokens: usize,
        /// Of them, found in the cache.
        reused_tokens: usize,
        /// Tokens that were left out.
        truncated_tokens: usize,
    },
    /// Prompt tokens read, of all that are new.
    Progress {
        /// Read.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// Tokens, and text that can be shown; the text may lag behind.
    Piece {
        /// The text.
        text: String,
        /// The ids.
        ids: Vec<u32>,
        /// If asked for: one entry per id, and a last one for the end token.
        logprobs: Vec<TokenLogprobs>,
    },
    /// The end.
    Done(Summary),
}

/// A running generation: ends with `Done` or an error. Dropping it cancels the generation within
/// one token or one chunk of the prompt. A client that does not read is a stream that is not
/// polled: the runner bounds what it holds for it (by pausing the generation), and serves its other
/// slots meanwhile.
pub type EventStream = LocalBoxStream<'static, Result<Event, RunError>>;

/// Texts to be embedded, as ids.
#[derive(Clone, Debug, Default)]
pub struct EmbedRequest {
    /// One list per text.
    pub inputs: Vec<Vec<u32>>,
    /// A text that is too long loses its end; otherwise it is an error.
    pub truncate: bool,
}

/// Their vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One per text, pooled as the file says, not normalized.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were read.
    pub prompt_tokens: usize,
    /// Tokens that were left out.
    pub truncated_tokens: usize,
}

/// What a parser of output is told.
#[derive(Clone, Debug, Default)]
pub struct ParserRequest {
    /// Tools that may be called.
    pub tools: Vec<Tool>,
    /// Whether thinking was asked for; `None`: as the template does by itself.
    pub think: Option<Think>,
    /// The prompt's text: it may end inside of an opened thought.
    pub prompt: String,
    /// The template instead of the file's own, if there is one.
    pub template: Option<String>,
}

/// A loaded model. At most [`RunnerInfo::n_slots`] requests run at a time; the
/// scheduler sees to it.
#[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
pub trait Runner: 'static {
    /// What it is.
    fn info(&self) -> RunnerInfo;

    /// A conversation as a prompt.
    async fn render(&self, request: &RenderRequest) -> Result<Rendered, RunError>;

    /// Ids of a text. `special`: with the beginning-of-sequence token if the file wants it (once),
    /// and control tokens in the text are found.
    async fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, RunError>;

    /// The bytes of one token; empty for ids outside of the vocabulary. They need not be a text.
    fn token_bytes(&self, id: u32) -> Vec<u8>;

    /// Starts a generation. Ids outside of the vocabulary are [`RunError::Invalid`].
    fn generate(&self, request: GenerateRequest) -> EventStream;

    /// How probable each token was, given those before it: `tokens.len() - 1` entries, the first
    /// for `tokens[1]`, each with the `top` most probable ones. Nothing for one token or none;
    /// [`RunError::TooLong`] for more than the context holds.
    async fn score(&self, tokens: &[u32], top: usize) -> Result<Vec<TokenLogprobs>, RunError>;

    /// Vectors of texts.
    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings, RunError>;

    /// Takes thoughts and calls of tools out of the text.
    fn parser(&self, request: &ParserRequest) -> Box<dyn OutputParser>;
}
