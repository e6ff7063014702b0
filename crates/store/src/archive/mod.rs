//! `save` and `load`: a model as one file.
//!
//! The archive is an uncompressed tar (weights do not compress) whose entries lie where they lie in
//! a store: the manifest first, then every blob once, small ones before weights. So it can be
//! checked while it is read, from a pipe too, and unpacking it with `tar` into an empty folder
//! makes a store. Loading gives nothing a name before everything was read and its digests were
//! compared.

mod blocks;

use crate::blobs::Sealed;
use crate::clock::Clock;
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
use blocks::{BLOCK, Reader, header, padding};
use gguf::ByteSource;

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
    /// and what [`Store::write_out`] says.
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
        let (digest, size) = (layer.digest, layer.size);
        write(out, &header(StorePath::blob(&digest).as_str(), size)?).await?;
        let report = |done| progress(Progress::blob("saving", digest, size, done));
        self.write_out(&digest, size, out, report).await?;
        write(out, padding(size)).await
    }

    /// Writes a blob to `out`, byte for byte: a plain GGUF file, for a model layer. `progress`
    /// hears how many bytes are done.
    ///
    /// # Errors
    /// [`Error::BlobMissing`]; [`Error::Damage`] (at the end) for a damaged blob, which must not
    /// spread: what was written is of no use then. [`Error::Output`] when `out` fails.
    pub async fn write_out(
        &self,
        digest: &Digest,
        size: u64,
        out: &mut impl Sink,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        if !self.has_blob(digest, size).await? {
            return Err(Error::BlobMissing { digest: *digest });
        }
        let file = self.open_blob(digest).await?;
        let mut hasher = crate::sum::Hasher::default();
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = 0;
        while at < size {
            let n = usize::try_from(size - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
            let piece = buffer.get_mut(..n).unwrap_or_default();
            let read = file.read_at(at, piece);
            read.map_err(|error| read_error(&StorePath::blob(digest), &error))?;
            hasher.update(piece);
            write(out, piece).await?;
            at += n as u64;
            progress(at);
            self.clock().breathe().await;
        }
        match hasher.finish() {
            got if got == *digest => Ok(()),
            got => Err(Error::Damage { digest: *digest, got }),
        }
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
        let mut reader = Reader::new(input);
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
        sealed: &mut Vec<Sealed<I, C>>,
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
    ) -> Result<Sealed<I, C>, Error> {
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
            self.clock().breathe().await;
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
    out.write(bytes).await.map_err(|reason| Error::Output { reason })
}
