//! A stored model's files as one, for whoever reads them here.

use gguf::{ByteSource, Gguf};
use store::Model;

use super::{PageStore, find};
use crate::error::EdgeError;

/// The model that `name` stands for, with its header read.
///
/// # Errors
/// No such model, a file of it that is missing, a header that is damaged.
pub async fn open(store: &PageStore, name: &str) -> Result<(Model, Gguf), EdgeError> {
    let name = find(store, name).await?;
    let model = store.get(&name).await?;
    let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
    for file in PageStore::model_files(&model) {
        if !store.has_blob(&file.digest, file.size).await? {
            return Err(store::Error::BlobMissing { digest: file.digest }.into());
        }
        files.push(Box::new(store.open_blob(&file.digest).await?));
    }
    Ok((model, Gguf::open_split(files)?))
}
