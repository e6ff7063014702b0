//! `save` and `load`: a model as one file.
//!
//! The archive is an uncompressed tar (weights do not compress) whose entries lie where they lie in
//! a store: the manifest first, then every blob once, small ones before weights. So it can be
//! checked while it is read, from a pipe too, and unpacking it with `tar` into an empty folder
//! makes a store. Loading gives nothing a name before everything was read and its digests were
//! compared.

use gguf::ByteSource;
use tar::{EntryType, Header};

use crate::blobs::Sealed;
use crate::clock::{Clock, breathe};
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::Body;
use crate::io::BlobIo;
use crate::limits::{COPY_BYTES, MANIFEST_BYTES};
use crate::listing::Committed;
use crate::manifest::{Layer, Manifest};
use crate::name::Name;
use crate::path::{StorePath, manifest_name};
use crate::progress::Progress;
use crate::store::{Store, read_error};

/// A tar file consists of blocks of this many bytes.
const BLOCK: usize = 512;

/// Where an archive is written to.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait Sink {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// What the host says, as the sentence's end.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String>;
}

impl Sink for Vec<u8> {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Writes a model to `out` as one archive.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BlobMissing`] (before anything is written),
    /// [`Error::Mismatch`] when a blob turns out to be damaged, [`Error::Archive`] when `out` fails.
    pub async fn save(
        &self,
        name: &Name,
        out: &mut impl Sink,
        mut progress: impl FnMut(Progress),
    ) -> Result<(), Error> {
        let model = self.get(name).await?;
        let mut blobs = model.manifest.blobs();
        for layer in &blobs {
            if !self.has_blob(&layer.digest, layer.size).await? {
                return Err(Error::BlobMissing { digest: layer.digest });
            }
        }
        blobs.sort_by_key(|layer| layer.size);
        let raw = model.manifest.raw();
        let path = StorePath::manifest(&model.name, true);
        write(out, &header(path.as_str(), raw.len() as u64)?).await?;
        write(out, raw).await?;
        write(out, padding(raw.len() as u64)).await?;
        for layer in blobs {
            self.save_blob(layer, out, &mut progress).await?;
        }
        write(out, &[0; 2 * BLOCK]).await
    }

    async fn save_blob(
        &self,
        layer: &Layer,
        out: &mut impl Sink,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        let path = StorePath::blob(&layer.digest);
        write(out, &header(path.as_str(), layer.size)?).await?;
        let file = self.open_blob(&layer.digest).await?;
        let mut hasher = crate::digest::Hasher::default();
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = 0;
        while at < layer.size {
            let n = usize::try_from(layer.size - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
            let piece = buffer.get_mut(..n).unwrap_or_default();
            file.read_at(at, piece).map_err(|error| read_error(&path, &error))?;
            hasher.update(piece);
            write(out, piece).await?;
            at += n as u64;
            progress(Progress::blob("saving", layer.digest, layer.size, at));
            breathe().await;
        }
        // A damaged blob must not spread.
        let got = hasher.finish();
        if got != layer.digest {
            let reason = format!("the blob {} is damaged, pull the model again", layer.digest);
            return Err(Error::Manifest { name: "this model".into(), reason });
        }
        write(out, padding(layer.size)).await
    }

    /// Reads an archive and stores its model, under another name if `name` says so. All of it is
    /// stored, or nothing.
    ///
    /// # Errors
    /// [`Error::Archive`] for what is no such archive or a damaged one, [`Error::Mismatch`],
    /// [`Error::Full`] as soon as the manifest has been read, [`Error::Network`] if `input` fails.
    pub async fn load(
        &self,
        input: impl Body,
        name: Option<&Name>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Committed, Error> {
        let mut reader = Reader { input, buffer: Vec::new(), at: 0 };
        let (stored, manifest) = read_first(&mut reader).await?;
        let name = name.unwrap_or(&stored);
        let mut missing = Vec::new();
        for layer in manifest.blobs() {
            if !self.has_blob(&layer.digest, layer.size).await? {
                missing.push(layer.clone());
            }
        }
        self.check_space(missing.iter().map(|layer| layer.size).sum()).await?;
        let mut sealed = Vec::new();
        let read = self.read_blobs(&mut reader, &manifest, missing, &mut sealed, &mut progress);
        if let Err(error) = read.await {
            for blob in sealed {
                self.drop_sealed(blob).await;
            }
            return Err(error);
        }
        for blob in sealed {
            self.name_blob(blob).await?;
        }
        progress(Progress::note("writing manifest"));
        let committed = self.commit(name, &manifest).await?;
        progress(Progress::note("success"));
        Ok(committed)
    }

    async fn read_blobs(
        &self,
        reader: &mut Reader<impl Body>,
        manifest: &Manifest,
        mut missing: Vec<Layer>,
        sealed: &mut Vec<Sealed>,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        while let Some((path, size)) = reader.header().await? {
            let digest = path.strip_prefix("blobs/").and_then(|name| name.parse::<Digest>().ok());
            let digest = digest.ok_or_else(|| refuse(format!("{path:?} has no place in it")))?;
            let blobs = manifest.blobs();
            let layer = blobs.iter().find(|layer| layer.digest == digest && layer.size == size);
            if layer.is_none() {
                return Err(refuse(format!("its manifest knows no {path} of {size} bytes")));
            }
            match missing.iter().position(|layer| layer.digest == digest) {
                // It is here already, or stands in the archive twice.
                None => reader.skip(size).await?,
                Some(at) => {
                    let layer = missing.swap_remove(at);
                    sealed.push(self.read_blob(reader, &layer, progress).await?);
                }
            }
            reader.skip(padding(size).len() as u64).await?;
        }
        match missing.first() {
            None => Ok(()),
            Some(layer) => Err(refuse(format!("it ends before the blob {}", layer.digest))),
        }
    }

    async fn read_blob(
        &self,
        reader: &mut Reader<impl Body>,
        layer: &Layer,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Sealed, Error> {
        let mut writer = self.write_blob(None).await?;
        while writer.len() < layer.size {
            let rest = layer.size - writer.len();
            match reader.some(rest).await {
                Ok(piece) => writer.write(&piece).await?,
                Err(error) => {
                    writer.abandon().await;
                    return Err(error);
                }
            }
            progress(Progress::blob("loading", layer.digest, layer.size, writer.len()));
            breathe().await;
        }
        writer.seal(Some(layer.digest)).await
    }
}

async fn read_first(reader: &mut Reader<impl Body>) -> Result<(Name, Manifest), Error> {
    let first = reader.header().await?;
    let (path, size) = first.ok_or_else(|| refuse("it is empty".to_owned()))?;
    let folder = StorePath::manifests();
    let path = path
        .strip_prefix("manifests/")
        .and_then(|rest| rest.split('/').try_fold(folder, |folder, part| folder.child(part)));
    let name = path.as_ref().and_then(manifest_name);
    let name = name.ok_or_else(|| refuse("it does not begin with a manifest".to_owned()))?;
    if size > MANIFEST_BYTES as u64 {
        return Err(refuse(format!(
            "its manifest has {size} bytes, at most {MANIFEST_BYTES} can be"
        )));
    }
    let raw = reader.exactly(size).await?;
    reader.skip(padding(size).len() as u64).await?;
    let manifest =
        Manifest::parse(&raw).map_err(|reason| refuse(format!("its manifest: {reason}")))?;
    Ok((name, manifest))
}

fn refuse(reason: String) -> Error {
    Error::Archive { reason }
}

async fn write(out: &mut impl Sink, bytes: &[u8]) -> Result<(), Error> {
    out.write(bytes).await.map_err(|reason| Error::Archive { reason })
}

fn header(path: &str, size: u64) -> Result<[u8; BLOCK], Error> {
    let mut header = Header::new_ustar();
    header.set_path(path).map_err(|error| refuse(format!("{path} is too long: {error}")))?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Zeros up to the next block.
fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    ZEROS.get(..(BLOCK - rest) % BLOCK).unwrap_or_default()
}

/// Takes an archive apart while it arrives.
struct Reader<B> {
    input: B,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are used up.
    at: usize,
}

impl<B: Body> Reader<B> {
    /// Between 1 and `most` bytes; an error at the end of the input.
    async fn some(&mut self, most: u64) -> Result<Vec<u8>, Error> {
        while self.at >= self.buffer.len() {
            match self.input.next().await {
                None => return Err(refuse("it ends too early, copy it again".to_owned())),
                Some(Ok(bytes)) => (self.buffer, self.at) = (bytes, 0),
                Some(Err(error)) => {
                    return Err(Error::Network { host: "the archive".into(), error });
                }
            }
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let n = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        let piece = rest.get(..n).unwrap_or_default().to_vec();
        self.at += n;
        Ok(piece)
    }

    /// So many bytes; callers have compared the number with a limit.
    async fn exactly(&mut self, n: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < n {
            bytes.extend(self.some(n - bytes.len() as u64).await?);
        }
        Ok(bytes)
    }

    async fn skip(&mut self, mut n: u64) -> Result<(), Error> {
        while n > 0 {
            n -= self.some(n).await?.len() as u64;
        }
        Ok(())
    }

    /// Path and size of the next entry; `None` at the archive's end.
    async fn header(&mut self) -> Result<Option<(String, u64)>, Error> {
        let block = self.exactly(BLOCK as u64).await?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let block: [u8; BLOCK] =
            block.try_into().map_err(|_| refuse("it ends too early".to_owned()))?;
        let header = Header::from_byte_slice(&block);
        let is_whole = header.cksum().is_ok_and(|sum| sum == checksum(&block));
        if !is_whole || header.entry_type() != EntryType::Regular {
            return Err(refuse("it is no tar archive that `save` wrote, or damaged".to_owned()));
        }
        let size = header.entry_size().map_err(|error| refuse(error.to_string()))?;
        let path = String::from_utf8(header.path_bytes().into_owned());
        Ok(Some((path.map_err(|_| refuse("a path in it is no text".to_owned()))?, size)))
    }
}

/// Tar's checksum: the sum of all bytes, with spaces where the checksum itself stands.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let value = |(i, byte): (usize, &u8)| match i {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    };
    block.iter().enumerate().map(value).sum()
}
