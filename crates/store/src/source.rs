//! Where the files of a model came from, as notes in its manifest.
//!
//! A file without a digest to ask for (at an address, or chosen by a person) would have to be
//! fetched or copied again to find out that it is the one that is here. So its layer remembers the
//! address and the version, in an `annotations` field, which is where the image format has such
//! things; who does not know it keeps it or drops it, and nothing but time is lost.

use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::error::Error;
use crate::io::BlobIo;
use crate::manifest::Layer;
use crate::media;
use crate::name::Name;
use crate::store::Store;

const ADDRESS: &str = "ingle.source";
const VERSION: &str = "ingle.version";

/// Where a file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// An address, or the name of a file.
    pub address: String,
    /// What the server calls this version, or when the file was changed; empty where nobody says.
    pub version: String,
}

impl Source {
    /// The layer with this note.
    pub(crate) fn note(&self, mut layer: Layer) -> Layer {
        let notes = json!({ ADDRESS: self.address, VERSION: self.version });
        layer.extra.insert("annotations".into(), notes);
        layer
    }

    /// What a layer says about its origin.
    pub fn of(layer: &Layer) -> Option<Source> {
        let notes: &Map<String, Value> = layer.extra.get("annotations")?.as_object()?;
        let text = |key| notes.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Source { address: text(ADDRESS)?, version: text(VERSION)? })
    }
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// True if the model of this name consists of these files, with these lengths, and all of them
    /// are here.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn comes_from(&self, name: &Name, files: &[(Source, u64)]) -> Result<bool, Error> {
        let model = match self.get(name).await {
            Ok(model) => model,
            Err(Error::NotFound { .. } | Error::Manifest { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let layers: Vec<&Layer> = model.manifest.layers_of(media::MODEL).collect();
        let found: Vec<_> = layers.iter().map(|l| (Source::of(l), l.size)).collect();
        if found.len() != files.len()
            || found.iter().zip(files).any(|(a, b)| a.0.as_ref() != Some(&b.0) || a.1 != b.1)
        {
            return Ok(false);
        }
        for layer in model.manifest.blobs() {
            if !self.has_blob(&layer.digest, layer.size).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
