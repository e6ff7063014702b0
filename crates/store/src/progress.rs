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
    /// Nothing comes, and the server is asked again later. A line without it ends that.
    pub retry: Option<Retry>,
}

/// A wait before a server is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which try comes next; the first of all is 1.
    pub attempt: u32,
    /// Tries in a row without a byte before it is given up.
    pub of: u32,
    /// Milliseconds until it comes. There is no line when they are over.
    pub wait_ms: u64,
    /// The server answered that it cannot now (429, 503); otherwise it did not answer, or stopped.
    pub is_busy: bool,
}

impl Progress {
    /// A line without numbers.
    pub fn note(status: &str) -> Progress {
        let status = status.to_owned();
        Progress { status, digest: None, total: None, completed: None, retry: None }
    }

    /// A line about a blob: `verb` and the digest's first digits.
    pub fn blob(verb: &str, digest: Digest, total: u64, completed: u64) -> Progress {
        let status = format!("{verb} {}", digest.short());
        Progress {
            status,
            digest: Some(digest),
            total: Some(total),
            completed: Some(completed.min(total)),
            retry: None,
        }
    }

    /// The same, with the wait that it is in.
    pub(crate) fn with_retry(self, retry: Option<Retry>) -> Progress {
        Progress { retry, ..self }
    }
}
