//! `/v1/completions`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{StreamOptions, Usage};
use crate::types::ollama::Input;
use crate::types::{KeepAlive, OneOrMany};

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct CompletionRequest {
    pub model: String,
    pub prompt: Input,
    pub suffix: String,
    /// The prompt stands before the answer, with its log-probabilities if they are asked for.
    pub echo: bool,
    pub stream: bool,
    pub stream_options: StreamOptions,
    pub max_tokens: Option<i64>,
    pub n: Option<u32>,
    pub best_of: Option<u32>,
    pub seed: Option<i64>,
    pub stop: Option<OneOrMany>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub logit_bias: Map<String, Value>,
    pub logprobs: Option<i64>,
    pub options: Map<String, Value>,
    pub keep_alive: Option<KeepAlive>,
}

/// A whole answer, or one part of a streamed one.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Completion {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    pub system_fingerprint: &'static str,
    pub choices: Vec<CompletionChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One of the answers.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct CompletionChoice {
    pub text: String,
    pub index: u32,
    pub logprobs: Option<CompletionLogprobs>,
    pub finish_reason: Option<&'static str>,
}

/// How probable the tokens of a text were: lists of equal length.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CompletionLogprobs {
    /// Their texts.
    pub tokens: Vec<String>,
    /// Null for a token with nothing before it.
    pub token_logprobs: Vec<Option<f32>>,
    /// The most probable tokens at each place, and the one that stands there.
    pub top_logprobs: Vec<Option<Map<String, Value>>>,
    /// Where each begins in the text, in characters.
    pub text_offset: Vec<usize>,
}
