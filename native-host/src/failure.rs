//! Every way a command can fail, as one sentence on standard error and one exit code.
//!
//! | code | meaning                                   |
//! |------|-------------------------------------------|
//! | 0    | done, also when the reader went away      |
//! | 1    | it could not be done                      |
//! | 2    | wrong use                                 |
//! | 3    | there is no such stored model             |
//! | 4    | it does not fit into the memory allowed   |
//! | 7    | a file or something stored is damaged     |
//! | 8    | there is no room to write                 |
//! | 9    | no server answers                         |
//! | 10   | a bench is below the asked speed, or the  |
//! |      | doctor found what does not work           |
//! | 130  | interrupted with Ctrl-C before it was done|

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::term;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("{}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
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

impl Failure {
    /// The engine's name for it, or the host's, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Engine(error) => error.code(),
            Failure::File { .. } => "file.type",
            Failure::Input { .. } | Failure::Output { .. } | Failure::Closed => "host.io",
            Failure::Usage(_) => "host.usage",
            Failure::Incomplete(_) | Failure::Below(_) => "bench.result",
            Failure::Unwell(_) => "doctor.result",
            Failure::Client(error) => match error {
                ClientError::Unreachable { .. } => "net.refused",
                _ if error.is_not_found() => "model.missing",
                _ => "net.http",
            },
            Failure::Serve(_) => "net.serve",
            Failure::Store(store::Error::NotFound { .. }) => "model.missing",
            Failure::Store(store::Error::Full { .. }) | Failure::Full { .. } => "store.full",
            Failure::Quantize(error) => quantize_code(error).1,
            Failure::Measure(measure::Error::Base { .. }) => "measure.base",
            Failure::Measure(_) => "measure.failed",
            Failure::Analyze(_) => "analyze.failed",
            Failure::Store(_) | Failure::Damaged(_) => "model.damaged",
            Failure::Interrupted => "load.cancelled",
        }
    }
}

/// Says what went wrong, where there is something to say, and gives the process its exit code.
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(
            Failure::Interrupted
            | Failure::Engine(engine::Error::LoadCancelled)
            | Failure::Client(ClientError::Interrupted),
        ) => ExitCode::from(130),
        Err(failure) => {
            term::error(&failure.to_string());
            ExitCode::from(match failure {
                Failure::Usage(_) | Failure::Store(store::Error::Name { .. }) => 2,
                Failure::Client(error) if error.is_not_found() => 3,
                Failure::Store(store::Error::NotFound { .. }) => 3,
                Failure::Quantize(error) => quantize_code(&error).0,
                Failure::Full { .. } | Failure::Store(store::Error::Full { .. }) => 8,
                Failure::Damaged(_) | Failure::Measure(measure::Error::Base { .. }) => 7,
                Failure::Client(ClientError::Unreachable { .. }) => 9,
                Failure::Below(_) | Failure::Unwell(_) => 10,
                _ => 1,
            })
        }
    }
}

/// Exit code, and the name for machines.
fn quantize_code(error: &quantize::Error) -> (u8, &'static str) {
    use quantize::Error as E;
    match error {
        E::TensorTypeName { .. } | E::Override { .. } | E::NoLayer { .. } => (2, "host.usage"),
        E::NoLayersLeft { .. } => (2, "host.usage"),
        E::Memory { .. } => (4, "quantize.memory"),
        E::Read { .. } | E::Row { .. } | E::NotFinite { .. } => (7, "model.damaged"),
        E::Scale { .. } | E::Imatrix { .. } | E::NoTensors => (7, "model.damaged"),
        _ => (1, "quantize.failed"),
    }
}
