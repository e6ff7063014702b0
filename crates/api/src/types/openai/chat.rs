//! `/v1/chat/completions`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Usage;
use crate::types::ollama::Logprob;
use crate::types::{Content, KeepAlive, OneOrMany, Tool, ToolChoice};

/// What is asked. `options` and `keep_alive` are Ollama's, without which the context of a model
/// could not be chosen here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<RequestMessage>,
    pub stream: bool,
    pub stream_options: StreamOptions,
    pub max_tokens: Option<i64>,
    pub max_completion_tokens: Option<i64>,
    pub n: Option<u32>,
    pub seed: Option<i64>,
    pub stop: Option<OneOrMany>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub logit_bias: Map<String, Value>,
    pub logprobs: bool,
    pub top_logprobs: i64,
    pub response_format: Option<ResponseFormat>,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    pub reasoning_effort: Option<String>,
    pub reasoning: Option<Reasoning>,
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
    pub reasoning: Option<String>,
    pub reasoning_content: Option<String>,
    pub name: Option<String>,
    pub tool_calls: Vec<ToolCall>,
    pub tool_call_id: Option<String>,
}

/// How a stream ends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamOptions {
    /// With one more chunk that counts tokens.
    pub include_usage: bool,
}

/// What the answer must look like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of `json_schema`.
    pub json_schema: Option<JsonSchema>,
}

/// A named schema.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JsonSchema {
    /// The schema.
    pub schema: Option<Value>,
}

/// How much the model thinks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reasoning {
    /// A level.
    pub effort: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ToolCall {
    pub index: u32,
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub function: ToolCallFunction,
}

/// Which tool, with what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ToolCallFunction {
    /// Its name.
    pub name: String,
    /// A JSON object as a text.
    pub arguments: String,
}

impl From<crate::types::ollama::ToolCall> for ToolCall {
    fn from(call: crate::types::ollama::ToolCall) -> ToolCall {
        let crate::types::ollama::ToolCallFunction { index, name, arguments } = call.function;
        let arguments = Value::Object(arguments).to_string();
        let function = ToolCallFunction { name, arguments };
        ToolCall { index, id: call.id, kind: "function".into(), function }
    }
}

/// A whole answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChatCompletion {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    pub system_fingerprint: &'static str,
    pub choices: Vec<ChatChoice>,
    pub usage: Usage,
}

/// One of the answers.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChatChoice {
    pub index: u32,
    pub message: ResponseMessage,
    pub finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<ChatLogprobs>,
}

/// What the model said.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ResponseMessage {
    pub role: &'static str,
    pub content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// How probable its tokens were.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChatLogprobs {
    /// One entry per token.
    pub content: Vec<Logprob>,
}

impl ChatLogprobs {
    /// `None` without entries.
    pub(crate) fn of(content: Vec<Logprob>) -> Option<ChatLogprobs> {
        (!content.is_empty()).then_some(ChatLogprobs { content })
    }
}

/// One part of a streamed answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChatChunk {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    pub system_fingerprint: &'static str,
    pub choices: Vec<ChunkChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What is new of one answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ChunkChoice {
    pub index: u32,
    pub delta: Delta,
    pub finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<ChatLogprobs>,
}

/// The new part; the role stands in the first one only.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    pub content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}
