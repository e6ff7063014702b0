//! Why a request got no model.

use crate::error::ApiError;
use crate::host::{LoadError, Memory};

/// One sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchedulerError {
    /// More requests wait than may.
    #[error("server busy, please try again.  maximum pending requests exceeded")]
    Busy,
    /// The server is on its way out.
    #[error("the server is shutting down; try again when it is back")]
    Closed,
    /// It does not fit even if everything else leaves.
    #[error(
        "model requires more {} ({}) than is available ({}); use a smaller model, a smaller \
         num_ctx, or fewer parallel requests",
        kind(need, have), binary_bytes(short(need, have).0), binary_bytes(short(need, have).1)
    )]
    TooBig {
        /// What the model takes.
        need: Memory,
        /// What there is.
        have: Memory,
    },
    /// It could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Which kind of memory is short.
fn kind(need: &Memory, have: &Memory) -> &'static str {
    if need.host > have.host { "system memory" } else { "graphics memory" }
}

fn short(need: &Memory, have: &Memory) -> (u64, u64) {
    if need.host > have.host { (need.host, have.host) } else { (need.device, have.device) }
}

/// Bytes in binary units with one decimal, as Ollama writes them here.
fn binary_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None => format!("{bytes} B"),
    }
}

impl From<SchedulerError> for ApiError {
    fn from(error: SchedulerError) -> ApiError {
        match error {
            SchedulerError::Busy => ApiError::busy(),
            SchedulerError::Closed => {
                ApiError { retry_after: Some(1), ..ApiError::new(503, error.to_string()) }
            }
            SchedulerError::TooBig { .. } | SchedulerError::Load(_) => {
                ApiError::new(500, error.to_string())
            }
        }
    }
}
