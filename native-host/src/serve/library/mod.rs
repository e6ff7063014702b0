//! The stored models of this machine, for the router and for commands that need no server.
//!
//! The work is [`hosting::library`]'s. What only this machine knows stands here: where models lie,
//! by which sockets they come, and as whom it asks a registry.

mod access;
mod demo;
mod key;
mod place;
mod workshop;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;

use api::host::LibraryError;
pub use demo::DEMO;
use hosting::library::StoreLibrary;
use store::{Client, FsIo, Manifest, RegistryAccess, Store, StorePath, media};

use super::clock::TokioClock;
use super::fetch::HttpFetch;

/// The store as this program uses it.
pub type NativeStore = Store<FsIo, TokioClock>;

/// The library of this machine.
pub type NativeLibrary = StoreLibrary<FsIo, HttpFetch, TokioClock>;

/// The stored models, without a way to others.
///
/// # Errors
/// A sentence where there is no folder for them.
pub fn store_of_machine() -> Result<NativeStore, String> {
    Ok(of_machine().map_err(|error| error.to_string())?.store().clone())
}

/// The network, for whoever looks at a model that is not here.
pub fn network() -> HttpFetch {
    HttpFetch::default()
}

/// As whom the server or registry that `text` names is asked.
pub fn access_to(text: &str) -> RegistryAccess {
    access::access_to(text)
}

/// The models in this folder, which is made when something is written.
pub fn in_folder(folder: impl Into<PathBuf>) -> NativeLibrary {
    let store = Store::new(FsIo::new(folder), TokioClock::new());
    let workshop = Rc::new(workshop::Threads::new(store.io().clone()));
    StoreLibrary::new(Client::new(store, HttpFetch::default()), access::access)
        .with_workshop(workshop)
        .with_bundled(&[DEMO])
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

/// Where the files with a model's weights lie, in order.
pub fn model_paths(library: &NativeLibrary, manifest: &Manifest) -> Vec<PathBuf> {
    let io = library.store().io();
    let layers = manifest.layers_of(media::MODEL);
    layers.map(|layer| io.place(&StorePath::blob(&layer.digest))).collect()
}
