//! Where a page keeps its models: the best that its browser has.

use gguf::{ByteSource, SourceError};
use js_sys::Uint8Array;
use store::{Access, BlobFile, BlobIo, Entry, IoError, IoKind, Stat, StorePath};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, StorageEstimate};

use super::chunks::{ChunkFile, ChunkIo};
use super::locks::{PageLock, try_lock};
use super::opfs::{OpfsFile, OpfsIo};
use super::scope::{self, words_of};
use super::sum::{PageSum, Sums};

/// Files, and who computes their digests.
#[derive(Clone)]
pub struct PageIo {
    pub place: Place,
    sums: Sums,
}

/// A place for files.
#[derive(Clone)]
pub enum Place {
    /// Private file storage.
    Opfs(OpfsIo),
    /// Blobs, in IndexedDB or in memory.
    Chunks(ChunkIo),
}

/// An open file.
#[derive(Clone)]
pub enum PageFile {
    Opfs(OpfsFile),
    Chunks(ChunkFile),
}

impl PageIo {
    /// The first of private storage, IndexedDB and memory that works here.
    pub async fn open(sums: Sums) -> PageIo {
        let place = match OpfsIo::open(&sums.clock).await {
            Ok(io) => Place::Opfs(io),
            Err(_) => match ChunkIo::indexed_db().await {
                Ok(io) => Place::Chunks(io),
                Err(_) => Place::Chunks(ChunkIo::memory()),
            },
        };
        PageIo { place, sums }
    }

    /// Files that go with the tab.
    pub fn in_memory(sums: Sums) -> PageIo {
        PageIo { place: Place::Chunks(ChunkIo::memory()), sums }
    }

    /// "opfs", "indexeddb", "memory".
    pub fn kind(&self) -> &'static str {
        match &self.place {
            Place::Opfs(_) => "opfs",
            Place::Chunks(io) if io.is_kept() => "indexeddb",
            Place::Chunks(_) => "memory",
        }
    }

    /// A stored file as the browser's own, for handing out. No byte is copied.
    pub async fn blob(&self, path: &StorePath) -> Result<Blob, IoError> {
        match &self.place {
            Place::Opfs(io) => Ok(io.file(path).await?.into()),
            Place::Chunks(io) => {
                let file = io.open_file(path, Access::Read).await?;
                file.blob().map_err(|error| scope::io_error("open", path, &error))
            }
        }
    }

    /// Fills an empty file with a person's, where that takes no copy.
    pub fn place(&self, path: &StorePath, blob: &Blob) -> Result<bool, JsValue> {
        match &self.place {
            Place::Opfs(_) => Ok(false),
            Place::Chunks(io) => io.place(path, blob),
        }
    }
}

impl PageFile {
    /// Fills an array of the script.
    pub fn read_into(&self, offset: u64, into: &Uint8Array) -> Result<(), SourceError> {
        match self {
            PageFile::Opfs(file) => file.0.fill(offset, into),
            PageFile::Chunks(file) => file.fill(offset, into),
        }
    }
}

/// What the browser says about the space of this origin: bytes in use, and allowed.
pub async fn estimate() -> Option<(u64, u64)> {
    let asked = scope::storage()?.estimate().ok()?;
    let said: StorageEstimate = JsFuture::from(asked).await.ok()?.unchecked_into();
    Some((said.get_usage()? as u64, said.get_quota()? as u64))
}

impl BlobIo for PageIo {
    type File = PageFile;
    type Sum = PageSum;
    type Lock = PageLock;

    fn sum(&self, len: u64) -> PageSum {
        self.sums.begin(len)
    }

    async fn open(&self, path: &StorePath, access: Access) -> Result<PageFile, IoError> {
        Ok(match &self.place {
            Place::Opfs(io) => PageFile::Opfs(io.open_file(path, access).await?),
            Place::Chunks(io) => PageFile::Chunks(io.open_file(path, access).await?),
        })
    }

    async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError> {
        match &self.place {
            Place::Opfs(io) => io.stat(path).await,
            Place::Chunks(io) => io.stat(path).await,
        }
    }

    async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, IoError> {
        match &self.place {
            Place::Opfs(io) => io.list(folder).await,
            Place::Chunks(io) => io.list(folder).await,
        }
    }

    async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError> {
        match &self.place {
            Place::Opfs(io) => io.rename(from, to).await,
            Place::Chunks(io) => io.rename(from, to).await,
        }
    }

    async fn remove(&self, path: &StorePath) -> Result<bool, IoError> {
        match &self.place {
            Place::Opfs(io) => io.remove(path).await,
            Place::Chunks(io) => io.remove(path).await,
        }
    }

    fn discard(&self, path: &StorePath) {
        let (io, path) = (self.clone(), path.clone());
        wasm_bindgen_futures::spawn_local(async move {
            // If it fails, a prune does it.
            let _ = io.remove(&path).await;
        });
    }

    async fn remove_folder(&self, folder: &StorePath) -> Result<bool, IoError> {
        match &self.place {
            Place::Opfs(io) => io.remove_folder(folder).await,
            // Rows of a table know no folders.
            Place::Chunks(_) => Ok(false),
        }
    }

    async fn free_space(&self) -> Option<u64> {
        let (usage, quota) = estimate().await?;
        Some(quota.saturating_sub(usage))
    }

    async fn try_lock(&self, path: &StorePath) -> Result<Option<PageLock>, IoError> {
        let failed = |error: JsValue| IoError::new("lock", path, IoKind::Other, &words_of(&error));
        try_lock(&format!("ingle-store/{}/{}", self.kind(), path.as_str())).await.map_err(failed)
    }

    fn escapes_names(&self) -> bool {
        true
    }
}

impl BlobFile for PageFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        match self {
            PageFile::Opfs(file) => file.0.write_at(offset, bytes),
            PageFile::Chunks(file) => file.write_at(offset, bytes),
        }
    }

    fn set_len(&self, len: u64) -> Result<(), IoError> {
        match self {
            PageFile::Opfs(file) => file.0.set_len(len),
            PageFile::Chunks(file) => file.set_len(len),
        }
    }

    async fn sync(&self) -> Result<(), IoError> {
        match self {
            PageFile::Opfs(file) => file.0.flush(),
            PageFile::Chunks(file) => file.sync().await,
        }
    }
}

impl ByteSource for PageFile {
    fn len(&self) -> u64 {
        match self {
            PageFile::Opfs(file) => file.len(),
            PageFile::Chunks(file) => file.len(),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        match self {
            PageFile::Opfs(file) => file.read_at(offset, buf),
            PageFile::Chunks(file) => file.read_at(offset, buf),
        }
    }
}
