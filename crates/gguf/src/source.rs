//! Where bytes come from: positional, synchronous, all or nothing.
//!
//! Positional reads fit all three hosts (a file, an OPFS sync access handle, memory) and need no
//! `&mut`, so header, loader and viewer may share a source. A short read is an error here: whoever
//! wraps an operating system's read loops until the buffer is full. Memory maps are left out on
//! purpose, a file that shrinks under a map kills the process.

use std::rc::Rc;
use std::sync::Arc;

/// Why a source could not deliver, in words of the host ("permission denied").
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

impl SourceError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        SourceError(message.into())
    }
}

/// Bytes that can be read at any position.
pub trait ByteSource {
    /// Total number of bytes. Asked for once when a file is opened.
    fn len(&self) -> u64;

    /// True when there is no byte at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes from `offset` on, or fails; never a partial success.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError>;

    /// The same bytes for several threads at once, where the host allows that.
    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        None
    }
}

impl ByteSource for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buf.len())?))
            .ok_or_else(|| past_end(offset, buf.len(), ByteSource::len(self)))?;
        buf.copy_from_slice(found);
        Ok(())
    }
}

impl ByteSource for Vec<u8> {
    fn len(&self) -> u64 {
        ByteSource::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.as_slice().read_at(offset, buf)
    }

    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        Some(self)
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: ByteSource + ?Sized> ByteSource for $pointer {
            fn len(&self) -> u64 {
                (**self).len()
            }

            fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
                (**self).read_at(offset, buf)
            }

            fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
                (**self).shared()
            }
        }
    )*};
}

forward!(&T, Box<T>, Rc<T>, Arc<T>);

fn past_end(offset: u64, n: usize, len: u64) -> SourceError {
    SourceError(format!("{n} bytes asked for at offset {offset} of {len} bytes"))
}
