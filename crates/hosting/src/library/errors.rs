//! Errors of the store in the router's terms.

use api::host::LibraryError;
use store::Error;

/// What the router makes a status of. Texts stay the store's, which says what to do.
pub fn library_error(error: Error) -> LibraryError {
    match error {
        Error::NotFound { name } => LibraryError::NotFound(name),
        Error::Name { name, .. } => LibraryError::InvalidName(name),
        // The caller can do something about these.
        Error::Digest { .. } | Error::Gguf { .. } => LibraryError::Invalid(error.to_string()),
        _ => LibraryError::Named { message: error.to_string(), code: error.code() },
    }
}

/// The request asks for something that cannot be.
pub fn invalid(reason: impl Into<String>) -> LibraryError {
    LibraryError::Invalid(reason.into())
}

/// A name as clients write it.
pub fn parse_name(name: &str) -> Result<store::Name, LibraryError> {
    name.parse().map_err(library_error)
}
