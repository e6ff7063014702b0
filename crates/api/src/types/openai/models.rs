//! `/v1/models`.

use serde::Serialize;

/// One model.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Model {
    pub id: String,
    pub object: &'static str,
    /// When its name was last written, in seconds.
    pub created: u64,
    pub owned_by: String,
}

/// All models.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ModelList {
    pub object: &'static str,
    pub data: Vec<Model>,
}
