//! Import of files by path: copied, cloned where the file system can, or linked.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use gguf::{ByteSource, Gguf, split_names};

use super::{FsFile, FsIo, io_error};
use crate::blobs::{Sealed, hash_file};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::{Access, BlobFile, BlobIo};
use crate::listing::Committed;
use crate::name::Name;
use crate::path::StorePath;
use crate::store::{Store, Temp};

/// How a file gets into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// A copy. Linux makes a clone instead where the file system can (btrfs, XFS).
    Copy,
    /// A hard link, a copy where that is impossible. No bytes are copied, but who writes into the
    /// original changes the store too; `verify` finds that.
    Link,
}

impl<C: Clock> Store<FsIo, C> {
    /// Imports the model file at `path`; for one part of a split model, all of its parts.
    ///
    /// # Errors
    /// [`Error::Gguf`] for what is no model file or no regular file, [`Error::Full`].
    pub async fn import_path(
        &self,
        name: &Name,
        path: &Path,
        placing: Placing,
    ) -> Result<Committed, Error> {
        let paths = all_parts(path);
        let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
        let mut need: u64 = 0;
        for path in &paths {
            let file = open_outside(path)?;
            need = need.saturating_add(file.len());
            files.push(Box::new(Rc::new(file)));
        }
        // The header first: it says "no model file" before gigabytes are copied.
        Gguf::open_split(files).map_err(|error| refuse(path, error.to_string()))?;
        if placing == Placing::Copy {
            self.check_space(need).await?;
        }
        let mut blobs = Vec::new();
        for path in &paths {
            blobs.push(self.place_file(path, placing).await?);
        }
        self.import_blobs(name, &blobs).await
    }

    /// Stores one file as a blob. Returns digest and length.
    ///
    /// # Errors
    /// [`Error::Gguf`] for what is no regular file, [`Error::Full`], [`Error::Io`].
    pub async fn place_file(&self, path: &Path, placing: Placing) -> Result<(Digest, u64), Error> {
        let len = open_outside(path)?.len();
        let temp = Temp { store: self.clone(), path: self.temp_path() };
        let place = self.io().make_folder(&temp.path)?;
        let is_linked = placing == Placing::Link && fs::hard_link(path, &place).is_ok();
        if !is_linked && let Err(error) = copy(path, &place) {
            return Err(self.explain(io_error("copy a file to", &temp.path, &error), len).await);
        }
        // What is hashed is what lies in the store now, whatever happened to the original.
        let file = self.io().open(&temp.path, Access::Write).await?;
        let digest = hash_file(&file, &temp.path, |_| ()).await?;
        file.sync().await?;
        let len = file.len();
        drop(file);
        self.name_blob(Sealed { temp, digest, len }).await
    }
}

/// Copies bytes (or clones them), not permissions: an original that may not be written would make
/// a blob that cannot be removed on some systems.
fn copy(from: &Path, to: &Path) -> std::io::Result<u64> {
    let mut source = fs::File::open(from)?;
    let mut target = fs::OpenOptions::new().write(true).create_new(true).open(to)?;
    std::io::copy(&mut source, &mut target)
}

/// A file outside of the store, given by a person.
fn open_outside(path: &Path) -> Result<FsFile, Error> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => refuse(path, "there is no such file".into()),
        _ => refuse(path, error.to_string()),
    };
    // Looked at before it is opened: opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(refuse(path, "it is no regular file".into()));
    }
    let file = fs::File::open(path).map_err(failed)?;
    Ok(FsFile { file: Arc::new(file), path: StorePath::temps() })
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Gguf { what: path.display().to_string(), reason }
}

/// The files of a split model beside the one that was named.
fn all_parts(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(split_names) {
        Some(names) => names.iter().map(|name| path.with_file_name(name)).collect(),
        None => vec![path.to_owned()],
    }
}
