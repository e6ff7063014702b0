//! The adapters of a new model: checked against it, and kept as layers, as Ollama keeps them. They
//! are merged when the model is loaded, so models with and without share the file of weights.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::host::LibraryError;
use convert::{Adapter, Merged, Precision};
use gguf::{ByteSource, Gguf};
use quantize::GgufSource;
use store::{BlobIo, Clock, Fetch, Layer, media};

use super::super::errors::{invalid, library_error};
use super::super::report::Reporter;
use super::StoreLibrary;

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// Puts the adapters of a request behind the model's layers.
    pub(super) async fn add_adapters(
        &self,
        files: &BTreeMap<String, String>,
        layers: &mut Vec<Layer>,
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        if files.is_empty() {
            return Ok(());
        }
        let base = self.base(layers).await?;
        let refuse = |error: convert::Error| invalid(error.to_string());
        if files.contains_key("adapter_config.json") {
            say.step("converting adapter");
            let files = self.opened(files).await?;
            let adapter = Adapter::of_folder(files, &base.metadata).map_err(refuse)?;
            check(base, vec![adapter.clone()])?;
            layers.push(self.put_view(adapter.into_source(), media::ADAPTER).await?);
            return Ok(());
        }
        let mut adapters = Vec::new();
        for file in self.opened(files).await? {
            let gguf = Gguf::open(file.bytes).map_err(|error| {
                let name: String = file.name.chars().take(100).collect();
                invalid(format!("{name:?} is no adapter: {error}"))
            })?;
            adapters.push(Adapter::of_gguf(&gguf).map_err(refuse)?);
        }
        check(base, adapters)?;
        for digest in files.values() {
            let (digest, size) = self.blob(digest).await?;
            layers.push(Layer::new(media::ADAPTER, digest, size));
        }
        Ok(())
    }

    /// The model as it is without adapters.
    async fn base(&self, layers: &[Layer]) -> Result<Gguf, LibraryError> {
        let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
        for layer in layers.iter().filter(|layer| layer.media_type == media::MODEL) {
            files.push(Box::new(
                self.store().open_blob(&layer.digest).await.map_err(library_error)?,
            ));
        }
        let opened = Gguf::open_split(files);
        opened.map_err(|error| invalid(format!("an adapter needs a model's weights: {error}")))
    }
}

/// Refuses adapters that the model cannot be loaded with.
fn check(base: Gguf, adapters: Vec<Adapter>) -> Result<(), LibraryError> {
    let adapters = adapters.into_iter().map(|adapter| (Arc::new(adapter), 1.0)).collect();
    let merged = Merged::new(Box::new(GgufSource::new(base)), adapters, Precision::OfBase);
    merged.map(drop).map_err(|error| invalid(error.to_string()))
}
