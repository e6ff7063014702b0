//! SHA-256 of files, in pieces, in order; where it is computed is the host's to say.
//!
//! A digest is one long chain of work that no second core can share, and in a browser the thread
//! that downloads is also the one that answers. So a store asks its [`BlobIo`] for the one who
//! sums: here, or beside this thread. What is summed is always read from the file, never what was
//! written to it: the digest is that of the bytes that lie there.
//!
//! [`BlobIo`]: crate::io::BlobIo

use std::ops::Range;

use gguf::{ByteSource, SourceError};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::digest::Digest;
use crate::limits::COPY_BYTES;

/// SHA-256 of a stream.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// The digest of a file from its first byte on, as far as it was added.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait Summing<F> {
    /// Most bytes to add at once.
    fn step(&self) -> u64 {
        COPY_BYTES as u64
    }

    /// Adds the next bytes of the file, at most [`Summing::step`]; returns when they are read.
    ///
    /// # Errors
    /// What the host says of a failed read.
    async fn add(&mut self, file: &F, range: Range<u64>) -> Result<(), SourceError>;

    /// The digest of everything that was added. The file is for those who have to begin anew.
    ///
    /// # Errors
    /// As [`Summing::add`].
    async fn finish(self, file: &F) -> Result<Digest, SourceError>;
}

/// Sums on this thread.
#[derive(Default)]
pub struct SumHere {
    hasher: Hasher,
    buffer: Vec<u8>,
}

impl<F: ByteSource> Summing<F> for SumHere {
    async fn add(&mut self, file: &F, range: Range<u64>) -> Result<(), SourceError> {
        let n = usize::try_from(range.end - range.start).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        self.buffer.resize(n, 0);
        file.read_at(range.start, &mut self.buffer)?;
        self.hasher.update(&self.buffer);
        Ok(())
    }

    async fn finish(self, _file: &F) -> Result<Digest, SourceError> {
        Ok(self.hasher.finish())
    }
}

/// Adds a range of a file, and lets other tasks run between two pieces; `progress` hears where it
/// is.
pub(crate) async fn add_range<F>(
    clock: &impl Clock,
    sum: &mut impl Summing<F>,
    file: &F,
    range: Range<u64>,
    mut progress: impl FnMut(u64),
) -> Result<(), SourceError> {
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at.saturating_add(sum.step()));
        sum.add(file, at..end).await?;
        at = end;
        progress(at);
        clock.breathe().await;
    }
    Ok(())
}
