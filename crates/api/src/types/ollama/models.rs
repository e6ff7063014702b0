//! What is said about models: `/api/tags`, `/api/ps`, `/api/show`, `/api/copy`, `/api/delete`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Message;
use crate::types::{Options, Timestamp};

/// What a model is, in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Details {
    pub parent_model: String,
    pub format: String,
    pub family: String,
    pub families: Vec<String>,
    /// "8.0B"
    pub parameter_size: String,
    /// "Q4_K_M"
    pub quantization_level: String,
}

/// One stored model.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ListModel {
    pub name: String,
    pub model: String,
    pub modified_at: Timestamp,
    /// Bytes of all layers.
    pub size: u64,
    /// SHA-256 of the manifest, 64 hexadecimal digits without a prefix.
    pub digest: String,
    pub details: Details,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_length: Option<u64>,
    pub capabilities: Vec<&'static str>,
}

/// `/api/tags`, newest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListResponse {
    /// The models.
    pub models: Vec<ListModel>,
}

/// One loaded model.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ProcessModel {
    pub name: String,
    pub model: String,
    /// Bytes in memory, of every kind.
    pub size: u64,
    pub digest: String,
    pub details: Details,
    pub expires_at: Timestamp,
    /// Of them, bytes on the graphics device.
    pub size_vram: u64,
    pub context_length: u64,
}

/// `/api/ps`, the one that stays longest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessResponse {
    /// The models.
    pub models: Vec<ProcessModel>,
}

/// A request that only names a model: `/api/delete`, and what others share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelRequest {
    /// The name.
    pub model: String,
    /// Its older field.
    pub name: String,
}

impl ModelRequest {
    /// The name, from whichever field has it.
    pub fn name(&self) -> &str {
        if self.model.is_empty() { &self.name } else { &self.model }
    }
}

/// `/api/show`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ShowRequest {
    #[serde(flatten)]
    pub model: ModelRequest,
    pub verbose: bool,
    pub system: String,
    pub template: String,
    pub options: Options,
}

/// `/api/show`: the answer.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ShowResponse {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub license: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub modelfile: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parameters: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    pub details: Details,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub model_info: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub projector_info: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<Tensor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<&'static str>,
    pub modified_at: Timestamp,
}

/// One tensor of a model's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Tensor {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub shape: Vec<u64>,
}

/// `/api/copy`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct CopyRequest {
    pub source: String,
    pub destination: String,
}

/// `/api/version`.
#[derive(Clone, Debug, Serialize)]
pub struct VersionResponse {
    /// Looks like a semantic version: clients compare it.
    pub version: String,
}
