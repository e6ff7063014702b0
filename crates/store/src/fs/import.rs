//! Import of files by path: copied, cloned where the file system can, or linked.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use gguf::{ByteSource, Gguf, split_names};

use super::{FsFile, FsIo, io_error};
use crate::blobs::Sealed;
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::{Access, BlobFile, BlobIo, IoKind};
use crate::listing::Committed;
use crate::name::Name;
use crate::path::StorePath;
use crate::store::Store;

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
        let (temp, file) = self.temp().await?;
        let place = self.io().place(&temp.path);
        let is_linked = match put(path, &place, placing) {
            Ok(is_linked) => is_linked,
            Err(error) => {
                let error = io_error("copy a file to", &temp.path, &error);
                return Err(self.explain(error, len).await);
            }
        };
        drop(file);
        // What is hashed is what lies in the store now, whatever happened to the original.
        let access = if is_linked { Access::Read } else { Access::Write };
        let file = self.io().open(&temp.path, access).await?;
        let digest = self.hash_file(&file, &temp.path, |_| ()).await?;
        match file.sync().await {
            // Windows syncs only what may be written; the original is as durable as it was.
            Err(error) if is_linked && error.kind == IoKind::Denied => {}
            synced => synced?,
        }
        let len = file.len();
        drop(file);
        self.name_blob(Sealed { temp, digest, len }).await
    }
}

/// Puts a file in the place of an empty one: links it, or copies its bytes (or clones them). Not
/// its permissions: an original that may not be written would make a blob that cannot be removed
/// on some systems. True if it was linked.
fn put(from: &Path, place: &Path, placing: Placing) -> io::Result<bool> {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    if placing == Placing::Link {
        fs::remove_file(place)?;
        if fs::hard_link(from, place).is_ok() {
            return Ok(true);
        }
        options.create_new(true);
    }
    io::copy(&mut fs::File::open(from)?, &mut options.open(place)?)?;
    Ok(false)
}

/// A file outside of the store, given by a person.
fn open_outside(path: &Path) -> Result<FsFile, Error> {
    let failed = |error: io::Error| match error.kind() {
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
