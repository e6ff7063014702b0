//! The files of a new model: which of the uploaded blobs is what.

use std::collections::BTreeMap;

use api::host::LibraryError;
use gguf::{ByteSource, Gguf, MAGIC, SplitName};
use store::{BlobIo, Clock, Digest, Fetch, Layer, ModelConfig, media};

use super::super::errors::{invalid, library_error};
use super::super::report::Reporter;
use super::super::workshop::{Form, Order};
use super::{Base, StoreLibrary, parse_digest};

/// One uploaded file.
struct File {
    name: String,
    layer: Layer,
    role: FileRole,
}

/// What a GGUF file is, by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileRole {
    /// Weights, or a part of them.
    Model,
    /// What turns images into rows; kept for programs that see images.
    Projector,
    /// A LoRA.
    Adapter,
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// A model of uploaded GGUF files: one, or all parts of a split one, and perhaps a projector.
    pub(super) async fn base_of_files(
        &self,
        files: &BTreeMap<String, String>,
        say: &Reporter,
    ) -> Result<Base, LibraryError> {
        say.step("parsing GGUF");
        let mut found = Vec::new();
        for (name, digest) in files {
            found.push(self.look_at(name, digest).await?);
        }
        if let Some(file) = found.iter().find(|file| file.role == FileRole::Adapter) {
            return Err(invalid(format!(
                "{:?} is an adapter: name its model in 'from', and the adapter in 'adapters'",
                file.name
            )));
        }
        // Parts in their order, whatever their names are sorted like.
        found.sort_by_key(|file| part_number(&file.name));
        let is_model = |file: &&File| file.role == FileRole::Model;
        let models: Vec<&Layer> = found.iter().filter(is_model).map(|file| &file.layer).collect();
        let config = self.config_of(&models, found.len() - models.len()).await?;
        Ok(Base { config, layers: found.into_iter().map(|file| file.layer).collect() })
    }

    /// A model of the uploaded files of a folder: one GGUF file is made of them.
    pub(super) async fn base_of_folder(
        &self,
        files: &BTreeMap<String, String>,
        file_type: Option<String>,
        say: &Reporter,
    ) -> Result<Base, LibraryError> {
        say.step("converting model");
        let mut named = Vec::new();
        for (name, digest) in files {
            named.push((name.clone(), self.blob(digest).await?.0));
        }
        let order = Order { files: named, form: Form::Folder, file_type };
        let made = self.make(order, say).await?;
        let layer = made.ok_or_else(|| LibraryError::Failed("no model was made".to_owned()))?;
        let config = self.config_of(&[&layer], 0).await?;
        Ok(Base { config, layers: vec![layer] })
    }

    pub(super) async fn config_of(
        &self,
        models: &[&Layer],
        n_projectors: usize,
    ) -> Result<ModelConfig, LibraryError> {
        if models.is_empty() {
            return Err(invalid("there is no file with a model's weights among 'files'"));
        }
        let blobs: Vec<_> = models.iter().map(|layer| (layer.digest, layer.size)).collect();
        let config = self.store().describe_blobs("the model", &blobs).await;
        let mut config = config.map_err(library_error)?;
        if n_projectors > 0 {
            config.model_families.push(CLIP.to_owned());
        }
        Ok(config)
    }

    /// An uploaded blob and its size.
    pub(super) async fn blob(&self, digest: &str) -> Result<(Digest, u64), LibraryError> {
        let digest = parse_digest(digest)?;
        let len = self.store().blob_len(&digest).await.map_err(library_error)?;
        let size = len.ok_or_else(|| {
            invalid(format!(
                "the blob {digest} is not stored: send it to /api/blobs/{digest} first"
            ))
        })?;
        Ok((digest, size))
    }

    async fn look_at(&self, name: &str, digest: &str) -> Result<File, LibraryError> {
        let (digest, size) = self.blob(digest).await?;
        let file = self.store().open_blob(&digest).await.map_err(library_error)?;
        let mut start = [0; MAGIC.len()];
        if file.read_at(0, &mut start).is_err() || start != MAGIC {
            return Err(invalid(no_gguf(name)));
        }
        // A part of a split model does not open alone; then it is weights.
        let role = Gguf::open(Box::new(file)).map_or(FileRole::Model, |gguf| role_of(&gguf));
        let kind = match role {
            FileRole::Model => media::MODEL,
            FileRole::Projector => media::PROJECTOR,
            FileRole::Adapter => media::ADAPTER,
        };
        Ok(File { name: name.to_owned(), layer: Layer::new(kind, digest, size), role })
    }
}

/// The architecture of projectors.
const CLIP: &str = "clip";

fn role_of(gguf: &Gguf) -> FileRole {
    let text = |key| gguf.metadata.str(key).ok().flatten();
    match (text("general.type"), text("general.architecture")) {
        (Some("adapter"), _) => FileRole::Adapter,
        (_, Some(CLIP)) => FileRole::Projector,
        _ => FileRole::Model,
    }
}

/// Number of a part of a split model; 0 for a whole one.
fn part_number(name: &str) -> u32 {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    SplitName::parse(file).map_or(0, |split| split.no)
}

/// Whether these are files that have to be converted.
pub(super) fn are_of_folder(files: &BTreeMap<String, String>) -> bool {
    let ends = [".safetensors", ".pth", ".pt"];
    files.keys().any(|name| name == "config.json" || ends.iter().any(|end| name.ends_with(end)))
}

/// Why a file that is no GGUF file is refused.
fn no_gguf(name: &str) -> String {
    let shown: String = name.chars().take(100).collect();
    format!(
        "{shown:?} is no GGUF file: models are made of GGUF files, or of safetensors or PyTorch \
         files with their config.json"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_numbers() {
        for (name, want) in [
            ("m-00002-of-00003.gguf", 2),
            ("folder/m-00003-of-00003.gguf", 3),
            ("folder\\m-00001-of-00003.gguf", 1),
            ("model.gguf", 0),
        ] {
            assert_eq!(part_number(name), want, "{name}");
        }
    }
}
