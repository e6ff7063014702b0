//! A store's models as the router's library, and for commands that need no router.
//!
//! A thin layer between two vocabularies: `store` knows manifests, blobs and registries, the router
//! wants models with templates, capabilities and Ollama's words. What a manifest says never
//! changes (it is named by its digest), so a description is made once and kept: a list of a
//! hundred models opens a hundred headers the first time and none later.

mod bundled;
mod cache;
mod create;
mod describe;
mod details;
mod errors;
mod file;
mod header;
mod report;
mod transfer;
mod workshop;

use std::cell::RefCell;
use std::rc::Rc;

use api::host::{BlobPut, Library, LibraryError, Model, ModelDetails, ProgressStream};
use api::http::{BodyError, ChunkStream};
use api::types::ollama::{CreateRequest, TransferRequest};
use futures_util::StreamExt;
use gguf::ByteSource;
use store::{BlobIo, Client, Clock, Digest, Error, Fetch, FetchError, RegistryAccess, Store};

pub use self::bundled::Bundled;
use self::cache::Cache;
pub use self::errors::{invalid, library_error, parse_name};
pub use self::file::FileModel;
use self::header::Facts;
pub use self::report::{Reporter, reports};
pub use self::transfer::{file_address, is_at_hugging_face};
use self::workshop::NoWorkshop;
pub use self::workshop::{Form, Making, Order, Proof, Workshop};

/// Descriptions that are kept: more models than people store, of a few KiB each (a template).
const DESCRIPTIONS: usize = 512;

/// How a request for a transfer wants a registry to be reached, and as whom: the host's to say.
pub type AccessOf = fn(&TransferRequest) -> RegistryAccess;

/// Stored models. Clones are the same library and share its downloads.
pub struct StoreLibrary<I: BlobIo, F: Fetch, C: Clock> {
    client: Client<I, F, C>,
    access: AccessOf,
    workshop: Rc<dyn Workshop>,
    bundled: &'static [Bundled],
    /// By manifest; without name and date.
    described: Rc<RefCell<Cache<Digest, Model>>>,
    /// By the files with the weights, in order.
    facts: Rc<RefCell<Cache<Vec<Digest>, Facts>>>,
}

impl<I: BlobIo, F: Fetch, C: Clock> Clone for StoreLibrary<I, F, C> {
    fn clone(&self) -> Self {
        StoreLibrary {
            client: self.client.clone(),
            access: self.access,
            workshop: Rc::clone(&self.workshop),
            bundled: self.bundled,
            described: Rc::clone(&self.described),
            facts: Rc::clone(&self.facts),
        }
    }
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// The models of this client's store.
    pub fn new(client: Client<I, F, C>, access: AccessOf) -> StoreLibrary<I, F, C> {
        let described = Rc::new(RefCell::new(Cache::new(DESCRIPTIONS)));
        let facts = Rc::new(RefCell::new(Cache::new(DESCRIPTIONS)));
        let workshop = Rc::new(NoWorkshop);
        StoreLibrary { client, access, workshop, bundled: &[], described, facts }
    }

    /// What fetches and sends models.
    pub fn client(&self) -> &Client<I, F, C> {
        &self.client
    }

    /// The store, for what the router does not need.
    pub fn store(&self) -> &Store<I, C> {
        self.client.store()
    }
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// Opens blobs, in order: the files of a model's weights.
    ///
    /// # Errors
    /// What is no digest, or not stored.
    pub async fn open_blobs(
        &self,
        digests: &[String],
    ) -> Result<Vec<Box<dyn ByteSource>>, LibraryError> {
        let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
        for digest in digests {
            let digest = parse_digest(digest)?;
            files.push(Box::new(self.store().open_blob(&digest).await.map_err(library_error)?));
        }
        Ok(files)
    }
}

/// A digest as clients write it.
///
/// # Errors
/// [`LibraryError::Invalid`] for what is no digest.
pub fn parse_digest(digest: &str) -> Result<Digest, LibraryError> {
    digest.parse().map_err(library_error)
}

impl<I: BlobIo, F: Fetch, C: Clock> Library for StoreLibrary<I, F, C> {
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

    async fn put_blob(
        &self,
        digest: &str,
        size: Option<u64>,
        bytes: ChunkStream,
    ) -> Result<BlobPut, LibraryError> {
        let want = parse_digest(digest)?;
        if self.has_blob(digest).await? {
            return Ok(BlobPut::Existed);
        }
        let failure = Rc::new(RefCell::new(None));
        let body = Upload { bytes, failure: failure.clone() };
        let put = self.store().put_body(body, Some(want), size).await;
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
