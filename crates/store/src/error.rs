//! Why something failed, as one sentence for a person: what, why, what to do.
//!
//! One enum for the whole crate. It is `Clone`, because several callers may wait for one download
//! and all of them get its error.

use crate::digest::Digest;
use crate::fetch::FetchError;
use crate::io::{IoError, IoKind};
use crate::limits::{BACKOFF_MAX_MS, RETRY_AFTER_MAX_MS};
use crate::text::human_bytes;

/// A request to the store that could not be carried out; the store is as it was before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Error {
    /// A name that breaks the rules.
    #[error("\"{}\" is no model name: {reason}", .name.escape_debug())]
    Name { name: String, reason: String },

    /// Text that is no SHA-256 digest.
    #[error(
        "\"{}\" is no digest: write sha256: and 64 digits of 0-9 and a-f",
        .text.escape_debug()
    )]
    Digest { text: String },

    /// No such model here. The text is Ollama's, clients compare it.
    #[error("model '{name}' not found")]
    NotFound { name: String },

    /// A manifest names a blob that is not there, or is there with another size.
    #[error("the blob {digest} is missing or incomplete: pull or load the model again")]
    BlobMissing { digest: Digest },

    /// A manifest that cannot be used.
    #[error("the manifest of {name} cannot be used: {reason}")]
    Manifest { name: String, reason: String },

    /// Not enough room, noticed before or while writing.
    #[error(
        "not enough disk space: {} needed, {} free; free some and try again, what is \
         already here is kept", human_bytes(*.need), human_bytes(*.have)
    )]
    Full { need: u64, have: u64 },

    /// The file system failed.
    #[error(transparent)]
    Io(#[from] IoError),

    /// Bytes that are not the ones their name promises.
    #[error(
        "digest mismatch, file must be downloaded again: want {want}, got {got}; it was deleted"
    )]
    Mismatch { want: Digest, got: Digest },

    /// A file that is no usable GGUF.
    #[error("{what} is no usable model file: {reason}")]
    Gguf { what: String, reason: String },

    /// An archive that cannot be loaded.
    #[error("the archive cannot be loaded: {reason}; nothing was stored")]
    Archive { reason: String },

    /// The file or pipe that something was to be written to failed, in the host's words.
    #[error("could not write: {reason}; what was written is incomplete, delete it")]
    Output { reason: String },

    /// A blob of this store is not what its name says.
    #[error(
        "the blob {digest} is damaged (its bytes are now those of {got}): remove the model and \
         pull or load it again"
    )]
    Damage { digest: Digest, got: Digest },

    /// The network failed (after all tries).
    #[error("{host}: {error}")]
    Network { host: String, error: FetchError },

    /// The server answered, but not with what was asked for.
    #[error("{what}: {host} answered {status}{}{}", detail(.message), again(*.again_ms))]
    Status {
        what: String,
        host: String,
        status: u16,
        message: String,
        /// When it wants to be asked again (`Retry-After`), if it said so.
        again_ms: Option<u64>,
    },

    /// There is no such model at the registry. The text is Ollama's.
    #[error("pull model manifest: file does not exist (there is no {name} at {host})")]
    NotAtRegistry { name: String, host: String },

    /// The registry wants to know who asks, and what it was told does not suffice.
    #[error("{host} refuses access: {reason}")]
    Auth { host: String, reason: String },

    /// A reply or address that it would be unsafe to follow.
    #[error("refused to follow {host}: {reason}")]
    Unsafe { host: String, reason: String },

    /// A reply that breaks the protocol.
    #[error("{host} sent something that cannot be used: {reason}")]
    Protocol { host: String, reason: String },

    /// The file behind an address is another one than when its download began.
    #[error(
        "the file at {host} changed while it was downloaded; what was there was deleted, start \
         again"
    )]
    Changed { host: String },

    /// Another process holds the store's lock for too long.
    #[error(
        "another program has been changing this store for {} s: wait for it or end it",
        .seconds
    )]
    Locked { seconds: u64 },

    /// A damaged manifest stands in the way of deleting anything.
    #[error(
        "nothing was deleted: the manifest {path} is damaged ({reason}) and may own any blob; \
         repair or remove it"
    )]
    Damaged { path: String, reason: String },
}

fn detail(message: &str) -> String {
    match message.is_empty() {
        true => String::new(),
        false => format!(": {}", message.escape_debug()),
    }
}

fn again(ms: Option<u64>) -> String {
    ms.map_or(String::new(), |ms| format!("; it asks for a new try in {} s", ms.div_ceil(1000)))
}

impl Error {
    /// Its name for machines, the same in the page and on the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Name { .. } | Error::Digest { .. } => "request.invalid",
            Error::NotFound { .. } => "model.missing",
            Error::BlobMissing { .. }
            | Error::Manifest { .. }
            | Error::Damage { .. }
            | Error::Damaged { .. } => "model.damaged",
            Error::Full { .. } => "store.full",
            Error::Io(error) => match error.kind {
                IoKind::Full => "store.full",
                IoKind::Denied => "store.locked",
                _ => "store.failed",
            },
            Error::Mismatch { .. } => "net.mismatch",
            Error::Gguf { .. } | Error::Archive { .. } => "file.type",
            Error::Output { .. } => "store.failed",
            Error::Network { error: FetchError::Stalled(_), .. } => "net.stalled",
            Error::Network { .. } => "net.cut",
            Error::Status { .. } | Error::NotAtRegistry { .. } => "net.http",
            Error::Auth { .. } => "net.auth",
            Error::Changed { .. } => "net.changed",
            Error::Unsafe { .. } | Error::Protocol { .. } => "net.protocol",
            Error::Locked { .. } => "store.locked",
        }
    }

    /// True where a new try may succeed without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Network { .. } => true,
            Error::Status { again_ms: Some(ms), .. } if *ms > RETRY_AFTER_MAX_MS => false,
            Error::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// The wait before a new try, after `n` others that did not help: doubling from a second, and
    /// no less than the server asks for.
    pub(crate) fn wait_ms(&self, n: u32) -> u64 {
        let asked = match self {
            Error::Status { again_ms, .. } => again_ms.unwrap_or(0),
            _ => 0,
        };
        1000u64.saturating_mul(1 << n.min(16)).min(BACKOFF_MAX_MS).max(asked)
    }

    pub(crate) fn protocol(host: &str, reason: impl Into<String>) -> Error {
        Error::Protocol { host: host.to_owned(), reason: reason.into() }
    }
}
