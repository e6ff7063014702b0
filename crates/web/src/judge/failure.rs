//! The library's errors as the page sees them. Its sentences stay, but for those that name a flag
//! of the command line.

use measure::Error;

use crate::error::EdgeError;
use crate::store::cancelled;

impl From<Error> for EdgeError {
    fn from(error: Error) -> EdgeError {
        let detail = format!("{error:?}");
        let text = match error {
            Error::Engine(error) => return error.into(),
            Error::Cancelled => return cancelled(),
            Error::TextTooShort { have, need, n_ctx } => format!(
                "the text has {have} tokens, and {need} are needed for windows of {n_ctx}: give a \
                 longer text, or a smaller contextLength"
            ),
            other => other.to_string(),
        };
        EdgeError::new("request.invalid", text).with_detail(detail)
    }
}
