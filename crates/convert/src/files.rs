//! The files of a model, by name.

use gguf::ByteSource;

use crate::config::Config;
use crate::error::Error;

/// Bytes of a JSON file: the largest tokenizers (262,144 tokens with their merges) have 35 MB.
const MAX_JSON: u64 = 128 << 20;
/// Bytes of a chat template, a configuration or a list of files: real ones have a megabyte at most.
const MAX_TEXT: u64 = 16 << 20;

const ADVICE: &str = "it is damaged or no file of a model";

/// One file of a model.
pub struct File {
    /// Its name in the model's folder: "config.json", "1_Pooling/config.json".
    pub name: String,
    /// Its bytes.
    pub bytes: Box<dyn ByteSource>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// Names that are read besides weights.
const TEXTS: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "adapter_config.json",
    "modules.json",
    "1_Pooling/config.json",
];

/// Endings of files with weights.
const WEIGHTS: &[&str] = &[".safetensors", ".bin", ".pt", ".pth"];

/// Whether a file of this name, relative to its folder, is read to convert a model or an adapter.
pub fn is_part_of_model(name: &str) -> bool {
    TEXTS.contains(&name) || (is_weights(name) && !name.contains('/'))
}

/// Whether the name is that of a file with weights.
pub(crate) fn is_weights(name: &str) -> bool {
    let ends = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| !rest.is_empty());
    WEIGHTS.iter().any(ends) && !NO_WEIGHTS.contains(&name)
}

/// What training leaves beside the weights.
const NO_WEIGHTS: &[&str] =
    &["training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"];

/// All files of a model.
#[derive(Debug)]
pub(crate) struct Files {
    files: Vec<File>,
}

impl Files {
    pub fn new(files: Vec<File>) -> Files {
        Files { files }
    }

    pub fn find(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Takes a file out.
    pub fn take(&mut self, name: &str) -> Option<File> {
        let found = self.files.iter().position(|file| file.name == name)?;
        Some(self.files.swap_remove(found))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The whole of a small file, if it is there.
    pub fn bytes(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.find(name) else { return Ok(None) };
        let need = file.bytes.len();
        if need > max {
            let (file, what) = (name.to_owned(), "contents");
            return Err(Error::TooLarge { file, what, need, max, advice: ADVICE });
        }
        let mut bytes = vec![0; usize::try_from(need).unwrap_or(0)];
        file.bytes
            .read_at(0, &mut bytes)
            .map_err(|source| Error::Read { file: name.to_owned(), source })?;
        Ok(Some(bytes))
    }

    /// A text, if it is there.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.bytes(name, MAX_TEXT)? else { return Ok(None) };
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| Error::malformed(name, "it is no UTF-8 text"))
    }

    /// A JSON object, if it is there.
    pub fn config(&self, name: &str) -> Result<Option<Config>, Error> {
        let map = self.json::<serde_json::Map<_, _>>(name)?;
        Ok(map.map(|map| Config::new(name, map)))
    }

    /// A JSON file of a known shape, if it is there.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.bytes(name, MAX_JSON)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|error| Error::malformed(name, format!("{error}")))
    }
}
