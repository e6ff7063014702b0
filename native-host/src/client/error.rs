//! Why a request came to nothing, as one sentence.

use std::error::Error as _;

use serde_json::Value;

/// A request to a server that failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens there.
    #[error(
        "could not connect to a running ingle or Ollama server at {address}, start one with \
         'ingle serve'"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
    },
    /// The server's own words.
    #[error("{message}")]
    Refused {
        /// The HTTP status; 200 for an error that came inside of a stream.
        status: u16,
        /// What it says.
        message: String,
        /// What ingle's servers call it, where they say so.
        code: Option<String>,
    },
    /// The connection ended early.
    #[error("the connection to {address} broke off ({reason}); try again")]
    Broken {
        /// The server.
        address: String,
        /// The last word of the HTTP library.
        reason: String,
    },
    /// It answers, and not as such servers do.
    #[error("what answers at {address} is no ingle or Ollama server ({reason}); check OLLAMA_HOST")]
    Protocol {
        /// The server.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The HTTP library cannot start.
    #[error("HTTP requests are not possible here ({0}); check the system's certificates")]
    Setup(String),
    /// A file that was to be sent cannot be read.
    #[error("{path} could not be read ({reason}); check the file")]
    File {
        /// The file.
        path: String,
        /// Why, in the system's words.
        reason: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Characters of a foreign answer that are shown: enough to see what it is.
const MAX_SHOWN: usize = 200;

impl ClientError {
    /// True if the server says that a model or blob is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ClientError::Refused { status: 404, .. })
    }

    /// The error that an object is, if it is one.
    pub(super) fn said(status: u16, value: &Value) -> Option<ClientError> {
        let code = value.get("code").and_then(Value::as_str).map(str::to_owned);
        Some(ClientError::Refused { status, message: message_of(value)?, code })
    }

    pub(super) fn of_send(address: &str, error: &reqwest::Error) -> ClientError {
        match error.is_connect() {
            true => ClientError::Unreachable { address: address.to_owned() },
            false => ClientError::broken(address, error),
        }
    }

    pub(super) fn broken(address: &str, error: &reqwest::Error) -> ClientError {
        let mut cause = error.source();
        let mut reason = error.to_string();
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        ClientError::Broken { address: address.to_owned(), reason }
    }

    pub(super) fn protocol(address: &str, reason: impl Into<String>) -> ClientError {
        ClientError::Protocol { address: address.to_owned(), reason: reason.into() }
    }

    /// An answer that is an error: `{"error": …}`, or whatever came.
    pub(super) fn of_status(
        address: &str,
        status: u16,
        code: Option<String>,
        body: &[u8],
    ) -> ClientError {
        let text = String::from_utf8_lossy(body);
        let value: Option<Value> = serde_json::from_slice(body).ok();
        if let Some(message) = value.as_ref().and_then(message_of) {
            return ClientError::Refused { status, message, code };
        }
        if status == 401 {
            // What answers `HEAD` has no words of its own.
            let message =
                format!("the server at {address} asks for a token; set INGLE_TOKEN to it");
            return ClientError::Refused { status, message, code: None };
        }
        let shown: String = text.trim().chars().take(MAX_SHOWN).collect();
        let reason = match shown.is_empty() {
            true => format!("status {status}"),
            false => format!("status {status}: {shown}"),
        };
        ClientError::protocol(address, reason)
    }
}

/// What an object says went wrong: Ollama's form, and OpenAI's.
fn message_of(value: &Value) -> Option<String> {
    let error = value.get("error")?;
    let text = error.as_str().or_else(|| error.get("message")?.as_str());
    Some(text.map_or_else(|| error.to_string(), str::to_owned))
}
