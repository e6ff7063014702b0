//! Anthropic's `/v1/messages`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::types::{Content, KeepAlive, ToolChoice};

/// What is asked. `options` and `keep_alive` are Ollama's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct MessagesRequest {
    pub model: String,
    pub max_tokens: Option<i64>,
    pub messages: Vec<RequestMessage>,
    pub system: Option<Content>,
    pub stop_sequences: Option<Vec<String>>,
    pub stream: bool,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<i64>,
    pub tools: Vec<ToolDefinition>,
    pub tool_choice: ToolChoice,
    pub thinking: Option<Thinking>,
    pub options: Map<String, Value>,
    pub keep_alive: Option<KeepAlive>,
}

/// One turn of the conversation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct RequestMessage {
    pub role: String,
    pub content: Option<Content>,
}

/// A tool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ToolDefinition {
    pub name: String,
    pub description: String,
    pub input_schema: Option<Value>,
}

/// Whether the model thinks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Thinking {
    /// `enabled`, `adaptive` or `disabled`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Message {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub role: &'static str,
    pub model: String,
    pub content: Vec<Block>,
    pub stop_reason: Option<&'static str>,
    pub stop_sequence: Option<String>,
    pub usage: Usage,
}

/// One thing in an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum Block {
    Thinking { thinking: String, signature: String },
    Text { text: String },
    ToolUse { id: String, name: String, input: Map<String, Value> },
}

/// Tokens of a request and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Usage {
    pub input_tokens: usize,
    pub output_tokens: usize,
}
