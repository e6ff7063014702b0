//! `/v1/embeddings`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::types::KeepAlive;
use crate::types::ollama::Input;

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbeddingRequest {
    pub model: String,
    pub input: Input,
    pub dimensions: Option<u32>,
    /// `float` or `base64`.
    pub encoding_format: Option<String>,
    pub options: Map<String, Value>,
    pub keep_alive: Option<KeepAlive>,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbeddingResponse {
    pub object: &'static str,
    pub data: Vec<Embedding>,
    pub model: String,
    pub usage: EmbeddingUsage,
}

/// One vector.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Embedding {
    pub object: &'static str,
    pub embedding: Vector,
    pub index: usize,
}

/// Numbers, or little-endian `f32` in base64.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Vector {
    /// As numbers.
    Floats(Vec<f32>),
    /// As a text.
    Base64(String),
}

/// Tokens that were read.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct EmbeddingUsage {
    pub prompt_tokens: usize,
    pub total_tokens: usize,
}
