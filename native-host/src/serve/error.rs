//! Why a server did not start.

use std::io;

use super::address::HostAddress;
use super::page::PageError;
use super::settings::BadVariable;

/// One sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A variable of the environment means nothing.
    #[error(transparent)]
    Variable(#[from] BadVariable),
    /// It would be reached by others, and nobody said who may use it.
    #[error(
        "refusing to listen on {0} without a token, because others could use this machine's \
         models; set INGLE_TOKEN to what they must send, or allow everyone with --no-token \
         (INGLE_NO_TOKEN=1), or listen on 127.0.0.1"
    )]
    Open(HostAddress),
    /// The page cannot be served.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Somebody else listens there.
    #[error(
        "{0} is in use: another server, perhaps ingle or Ollama, listens there; stop it, or choose \
         another address with --host or OLLAMA_HOST"
    )]
    InUse(HostAddress),
    /// The address is not this machine's, or its use is not allowed.
    #[error("cannot listen on {address} ({source}); check --host and OLLAMA_HOST")]
    Listen {
        /// Where.
        address: HostAddress,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no thread or no handle left.
    #[error("the server could not start ({0}); close other programs and try again")]
    System(#[from] io::Error),
    /// The parts of the host could not be made; in their words.
    #[error("{0}")]
    Parts(String),
}
