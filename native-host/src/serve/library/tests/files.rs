//! What tests do with a library beside what the router asks of it: import, archives, plain files,
//! verify, prune.

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use api::host::LibraryError;
use store::{Ages, FileBody, FileSink, Name, Placing, Progress, Pruned, Report, StorePath};

use hosting::library::{invalid, library_error, parse_digest, parse_name};

use crate::serve::library::{self, NativeLibrary};

/// A library with the helpers below.
pub struct Tested(NativeLibrary);

impl Deref for Tested {
    type Target = NativeLibrary;

    fn deref(&self) -> &NativeLibrary {
        &self.0
    }
}

/// The models in this folder.
pub fn in_folder(folder: impl Into<PathBuf>) -> Tested {
    Tested(library::in_folder(folder))
}

impl Tested {
    /// Where the file of a blob (`sha256:…`) lies, whether or not it is there.
    ///
    /// # Errors
    /// [`LibraryError::Invalid`] for what is no digest.
    pub fn blob_path(&self, digest: &str) -> Result<PathBuf, LibraryError> {
        Ok(self.store().io().place(&StorePath::blob(&parse_digest(digest)?)))
    }

    /// Stores the GGUF file at `path` (all parts of a split one) under a name. Returns the name as
    /// it is shown.
    ///
    /// # Errors
    /// What is no model file, a full disk.
    pub async fn import(
        &self,
        name: &str,
        path: &Path,
        placing: Placing,
    ) -> Result<String, LibraryError> {
        let imported = self.store().import_path(&parse_name(name)?, path, placing).await;
        self.settle(imported.map_err(library_error)?).await
    }

    /// Writes a model to one archive at `place`, which appears when it is complete.
    ///
    /// # Errors
    /// No such model, damaged blobs, a place that cannot be written.
    pub async fn save(
        &self,
        name: &str,
        place: &Path,
        progress: impl FnMut(Progress),
    ) -> Result<(), LibraryError> {
        let name = parse_name(name)?;
        let mut sink = FileSink::create(place).map_err(library_error)?;
        self.store().save(&name, &mut sink, progress).await.map_err(library_error)?;
        sink.finish().map_err(library_error)
    }

    /// Stores the model of an archive, under another name if one is given. Returns the name as it
    /// is shown.
    ///
    /// # Errors
    /// What is no archive or a damaged one; nothing is stored then.
    pub async fn load(
        &self,
        place: &Path,
        name: Option<&str>,
        progress: impl FnMut(Progress),
    ) -> Result<String, LibraryError> {
        let name: Option<Name> = name.map(parse_name).transpose()?;
        let file = File::open(place).map_err(|error| {
            invalid(format!("{} cannot be opened ({error}); check the path", place.display()))
        })?;
        let loaded = self.store().load(FileBody::new(file), name.as_ref(), progress).await;
        self.settle(loaded.map_err(library_error)?).await
    }

    /// Writes a model's plain GGUF files into a folder, and says where they lie.
    ///
    /// # Errors
    /// No such model, damaged blobs, a folder that cannot be written to.
    pub async fn export(
        &self,
        name: &str,
        folder: &Path,
        progress: impl FnMut(Progress),
    ) -> Result<Vec<PathBuf>, LibraryError> {
        let name = parse_name(name)?;
        self.store().export(&name, folder, progress).await.map_err(library_error)
    }

    /// Reads all blobs of a model (or of all models) again and compares them with their names.
    ///
    /// # Errors
    /// No such model, a store that cannot be read; damage is in the report.
    pub async fn verify(
        &self,
        name: Option<&str>,
        progress: impl FnMut(Progress),
    ) -> Result<Report, LibraryError> {
        let name = name.map(parse_name).transpose()?;
        self.store().verify(name.as_ref(), progress).await.map_err(library_error)
    }

    /// Removes what no model needs and nobody is working on.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn prune(&self) -> Result<Pruned, LibraryError> {
        self.store().prune(Ages::default()).await.map_err(library_error)
    }

    /// Removes what only the model that was replaced needed.
    async fn settle(&self, committed: store::Committed) -> Result<String, LibraryError> {
        if let Some(old) = committed.replaced {
            self.store().remove_replaced(&old).await.map_err(library_error)?;
        }
        Ok(committed.name.short())
    }
}
