//! The page's models, for the router: those of its store, and the one it loaded from a file that no
//! store has.

use std::cell::Cell;

use ::api::host::{BlobPut, Library, LibraryError, Model, ModelDetails, ProgressStream};
use ::api::http::ChunkStream;
use ::api::types::ollama::{CreateRequest, TransferRequest};
use gguf::ByteSource;
use hosting::library::FileModel;

use super::Shown;
use super::stored::Stored;

/// See the module's header.
pub struct PageLibrary {
    stored: Stored,
    shown: Shown,
    has_made: Cell<bool>,
}

impl PageLibrary {
    pub fn new(shown: Shown, stored: Stored) -> PageLibrary {
        PageLibrary { stored, shown, has_made: Cell::default() }
    }

    /// The page's store.
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// A model was made here or copied, perhaps under a name that stood for another one.
    pub fn has_made(&self) -> bool {
        self.has_made.get()
    }

    /// The files of a model, to be read from the start.
    pub async fn open(&self, files: &[String]) -> Result<Vec<Box<dyn ByteSource>>, LibraryError> {
        let is_shown = |shown: &FileModel| shown.model.files == files;
        let only_shown = !files.iter().all(|file| file.starts_with("sha256:"));
        if only_shown && self.shown.borrow().as_ref().is_some_and(is_shown) {
            return Err(LibraryError::Failed(
                "the page loaded this file itself, so it cannot be loaded in another way from \
                 here; load it again with the context that is wanted"
                    .to_owned(),
            ));
        }
        self.stored.open_blobs(files).await
    }

    /// What the page loaded, if a client means that.
    fn shown(&self, name: &str) -> Option<FileModel> {
        self.shown.borrow().as_ref().filter(|shown| shown.is_called(name)).cloned()
    }
}

impl Library for PageLibrary {
    async fn list(&self) -> Result<Vec<Model>, LibraryError> {
        let mut models = self.stored.list().await?;
        let shown = self.shown.borrow().clone();
        if let Some(FileModel { model, .. }) = shown
            && models.iter().all(|known| known.files != model.files)
        {
            models.push(model);
        }
        Ok(models)
    }

    async fn get(&self, name: &str) -> Result<Model, LibraryError> {
        match self.stored.get(name).await {
            Ok(model) => Ok(model),
            Err(error) => self.shown(name).map(|shown| shown.model).ok_or(error),
        }
    }

    async fn details(&self, name: &str, verbose: bool) -> Result<ModelDetails, LibraryError> {
        match self.stored.details(name, verbose).await {
            Ok(details) => Ok(details),
            Err(error) => self.shown(name).map(|shown| shown.details).ok_or(error),
        }
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), LibraryError> {
        self.has_made.set(true);
        self.stored.copy(source, destination).await
    }

    async fn delete(&self, name: &str) -> Result<(), LibraryError> {
        self.stored.delete(name).await
    }

    async fn has_blob(&self, digest: &str) -> Result<bool, LibraryError> {
        self.stored.has_blob(digest).await
    }

    async fn put_blob(
        &self,
        digest: &str,
        size: Option<u64>,
        bytes: ChunkStream,
    ) -> Result<BlobPut, LibraryError> {
        self.stored.put_blob(digest, size, bytes).await
    }

    fn create(&self, request: CreateRequest) -> ProgressStream {
        self.has_made.set(true);
        self.stored.create(request)
    }

    fn pull(&self, request: TransferRequest) -> ProgressStream {
        self.stored.pull(request)
    }

    fn push(&self, request: TransferRequest) -> ProgressStream {
        self.stored.push(request)
    }
}
