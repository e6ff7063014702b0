//! The stored models of this machine, for the router and for commands that need no server.
//!
//! The work is [`hosting::library`]'s. What only this machine knows stands here: where models lie, by
//! which sockets they come, and as whom it asks a registry.

mod access;
mod key;
mod place;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use api::host::LibraryError;
use hosting::library::StoreLibrary;
use store::{Client, FsIo, Store};

use super::clock::TokioClock;
use super::fetch::HttpFetch;

/// The store as this program uses it.
pub type NativeStore = Store<FsIo, TokioClock>;

/// The library of this machine.
pub type NativeLibrary = StoreLibrary<FsIo, HttpFetch, TokioClock>;

/// The models in this folder, which is made when something is written.
pub fn in_folder(folder: impl Into<PathBuf>) -> NativeLibrary {
    let store = Store::new(FsIo::new(folder), TokioClock::new());
    StoreLibrary::new(Client::new(store, HttpFetch::default()), access::access)
}

/// The models of this machine: in the folder `OLLAMA_MODELS` names, else in Ollama's own.
///
/// # Errors
/// [`LibraryError::Failed`] where neither that variable nor a home is set.
pub fn of_machine() -> Result<NativeLibrary, LibraryError> {
    let folder = place::models_folder().ok_or_else(|| {
        let variable = place::VARIABLE;
        LibraryError::Failed(format!(
            "there is no folder for models: set {variable} to one, or HOME"
        ))
    })?;
    Ok(in_folder(folder))
}
