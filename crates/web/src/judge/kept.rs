//! What the baseline said, until the other model is loaded in its place: in memory if it is little,
//! else in a file of the store that never gets a name.
//!
//! For 8 windows of a model with 128 256 tokens these are half a gigabyte, which a page may not
//! have beside a model, and which private storage writes in a second.

use std::ops::Range;

use gguf::ByteSource;
use store::{BlobFile, BlobWriter};

use crate::error::EdgeError;
use crate::store::{PageClock, PageIo, PageStore};

/// Bytes that are kept in memory: so little that a file would not be worth it.
pub const IN_MEMORY: u64 = 4 << 20;

/// Windows, each as the bytes of its answers.
pub struct Kept {
    place: Place,
    ranges: Vec<Range<u64>>,
}

enum Place {
    Memory(Vec<u8>),
    File(Box<BlobWriter<PageIo, PageClock>>),
}

impl Kept {
    /// Room for `n_bytes`.
    ///
    /// # Errors
    /// Too little storage, with need and have.
    pub async fn new(store: &PageStore, n_bytes: u64) -> Result<Kept, EdgeError> {
        let place = match n_bytes {
            0..=IN_MEMORY => Place::Memory(Vec::new()),
            _ => Place::File(Box::new(store.write_blob(Some(n_bytes)).await?)),
        };
        Ok(Kept { place, ranges: Vec::new() })
    }

    /// Keeps the next window.
    ///
    /// # Errors
    /// Whatever the storage reports.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), EdgeError> {
        let start = self.ranges.last().map_or(0, |range| range.end);
        match &mut self.place {
            Place::Memory(all) => all.extend_from_slice(bytes),
            Place::File(writer) => writer.write(bytes).await?,
        }
        self.ranges.push(start..start + bytes.len() as u64);
        Ok(())
    }

    /// All windows are here, and are read from now on.
    ///
    /// # Errors
    /// Whatever the storage reports.
    pub async fn settle(&mut self) -> Result<(), EdgeError> {
        if let Place::File(writer) = &self.place {
            writer.file().sync().await.map_err(store::Error::Io)?;
        }
        Ok(())
    }

    /// The bytes of window `i`.
    ///
    /// # Errors
    /// Whatever the storage reports.
    pub fn read(&self, i: usize, into: &mut Vec<u8>) -> Result<(), EdgeError> {
        let range = self.ranges.get(i).cloned().unwrap_or_default();
        into.resize((range.end - range.start) as usize, 0);
        match &self.place {
            Place::Memory(all) => {
                let bytes = all.get(range.start as usize..range.end as usize).unwrap_or_default();
                into.copy_from_slice(bytes);
                Ok(())
            }
            Place::File(writer) => Ok(writer.file().read_at(range.start, into)?),
        }
    }

    /// Takes the file away: the worker ends then.
    pub async fn remove(self) {
        if let Place::File(writer) = self.place {
            writer.abandon().await;
        }
    }
}
