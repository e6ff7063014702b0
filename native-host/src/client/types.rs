//! What servers answer, as far as the command line shows it. Every field may be missing: servers
//! of other versions answer too.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a model is, in a few words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Details {
    pub parent_model: String,
    pub family: String,
    pub parameter_size: String,
    pub quantization_level: String,
}

/// A stored model. The rest of the object is kept for `--format json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListModel {
    pub name: String,
    pub modified_at: String,
    /// Bytes of all layers.
    pub size: u64,
    pub digest: String,
}

/// `/api/tags`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Listed {
    pub models: Vec<Value>,
}

/// A loaded model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Process {
    pub name: String,
    pub digest: String,
    /// Bytes in memory, of every kind.
    pub size: u64,
    /// Of them, on the graphics device.
    pub size_vram: u64,
    pub context_length: u64,
    pub expires_at: String,
}

/// `/api/ps`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Processes {
    pub models: Vec<Value>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Message {
    pub role: String,
    pub content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
}

impl Message {
    /// Somebody says something.
    pub fn new(role: &str, content: impl Into<String>) -> Message {
        Message { role: role.to_owned(), content: content.into(), thinking: String::new() }
    }
}

/// `/api/show`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    pub license: String,
    pub modelfile: String,
    pub parameters: String,
    pub template: String,
    pub system: String,
    pub details: Details,
    pub messages: Vec<Message>,
    pub model_info: Map<String, Value>,
    pub projector_info: Map<String, Value>,
    pub tensors: Vec<Tensor>,
    pub capabilities: Vec<String>,
}

/// A tensor, in `show --verbose`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tensor {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub shape: Vec<u64>,
}

/// One object of `/api/generate` or `/api/chat`: either puts its text elsewhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Generated {
    pub response: String,
    pub thinking: String,
    pub message: Message,
    pub done_reason: String,
    pub total_duration: u64,
    pub load_duration: u64,
    pub prompt_eval_count: u64,
    pub prompt_eval_duration: u64,
    pub eval_count: u64,
    pub eval_duration: u64,
    pub truncated_tokens: u64,
    /// Tokens that the full context lost while the answer was written.
    pub shifted_tokens: u64,
}

/// One object of a long operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Progress {
    pub status: String,
    pub digest: Option<String>,
    /// Bytes, and how many of them are done.
    pub total: Option<u64>,
    pub completed: Option<u64>,
    /// Nothing comes; only an `ingle` says so.
    pub retry: Option<Retry>,
}

/// A wait before the server asks a registry again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// Which try comes next, of how many.
    pub attempt: u32,
    pub of: u32,
    pub wait_ms: u64,
    /// The registry answered that it cannot now; otherwise it did not answer, or stopped.
    pub busy: bool,
}
