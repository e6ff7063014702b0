//! Every way a command can fail: one sentence, one code for machines, one exit code.
//!
//! What a failure is called is in [`codes`], how it is told in [`told`].

mod codes;
mod told;

use std::io;
use std::path::{Path, PathBuf};

use crate::client::ClientError;
use crate::term;

pub use told::{exit_code, tell_in_json, usage};

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("{}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    /// A model that is there and cannot be used.
    #[error("{}: {source}", .path.display())]
    Model { path: PathBuf, source: Box<engine::Error> },
    #[error("{what} could not be read ({source}); check where it comes from")]
    Input { what: &'static str, source: io::Error },
    #[error("{what} could not be written ({source}); check the disk and the permissions")]
    Output { what: String, source: io::Error },
    #[error("{0}")]
    Usage(String),
    /// A server was asked and could not do it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A server could not start.
    #[error(transparent)]
    Serve(#[from] crate::serve::ServeError),
    /// The store of this machine was asked and could not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Stored bytes are not what they should be; which ones was printed.
    #[error("{0}")]
    Damaged(String),
    /// Another program is at work there.
    #[error("{0}")]
    Locked(String),
    /// What could be measured was, and printed.
    #[error("{0}")]
    Incomplete(String),
    /// A model could not be quantized.
    #[error(transparent)]
    Quantize(quantize::Error),
    /// A model could not be measured.
    #[error(transparent)]
    Measure(measure::Error),
    /// A model could not be analyzed.
    #[error(transparent)]
    Analyze(sensitivity::Error),
    /// A disk has no room.
    #[error(
        "{} has no room: {} are needed, {} are free; free some, or write elsewhere",
        .place.display(), term::bytes(*.need), term::bytes(*.have)
    )]
    Full { place: PathBuf, need: u64, have: u64 },
    /// A speed is below what was asked for.
    #[error("{0}")]
    Below(String),
    /// The doctor found something that does not work, and printed what.
    #[error("{0}")]
    Unwell(String),
    /// The reader of our output is gone; nobody is left to be told.
    #[error("the output was closed")]
    Closed,
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// What is wrong with the model at `path`.
    pub fn model(path: &Path, error: impl Into<engine::Error>) -> Failure {
        Failure::Model { path: path.to_owned(), source: Box::new(error.into()) }
    }
}

impl From<gguf::Error> for Failure {
    fn from(error: gguf::Error) -> Failure {
        Failure::Engine(error.into())
    }
}

impl From<kernels::PlayerError> for Failure {
    fn from(error: kernels::PlayerError) -> Failure {
        Failure::Engine(error.into())
    }
}

impl From<measure::Error> for Failure {
    fn from(error: measure::Error) -> Failure {
        match error {
            measure::Error::Cancelled => Failure::Interrupted,
            measure::Error::Engine(error) => error.into(),
            measure::Error::Imatrix(error) => error.into(),
            error => Failure::Measure(error),
        }
    }
}

impl From<sensitivity::Error> for Failure {
    fn from(error: sensitivity::Error) -> Failure {
        match error {
            error if error.is_cancelled() => Failure::Interrupted,
            sensitivity::Error::Measure(error) => error.into(),
            sensitivity::Error::Quantize(error) => error.into(),
            error => Failure::Analyze(error),
        }
    }
}

impl Failure {
    /// What failed while `what` was written.
    pub fn output(what: impl Into<String>, source: io::Error) -> Failure {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Output { what: what.into(), source },
        }
    }
}
