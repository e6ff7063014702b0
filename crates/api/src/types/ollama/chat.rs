//! `/api/chat`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DebugInfo, Logprob, Message, Metrics};
use crate::types::{KeepAlive, Options, Think, Timestamp, Tool};

/// What is asked; every field is Ollama's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<Message>,
    pub stream: Option<bool>,
    pub format: Option<Value>,
    pub keep_alive: Option<KeepAlive>,
    pub tools: Vec<Tool>,
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
pub struct ChatResponse {
    pub model: String,
    pub created_at: Timestamp,
    pub message: Message,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_reason: Option<&'static str>,
    #[serde(rename = "_debug_info", skip_serializing_if = "Option::is_none")]
    pub debug_info: Option<DebugInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Logprob>,
    #[serde(flatten)]
    pub metrics: Metrics,
}
