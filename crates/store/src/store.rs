//! The store itself: what all of its operations share.
//!
//! Order makes it safe. Bytes are written without a name, hashed, made durable, and only then
//! named; a manifest is written last, when all of its blobs have their names. So at any moment of
//! a kill or a power cut there are complete models, and nameless rests that a prune takes away.
//! Writing a manifest and removing blobs exclude each other, between processes too, by one lock
//! that is held for the moment of the change and never for a download.

use std::cell::Cell;
use std::rc::Rc;

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::{Access, BlobFile, BlobIo, IoError, IoKind};
use crate::limits::{LOCK_WAIT_MS, SHORT_LOCK_POLL_MS, SPACE_MARGIN, TEXT_BYTES};
use crate::manifest::{Layer, Manifest};
use crate::name::Name;
use crate::path::StorePath;

/// What a file system takes for any file: the least that is needed where it is full.
const LEAST_BYTES: u64 = 4096;

/// Models by name, in a folder of `I`, by the time of `C`. Clones are the same store.
pub struct Store<I: BlobIo, C: Clock> {
    inner: Rc<Inner<I, C>>,
}

struct Inner<I, C> {
    io: I,
    clock: C,
    n_temps: Cell<u64>,
}

impl<I: BlobIo, C: Clock> Clone for Store<I, C> {
    fn clone(&self) -> Self {
        Store { inner: self.inner.clone() }
    }
}

/// A model that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name, in the case it is stored under.
    pub name: Name,
    /// What it consists of.
    pub manifest: Manifest,
    /// When its manifest was written, milliseconds since 1970.
    pub modified_ms: u64,
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// A store in this folder. Nothing is read or written yet.
    pub fn new(io: I, clock: C) -> Self {
        Store { inner: Rc::new(Inner { io, clock, n_temps: Cell::new(0) }) }
    }

    /// Counts its files without a name from `n` on. Where looking whether a file is there and
    /// making it are two steps, two stores that count alike take each other's.
    pub fn counting_from(self, n: u64) -> Self {
        self.inner.n_temps.set(n);
        self
    }

    /// The folder.
    pub fn io(&self) -> &I {
        &self.inner.io
    }

    /// The clock.
    pub fn clock(&self) -> &C {
        &self.inner.clock
    }

    /// Where the manifest of this name lies or would lie.
    pub fn manifest_path(&self, name: &Name) -> StorePath {
        StorePath::manifest(name, self.io().escapes_names())
    }

    /// True if the blob is here with that many bytes. Its bytes are not read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool, Error> {
        Ok(self.blob_len(digest).await? == Some(size))
    }

    /// Bytes of a blob; `None` if it is not here.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn blob_len(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let stat = self.io().stat(&StorePath::blob(digest)).await?;
        Ok(stat.map(|stat| stat.len))
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::Io`].
    pub async fn open_blob(&self, digest: &Digest) -> Result<I::File, Error> {
        match self.io().open(&StorePath::blob(digest), Access::Read).await {
            Err(error) if error.kind == IoKind::NotFound => {
                Err(Error::BlobMissing { digest: *digest })
            }
            other => Ok(other?),
        }
    }

    /// The whole bytes of a small layer: a config, a template, a license.
    ///
    /// # Errors
    /// [`Error::BlobMissing`] also for a blob of another size than the layer's or a damaged one,
    /// [`Error::Manifest`] for one above [`TEXT_BYTES`].
    pub async fn read_layer(&self, layer: &Layer) -> Result<Vec<u8>, Error> {
        let digest = layer.digest;
        let too_large = || Error::Manifest {
            name: digest.to_string(),
            reason: format!("{} bytes are too many for a {}", layer.size, layer.media_type),
        };
        let len = usize::try_from(layer.size).map_err(|_| too_large())?;
        if layer.size > TEXT_BYTES {
            return Err(too_large());
        }
        if !self.has_blob(&digest, layer.size).await? {
            return Err(Error::BlobMissing { digest });
        }
        let mut bytes = vec![0; len];
        let file = self.open_blob(&digest).await?;
        gguf::ByteSource::read_at(&file, 0, &mut bytes)
            .map_err(|error| read_error(&StorePath::blob(&digest), &error))?;
        match Digest::of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(Error::BlobMissing { digest }),
        }
    }

    /// Fails if `need` more bytes would not fit, with both numbers.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub async fn check_space(&self, need: u64) -> Result<(), Error> {
        match self.io().free_space().await {
            Some(have) if need > 0 && need.saturating_add(SPACE_MARGIN) > have => {
                Err(Error::Full { need: need.saturating_add(SPACE_MARGIN), have })
            }
            _ => Ok(()),
        }
    }

    /// An error of the file system, with numbers if it says that the disk is full.
    pub(crate) async fn explain(&self, error: IoError, need: u64) -> Error {
        match error.kind {
            IoKind::Full => {
                let have = self.io().free_space().await.unwrap_or(0);
                Error::Full { need: need.max(LEAST_BYTES), have }
            }
            _ => Error::Io(error),
        }
    }

    /// The lock of the store, for a short change.
    pub(crate) async fn lock(&self) -> Result<I::Lock, Error> {
        let path = StorePath::store_lock();
        let start = self.clock().now_ms();
        loop {
            if let Some(lock) = self.try_lock(&path).await? {
                return Ok(lock);
            }
            if self.clock().now_ms().saturating_sub(start) > LOCK_WAIT_MS {
                return Err(Error::Locked { seconds: LOCK_WAIT_MS / 1000 });
            }
            self.clock().sleep_ms(SHORT_LOCK_POLL_MS).await;
        }
    }

    /// A lock if it is free. Its file may be the one that a full disk has no room for.
    pub(crate) async fn try_lock(&self, path: &StorePath) -> Result<Option<I::Lock>, Error> {
        match self.io().try_lock(path).await {
            Ok(lock) => Ok(lock),
            Err(error) => Err(self.explain(error, 0).await),
        }
    }

    /// A new file without a name.
    pub(crate) async fn temp(&self) -> Result<(Temp<I, C>, I::File), Error> {
        loop {
            let path = self.temp_path();
            match self.io().open(&path, Access::New).await {
                Ok(file) => return Ok((Temp::new(self, path), file)),
                // Another process counts from the same millisecond.
                Err(error) if error.kind == IoKind::Exists => continue,
                Err(error) => return Err(self.explain(error, 0).await),
            }
        }
    }

    /// A path for a file without a name, most likely unused.
    fn temp_path(&self) -> StorePath {
        let n = self.inner.n_temps.get();
        self.inner.n_temps.set(n.wrapping_add(1));
        StorePath::temp(self.clock().unix_ms(), n)
    }

    /// Writes a small file in one step: it is there whole, or not at all.
    pub(crate) async fn publish(&self, path: &StorePath, bytes: &[u8]) -> Result<(), Error> {
        let (temp, file) = self.temp().await?;
        let write = async {
            file.write_at(0, bytes)?;
            file.sync().await?;
            drop(file);
            temp.rename(path).await
        };
        match write.await {
            Ok(()) => Ok(()),
            Err(error) => {
                temp.remove().await;
                Err(self.explain(error, bytes.len() as u64).await)
            }
        }
    }
}

/// A file without a name. It goes with this value, unless it got a name before.
pub(crate) struct Temp<I: BlobIo, C: Clock> {
    store: Store<I, C>,
    pub path: StorePath,
    /// The path is ours; afterwards another process may have taken it.
    is_ours: Cell<bool>,
}

impl<I: BlobIo, C: Clock> Temp<I, C> {
    fn new(store: &Store<I, C>, path: StorePath) -> Temp<I, C> {
        Temp { store: store.clone(), path, is_ours: Cell::new(true) }
    }

    /// Gives the file its name.
    pub(crate) async fn rename(&self, to: &StorePath) -> Result<(), IoError> {
        self.store.io().rename(&self.path, to).await?;
        self.is_ours.set(false);
        Ok(())
    }

    /// Removes the file. If that fails, a prune will do it.
    pub(crate) async fn remove(&self) {
        let _ = self.store.io().remove(&self.path).await;
        self.is_ours.set(false);
    }
}

impl<I: BlobIo, C: Clock> Drop for Temp<I, C> {
    fn drop(&mut self) {
        if self.is_ours.get() {
            self.store.io().discard(&self.path);
        }
    }
}

pub(crate) fn read_error(path: &StorePath, error: &gguf::SourceError) -> IoError {
    IoError::new("read", path, IoKind::Other, &error.0)
}
