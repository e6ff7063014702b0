//! The library's errors as the page sees them. Its sentences stay, but for those that name a flag
//! of the command line.

use quantize::Error;

use crate::error::EdgeError;
use crate::store::cancelled;

impl From<Error> for EdgeError {
    fn from(error: Error) -> EdgeError {
        let detail = format!("{error:?}");
        let text = match &error {
            Error::Cancelled => return cancelled(),
            Error::Memory { tensor, .. } => format!(
                "the rows of tensor \"{}\" are too long for a page; make this model smaller with \
                 `ingle quantize`",
                tensor.escape_debug()
            ),
            other => other.to_string(),
        };
        EdgeError::new(code(&error), text).with_detail(detail)
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::Read { .. }
        | Error::NoTensors
        | Error::Columns { .. }
        | Error::Row { .. }
        | Error::NotFinite { .. }
        | Error::Scale { .. } => "model.damaged",
        Error::Undecodable { .. } => "model.unsupported",
        Error::Memory { .. } => "model.toobig",
        Error::Write(_) | Error::Verify { .. } => "store.failed",
        _ => "request.invalid",
    }
}
