//! `/v1/responses`, without memory: nothing is stored between two requests.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Reasoning;
use crate::types::{Content, KeepAlive, ToolChoice};

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ResponsesRequest {
    pub model: String,
    pub input: ResponseInput,
    pub instructions: Option<String>,
    pub stream: bool,
    pub max_output_tokens: Option<i64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub tools: Vec<Map<String, Value>>,
    pub tool_choice: ToolChoice,
    pub text: TextOptions,
    pub reasoning: Option<Reasoning>,
    /// Needs a memory; refused.
    pub previous_response_id: Option<String>,
    /// Needs a memory; refused.
    pub conversation: Option<Value>,
    /// Needs a memory; refused.
    pub background: bool,
    pub options: Map<String, Value>,
    pub keep_alive: Option<KeepAlive>,
}

/// A text, or the items of a conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of items")]
pub enum ResponseInput {
    /// One message of the user.
    Text(String),
    /// Messages, calls, and what tools said.
    Items(Vec<InputItem>),
}

impl Default for ResponseInput {
    fn default() -> ResponseInput {
        ResponseInput::Items(Vec::new())
    }
}

/// One item; which fields it has depends on its type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct InputItem {
    /// `message` where it is missing.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub role: String,
    pub content: Option<Content>,
    pub call_id: String,
    pub name: String,
    pub arguments: String,
    pub output: Option<Content>,
    pub summary: Vec<crate::types::Part>,
}

/// What the text of the answer must look like.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct TextOptions {
    /// The form.
    pub format: TextFormat,
}

/// A form of text; the answer says it again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct TextFormat {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl Default for TextFormat {
    fn default() -> TextFormat {
        let (name, description, schema, strict) = (None, None, None, None);
        TextFormat { kind: "text".into(), name, description, schema, strict }
    }
}

/// The answer, whole or so far.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Response {
    pub id: String,
    pub object: &'static str,
    pub created_at: u64,
    pub status: &'static str,
    pub error: Option<Value>,
    pub incomplete_details: Option<Value>,
    pub instructions: Option<String>,
    pub max_output_tokens: Option<i64>,
    pub model: String,
    pub output: Vec<OutputItem>,
    pub parallel_tool_calls: bool,
    pub previous_response_id: Option<String>,
    pub store: bool,
    pub temperature: f64,
    pub text: TextOptions,
    pub tool_choice: &'static str,
    pub tools: Vec<Map<String, Value>>,
    pub top_p: f64,
    pub truncation: &'static str,
    pub usage: Option<ResponseUsage>,
    pub metadata: Map<String, Value>,
}

/// One thing in the answer.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum OutputItem {
    Reasoning {
        id: String,
        summary: Vec<ContentPart>,
        status: &'static str,
    },
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<ContentPart>,
    },
    FunctionCall {
        id: String,
        call_id: String,
        name: String,
        arguments: String,
        status: &'static str,
    },
}

/// One text in an item.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum ContentPart {
    OutputText { text: String, annotations: Vec<Value> },
    SummaryText { text: String },
}

/// Tokens of a request and its answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ResponseUsage {
    pub input_tokens: usize,
    pub input_tokens_details: Value,
    pub output_tokens: usize,
    pub output_tokens_details: Value,
    pub total_tokens: usize,
}
