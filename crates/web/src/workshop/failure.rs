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
        EdgeError::new(error.code(), text).with_detail(detail)
    }
}
