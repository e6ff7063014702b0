//! Files in other forms than GGUF: one GGUF file is made of them.
//!
//! Behind the feature `convert`: in a page its readers would be a tenth of the module.

use std::collections::BTreeMap;

use api::host::LibraryError;
use store::{BlobIo, Clock, Fetch, Layer};

use super::super::errors::{invalid, library_error};
use super::StoreLibrary;

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// Uploaded files by their names.
    pub(super) async fn opened(
        &self,
        files: &BTreeMap<String, String>,
    ) -> Result<Vec<convert::File>, LibraryError> {
        let mut opened = Vec::new();
        for (name, digest) in files {
            let (digest, _) = self.blob(digest).await?;
            let bytes = self.store().open_blob(&digest).await.map_err(library_error)?;
            opened.push(convert::File { name: name.clone(), bytes: Box::new(bytes) });
        }
        Ok(opened)
    }

    /// Stores what a source makes as a layer.
    pub(super) async fn put_view(
        &self,
        source: Box<dyn quantize::Source>,
        kind: &str,
    ) -> Result<Layer, LibraryError> {
        let view = convert::GgufView::new(source);
        let view = view.map_err(|error| invalid(error.to_string()))?;
        let (digest, size) = self.store().put_source(&view).await.map_err(library_error)?;
        Ok(Layer::new(kind, digest, size))
    }
}
