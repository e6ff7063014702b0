//! What changes the store: `/api/create`, `/api/pull`, `/api/push`, and their progress.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Message, ModelRequest};
use crate::types::OneOrMany;

/// `/api/create`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct CreateRequest {
    #[serde(flatten)]
    pub model: ModelRequest,
    /// A stored model; never a path, which a client could aim at any file of this machine.
    pub from: String,
    /// File names with the digests of blobs that were uploaded before.
    pub files: BTreeMap<String, String>,
    pub adapters: BTreeMap<String, String>,
    pub template: String,
    pub license: Option<OneOrMany>,
    pub system: String,
    pub parameters: Map<String, Value>,
    pub messages: Vec<Message>,
    pub quantize: String,
    /// The older name of `quantize`.
    pub quantization: String,
    /// Fields of Ollama that choose one of its built-in renderers; ours is the template.
    pub renderer: String,
    pub parser: String,
    /// The least version of Ollama that runs the model.
    pub requires: String,
    /// A smaller model that guesses ahead for this one.
    pub draft_files: BTreeMap<String, String>,
    pub stream: Option<bool>,
}

/// `/api/pull` and `/api/push`: what is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct TransferRequest {
    #[serde(flatten)]
    pub model: ModelRequest,
    pub insecure: bool,
    pub username: String,
    pub password: String,
    pub stream: Option<bool>,
}

/// One object of progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done; the last one is `success`.
    pub status: String,
    /// The blob that is moved, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// How many of them are done; never fewer than in the object before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<u64>,
    /// Nothing comes, and the server at the other end is asked again later. Not in Ollama.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// A wait before a server is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Which try comes next; the first of all is 1.
    pub attempt: u32,
    /// Tries in a row without a byte before it is given up.
    pub of: u32,
    /// Milliseconds until it comes.
    pub wait_ms: u64,
    /// The server answered that it cannot now; otherwise it did not answer, or stopped.
    pub busy: bool,
}

impl Progress {
    /// A step without a number.
    pub fn status(status: impl Into<String>) -> Progress {
        Progress { status: status.into(), ..Progress::default() }
    }
}
