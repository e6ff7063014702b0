//! The stored models of this machine, for the router and for commands that need no server.
//!
//! A thin layer between two vocabularies: `store` knows manifests, blobs and registries, the router
//! wants models with templates, capabilities and Ollama's words. What a manifest says never
//! changes (it is named by its digest), so a description is made once and kept: a list of a
//! hundred models opens a hundred headers the first time and none later.

mod cache;
mod create;
mod describe;
mod details;
mod errors;
mod header;
mod key;
mod place;
mod report;
mod transfer;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use api::host::{BlobPut, Library, LibraryError, Model, ModelDetails, ProgressStream};
use api::http::{BodyError, ChunkStream};
use api::types::ollama::{CreateRequest, TransferRequest};
use futures_util::StreamExt;
use store::{Client, Digest, Error, FetchError, FsIo, Layer, Manifest, Store, StorePath, media};

use self::cache::Cache;
use self::errors::{library_error, parse_name};
use self::header::Facts;
use self::report::reports;
use super::clock::TokioClock;
use super::fetch::HttpFetch;

/// The store as this program uses it.
pub type NativeStore = Store<FsIo, TokioClock>;

/// Descriptions that are kept: more models than people store, of a few KiB each (a template).
const DESCRIPTIONS: usize = 512;

/// Stored models. Clones are the same library and share its downloads.
#[derive(Clone)]
pub struct NativeLibrary {
    client: Client<FsIo, HttpFetch, TokioClock>,
    /// By manifest; without name and date.
    described: Rc<RefCell<Cache<Digest, Model>>>,
    /// By the files with the weights, in order.
    facts: Rc<RefCell<Cache<Vec<Digest>, Facts>>>,
}

impl NativeLibrary {
    /// The models in this folder, which is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> NativeLibrary {
        let store = Store::new(FsIo::new(folder), TokioClock::new());
        let described = Rc::new(RefCell::new(Cache::new(DESCRIPTIONS)));
        let facts = Rc::new(RefCell::new(Cache::new(DESCRIPTIONS)));
        NativeLibrary { client: Client::new(store, HttpFetch::default()), described, facts }
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
        Ok(NativeLibrary::new(folder))
    }

    /// Where the files with a model's weights lie, in order.
    pub fn model_paths(&self, manifest: &Manifest) -> Vec<PathBuf> {
        let layers = manifest.layers_of(media::MODEL);
        let place = |layer: &Layer| self.store().io().place(&StorePath::blob(&layer.digest));
        layers.map(place).collect()
    }

    /// The store, for what the router does not need.
    pub fn store(&self) -> &NativeStore {
        self.client.store()
    }
}

fn parse_digest(digest: &str) -> Result<Digest, LibraryError> {
    digest.parse().map_err(library_error)
}

impl Library for NativeLibrary {
    async fn list(&self) -> Result<Vec<Model>, LibraryError> {
        let listing = self.store().list().await.map_err(library_error)?;
        let mut models = Vec::new();
        for stored in &listing.models {
            // One damaged model hides no other.
            models.extend(self.describe(stored).await.ok());
        }
        Ok(models)
    }

    async fn get(&self, name: &str) -> Result<Model, LibraryError> {
        let stored = self.store().get(&parse_name(name)?).await.map_err(library_error)?;
        self.describe(&stored).await
    }

    async fn details(&self, name: &str, verbose: bool) -> Result<ModelDetails, LibraryError> {
        let stored = self.store().get(&parse_name(name)?).await.map_err(library_error)?;
        self.details_of(&stored, verbose).await
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), LibraryError> {
        let (from, to) = (parse_name(source)?, parse_name(destination)?);
        self.store().copy(&from, &to).await.map(drop).map_err(library_error)
    }

    async fn delete(&self, name: &str) -> Result<(), LibraryError> {
        self.store().remove(&parse_name(name)?).await.map(drop).map_err(library_error)
    }

    async fn has_blob(&self, digest: &str) -> Result<bool, LibraryError> {
        let found = self.store().blob_len(&parse_digest(digest)?).await;
        Ok(found.map_err(library_error)?.is_some())
    }

    async fn put_blob(&self, digest: &str, bytes: ChunkStream) -> Result<BlobPut, LibraryError> {
        let want = parse_digest(digest)?;
        if self.has_blob(digest).await? {
            return Ok(BlobPut::Existed);
        }
        let failure = Rc::new(RefCell::new(None));
        let body = Upload { bytes, failure: failure.clone() };
        let put = self.store().put_body(body, Some(want), None).await;
        match (put, failure.take()) {
            (_, Some(error)) => Err(LibraryError::Body(error)),
            (Ok(_), None) => Ok(BlobPut::Created),
            (Err(Error::Mismatch { want, got }), None) => {
                let (expected, got) = (want.to_string(), got.to_string());
                Err(LibraryError::DigestMismatch { expected, got })
            }
            (Err(error), None) => Err(library_error(error)),
        }
    }

    fn create(&self, request: CreateRequest) -> ProgressStream {
        let library = self.clone();
        reports(|say| async move { library.create_model(&request, &say).await })
    }

    fn pull(&self, request: TransferRequest) -> ProgressStream {
        let library = self.clone();
        reports(|say| async move { library.pull_model(&request, &say).await })
    }

    fn push(&self, request: TransferRequest) -> ProgressStream {
        let library = self.clone();
        reports(|say| async move { library.push_model(&request, &say).await })
    }
}

/// A request's body for the store, and the reason if it broke off.
struct Upload {
    bytes: ChunkStream,
    failure: Rc<RefCell<Option<BodyError>>>,
}

impl store::Body for Upload {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        match self.bytes.next().await? {
            Ok(bytes) => Some(Ok(bytes)),
            Err(error) => {
                let reason = error.to_string();
                *self.failure.borrow_mut() = Some(error);
                Some(Err(FetchError::Connection(reason)))
            }
        }
    }
}
