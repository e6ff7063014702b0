//! Import of GGUF files, and the way back: plain GGUF files out of a model.
//!
//! A split model becomes several model layers in order, one per file, so that its parts come out
//! again byte for byte. Headers are checked before a byte is copied.

use std::rc::Rc;

use gguf::{ByteSource, Gguf, SplitName};

use crate::clock::Clock;
use crate::config::ModelConfig;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::BlobIo;
use crate::listing::Committed;
use crate::manifest::{Layer, Manifest};
use crate::media;
use crate::name::Name;
use crate::source::Source;
use crate::store::{Model, Store};

/// A file of a model as it would be written to a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// `llama3-8b.gguf`, or `llama3-8b-00001-of-00003.gguf`.
    pub file_name: String,
    /// Its bytes.
    pub digest: Digest,
    /// How many.
    pub size: u64,
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Copies the file (or, in order, the files) of a model into the store and names it.
    ///
    /// # Errors
    /// [`Error::Gguf`] for what is no model file, [`Error::Full`] before anything is copied.
    pub async fn import(
        &self,
        name: &Name,
        files: Vec<Rc<dyn ByteSource>>,
    ) -> Result<Committed, Error> {
        let boxed = files.iter().map(|file| Box::new(file.clone()) as Box<dyn ByteSource>);
        let config = describe(&name.to_string(), boxed.collect())?;
        let need = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.len()));
        self.check_space(need).await?;
        let mut blobs = Vec::new();
        for file in &files {
            blobs.push(self.put_source(file).await?);
        }
        self.name_model(name, config, &blobs, &[]).await
    }

    /// Names a model whose files are blobs already (an upload, a download from an address).
    ///
    /// # Errors
    /// [`Error::Gguf`], [`Error::BlobMissing`].
    pub async fn import_blobs(
        &self,
        name: &Name,
        blobs: &[(Digest, u64)],
    ) -> Result<Committed, Error> {
        self.import_sourced(name, blobs, &[]).await
    }

    /// As [`Store::import_blobs`], and notes where each file came from.
    ///
    /// # Errors
    /// As there.
    pub async fn import_sourced(
        &self,
        name: &Name,
        blobs: &[(Digest, u64)],
        sources: &[Source],
    ) -> Result<Committed, Error> {
        let config = self.describe_blobs(&name.to_string(), blobs).await?;
        self.name_model(name, config, blobs, sources).await
    }

    /// What the GGUF files in these blobs say of themselves.
    ///
    /// # Errors
    /// [`Error::Gguf`], [`Error::BlobMissing`].
    pub async fn describe_blobs(
        &self,
        what: &str,
        blobs: &[(Digest, u64)],
    ) -> Result<ModelConfig, Error> {
        let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
        for (digest, _) in blobs {
            files.push(Box::new(self.open_blob(digest).await?));
        }
        describe(what, files)
    }

    async fn name_model(
        &self,
        name: &Name,
        config: ModelConfig,
        blobs: &[(Digest, u64)],
        sources: &[Source],
    ) -> Result<Committed, Error> {
        let sources = sources.iter().map(Some).chain(std::iter::repeat(None));
        let layers: Vec<Layer> = blobs
            .iter()
            .zip(sources)
            .map(|((digest, size), source)| {
                let layer = Layer::new(media::MODEL, *digest, *size);
                source.map_or(layer.clone(), |source| source.note(layer))
            })
            .collect();
        let manifest = self.manifest_of(config, layers).await?;
        self.commit(name, &manifest).await
    }

    /// Writes the config blob of a model and makes its manifest. The manifest is not stored yet.
    ///
    /// # Errors
    /// [`Error::Manifest`] for too many layers, [`Error::Full`].
    pub async fn manifest_of(
        &self,
        config: ModelConfig,
        layers: Vec<Layer>,
    ) -> Result<Manifest, Error> {
        let refuse = |reason| Error::Manifest { name: "the new model".into(), reason };
        let config = config.with_layers(&layers).to_bytes().map_err(refuse)?;
        let digest = self.put_bytes(&config).await?;
        let config = Layer::new(media::CONFIG, digest, config.len() as u64);
        Manifest::new(config, layers).map_err(refuse)
    }

    /// The plain GGUF files a model consists of, with names for them. Their bytes are the blobs'.
    pub fn model_files(model: &Model) -> Vec<ModelFile> {
        let layers: Vec<&Layer> = model.manifest.layers_of(media::MODEL).collect();
        let stem = format!("{}-{}", model.name.model(), model.name.tag());
        let count = u32::try_from(layers.len()).unwrap_or(u32::MAX);
        let split = SplitName { prefix: stem.clone(), no: 1, count };
        let named = (1..).zip(layers).map(|(no, layer)| ModelFile {
            file_name: if count == 1 { format!("{stem}.gguf") } else { split.file_name(no) },
            digest: layer.digest,
            size: layer.size,
        });
        named.collect()
    }
}

fn describe(what: &str, files: Vec<Box<dyn ByteSource>>) -> Result<ModelConfig, Error> {
    let refuse = |error: gguf::Error| Error::Gguf { what: what.into(), reason: error.to_string() };
    Ok(ModelConfig::of_gguf(&Gguf::open_split(files).map_err(refuse)?))
}
