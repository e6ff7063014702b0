//! Writing blobs: hash while writing, name when durable.

use gguf::{ByteSource, SourceError};

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Body, FetchError};
use crate::io::{BlobFile, BlobIo, IoError};
use crate::limits::{BLOB_BYTES, COPY_BYTES};
use crate::path::StorePath;
use crate::store::{Store, Temp, read_error};
use crate::sum::{Hasher, SumHere, Summing, add_range};

/// A blob that is being written and has no name yet. Dropping it drops the blob.
pub struct BlobWriter<I: BlobIo, C: Clock> {
    store: Store<I, C>,
    file: I::File,
    temp: Temp<I, C>,
    hasher: Hasher,
    len: u64,
    size: u64,
}

/// A blob that is complete and durable and still has no name.
pub(crate) struct Sealed<I: BlobIo, C: Clock> {
    pub temp: Temp<I, C>,
    pub digest: Digest,
    pub len: u64,
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Begins a blob of unknown digest. `size` where it is known, to see first whether it fits.
    ///
    /// # Errors
    /// [`Error::Full`] with need and have, [`Error::Io`].
    pub async fn write_blob(&self, size: Option<u64>) -> Result<BlobWriter<I, C>, Error> {
        self.check_space(size.unwrap_or(0)).await?;
        let (temp, file) = self.temp().await?;
        let (store, hasher, size) = (self.clone(), Hasher::default(), size.unwrap_or(0));
        Ok(BlobWriter { store, temp, file, hasher, len: 0, size })
    }

    /// Stores these bytes as a blob and says which one it is.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Io`].
    pub async fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        if self.has_blob(&digest, bytes.len() as u64).await? {
            return Ok(digest);
        }
        let mut writer = self.write_blob(Some(bytes.len() as u64)).await?;
        writer.write(bytes).await?;
        Ok(writer.finish(Some(digest)).await?.0)
    }

    /// Stores what a body delivers; with `want`, only if it has that digest. Nothing is left of a
    /// body that breaks off. Returns digest and length.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Full`], [`Error::Network`] when the body fails.
    pub async fn put_body(
        &self,
        mut body: impl Body,
        want: Option<Digest>,
        size: Option<u64>,
    ) -> Result<(Digest, u64), Error> {
        let mut writer = self.write_blob(size).await?;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(bytes) => writer.write(&bytes).await?,
                Err(error) => {
                    writer.abandon().await;
                    return Err(upload_error(error));
                }
            }
        }
        writer.finish(want).await
    }

    /// Stores a copy of a source. Returns digest and length.
    ///
    /// # Errors
    /// As [`Store::put_body`], and [`Error::Gguf`] when the source cannot be read.
    pub async fn put_source(&self, source: &dyn ByteSource) -> Result<(Digest, u64), Error> {
        let len = source.len();
        let mut writer = self.write_blob(Some(len)).await?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = 0;
        while at < len {
            let n = usize::try_from(len - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
            let piece = buffer.get_mut(..n).unwrap_or_default();
            if let Err(error) = source.read_at(at, piece) {
                writer.abandon().await;
                return Err(Error::Gguf { what: "the file".into(), reason: error.0 });
            }
            writer.write(piece).await?;
            at += n as u64;
            self.clock().breathe().await;
        }
        writer.finish(None).await
    }

    /// Stores as a blob what the host puts into an empty file without copying it here (a link, a
    /// part of the host's own memory); `None` if `place` says that it cannot. What is hashed is
    /// what lies there then; `progress` hears how many bytes are done.
    ///
    /// # Errors
    /// As [`Store::put_source`].
    pub async fn put_placed(
        &self,
        place: impl FnOnce(&StorePath) -> Result<bool, IoError>,
        progress: impl FnMut(u64),
    ) -> Result<Option<(Digest, u64)>, Error> {
        let (temp, file) = self.temp().await?;
        match place(&temp.path) {
            Ok(true) => {}
            Ok(false) => {
                temp.remove().await;
                return Ok(None);
            }
            Err(error) => return Err(self.explain(error, 0).await),
        }
        let digest = self.hash_file(&file, &temp.path, progress).await?;
        file.sync().await?;
        let len = file.len();
        drop(file);
        self.name_blob(Sealed { temp, digest, len }).await.map(Some)
    }

    /// Digest and length of a source that lies outside of the store.
    ///
    /// # Errors
    /// [`Error::Gguf`] when it cannot be read.
    pub async fn digest_of(&self, source: &impl ByteSource) -> Result<(Digest, u64), Error> {
        let hashed = hash(self.clock(), SumHere::default(), source, |_| ()).await;
        let unread = |error: SourceError| Error::Gguf { what: "the file".into(), reason: error.0 };
        Ok((hashed.map_err(unread)?, source.len()))
    }

    /// The digest of a whole file of the store; `progress` hears how many bytes are done.
    pub(crate) async fn hash_file(
        &self,
        file: &I::File,
        path: &StorePath,
        progress: impl FnMut(u64),
    ) -> Result<Digest, Error> {
        let hashed = hash(self.clock(), self.io().sum(file.len()), file, progress).await;
        Ok(hashed.map_err(|error| read_error(path, &error))?)
    }

    /// Gives a complete blob its name.
    pub(crate) async fn name_blob(&self, sealed: Sealed<I, C>) -> Result<(Digest, u64), Error> {
        let Sealed { temp, digest, len } = sealed;
        if self.has_blob(&digest, len).await? {
            temp.remove().await;
            return Ok((digest, len));
        }
        match temp.rename(&StorePath::blob(&digest)).await {
            Ok(()) => Ok((digest, len)),
            Err(error) => {
                temp.remove().await;
                Err(self.explain(error, len).await)
            }
        }
    }

    /// Forgets a complete blob that has no name.
    pub(crate) async fn drop_sealed(&self, sealed: Sealed<I, C>) {
        sealed.temp.remove().await;
    }
}

impl<I: BlobIo, C: Clock> BlobWriter<I, C> {
    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was written so far, to be read again before it gets its name.
    pub fn file(&self) -> &I::File {
        &self.file
    }

    /// Appends bytes. After an error the blob is gone and the writer is of no more use.
    ///
    /// # Errors
    /// [`Error::Full`] with need and have, [`Error::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let need = bytes.len() as u64;
        let result = match self.len.saturating_add(need) > BLOB_BYTES {
            true => Err(Error::Full { need: self.len.saturating_add(need), have: BLOB_BYTES }),
            false => match self.file.write_at(self.len, bytes) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let rest = self.size.saturating_sub(self.len);
                    Err(self.store.explain(error, rest.max(need)).await)
                }
            },
        };
        match result {
            Ok(()) => {
                self.hasher.update(bytes);
                self.len += need;
                Ok(())
            }
            Err(error) => {
                self.temp.remove().await;
                Err(error)
            }
        }
    }

    /// Makes the blob durable and gives it its name. Returns digest and length.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it has not the digest `want`; it is gone then.
    pub async fn finish(self, want: Option<Digest>) -> Result<(Digest, u64), Error> {
        let store = self.store.clone();
        let sealed = self.seal(want).await?;
        store.name_blob(sealed).await
    }

    /// Makes the blob durable without a name.
    pub(crate) async fn seal(self, want: Option<Digest>) -> Result<Sealed<I, C>, Error> {
        let BlobWriter { store, temp, file, hasher, len, .. } = self;
        let digest = hasher.finish();
        let result = match want.filter(|want| *want != digest) {
            Some(want) => Err(Error::Mismatch { want, got: digest }),
            None => match file.sync().await {
                Ok(()) => Ok(()),
                Err(error) => Err(store.explain(error, len).await),
            },
        };
        drop(file);
        match result {
            Ok(()) => Ok(Sealed { temp, digest, len }),
            Err(error) => {
                temp.remove().await;
                Err(error)
            }
        }
    }

    /// Drops what was written.
    pub async fn abandon(self) {
        let BlobWriter { temp, file, .. } = self;
        drop(file);
        temp.remove().await;
    }
}

fn upload_error(error: FetchError) -> Error {
    Error::Network { host: "the upload broke off".into(), error }
}

async fn hash<F: ByteSource>(
    clock: &impl Clock,
    mut sum: impl Summing<F>,
    file: &F,
    progress: impl FnMut(u64),
) -> Result<Digest, SourceError> {
    add_range(clock, &mut sum, file, 0..file.len(), progress).await?;
    sum.finish(file).await
}
