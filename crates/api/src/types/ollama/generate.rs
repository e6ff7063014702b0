//! `/api/generate`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolCall;
use crate::types::{KeepAlive, Options, Think, Timestamp};

/// What is asked; every field is Ollama's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct GenerateRequest {
    pub model: String,
    pub prompt: String,
    pub suffix: String,
    pub system: String,
    pub template: String,
    /// Ids of an earlier answer, which this one continues.
    pub context: Vec<u32>,
    pub stream: Option<bool>,
    pub raw: bool,
    pub format: Option<Value>,
    pub keep_alive: Option<KeepAlive>,
    pub images: Vec<String>,
    pub options: Options,
    pub think: Option<Think>,
    pub truncate: Option<bool>,
    pub shift: Option<bool>,
    pub logprobs: bool,
    pub top_logprobs: i64,
    #[serde(rename = "_debug_render_only")]
    pub debug_render_only: bool,
}

/// One object of the answer.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct GenerateResponse {
    pub model: String,
    pub created_at: Timestamp,
    pub response: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<u32>,
    #[serde(flatten)]
    pub metrics: Metrics,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    #[serde(rename = "_debug_info", skip_serializing_if = "Option::is_none")]
    pub debug_info: Option<DebugInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Logprob>,
}

/// Numbers of a whole answer, in its last object only: durations in nanoseconds, counts in tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Metrics {
    #[serde(skip_serializing_if = "is_zero")]
    pub total_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub load_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub prompt_eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub prompt_eval_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub eval_duration: u64,
    /// Ours: tokens of the prompt that did not fit and were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub truncated_tokens: u64,
    /// Ours: tokens that the full context lost while the answer was written.
    #[serde(skip_serializing_if = "is_zero")]
    pub shifted_tokens: u64,
}

pub(crate) fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What `_debug_render_only` shows.
#[derive(Clone, Debug, Serialize)]
pub struct DebugInfo {
    /// The text that the model would have continued.
    pub rendered_template: String,
}

/// One token and how probable it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Logprob {
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_logprobs: Vec<TopLogprob>,
}

/// One of the tokens that could have stood there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct TopLogprob {
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
}
