//! What a long operation says while it runs, in Ollama's words.

use crate::digest::Digest;

/// One line of progress. For one digest, `completed` never goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `pulling manifest`, `pulling <12 hex>`, `verifying sha256 digest`, `writing manifest`,
    /// `success`; `pushing …` likewise.
    pub status: String,
    /// The blob this is about.
    pub digest: Option<Digest>,
    /// Bytes it has.
    pub total: Option<u64>,
    /// Bytes that are here (pull) or there (push).
    pub completed: Option<u64>,
}

impl Progress {
    /// A line without numbers.
    pub fn note(status: &str) -> Progress {
        Progress { status: status.to_owned(), digest: None, total: None, completed: None }
    }

    /// A line about a blob: `verb` and the digest's first digits.
    pub fn blob(verb: &str, digest: Digest, total: u64, completed: u64) -> Progress {
        let status = format!("{verb} {}", digest.short());
        Progress {
            status,
            digest: Some(digest),
            total: Some(total),
            completed: Some(completed.min(total)),
        }
    }
}
