//! `/api/embed` and the older `/api/embeddings`.

use serde::{Deserialize, Serialize};

use super::generate::is_zero;
use crate::types::{KeepAlive, Options};

/// What is embedded.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "expected a string, a list of strings, or lists of token ids")]
pub enum Input {
    /// One text.
    Text(String),
    /// Several.
    Texts(Vec<String>),
    /// One text as its ids.
    Tokens(Vec<u32>),
    /// Several.
    TokenLists(Vec<Vec<u32>>),
}

impl Default for Input {
    fn default() -> Input {
        Input::Texts(Vec::new())
    }
}

/// `/api/embed`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbedRequest {
    pub model: String,
    pub input: Input,
    pub keep_alive: Option<KeepAlive>,
    pub truncate: Option<bool>,
    pub dimensions: Option<u32>,
    pub options: Options,
}

/// `/api/embed`: the answer. Vectors have length 1.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbedResponse {
    pub model: String,
    pub embeddings: Vec<Vec<f32>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub total_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub load_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub prompt_eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub truncated_tokens: u64,
}

/// `/api/embeddings`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbeddingsRequest {
    pub model: String,
    pub prompt: String,
    pub keep_alive: Option<KeepAlive>,
    pub options: Options,
}

/// `/api/embeddings`: the vector as the model gives it.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbeddingsResponse {
    pub embedding: Vec<f32>,
}
