//! What is read from the header of a model's file, and kept: a few words, not its vocabulary.

use chat::KEY_TEMPLATE;
use gguf::{ByteSource, Gguf, Metadata, Value};
use store::{BlobIo, Clock, Error, Layer, ModelConfig, Store};


/// The facts of a header that listings and prompts need.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Family, size and quantization, in the words of a manifest's config.
    pub config: ModelConfig,
    /// Tokens the model was trained for.
    pub context_length: Option<u64>,
    /// Width of its rows.
    pub embedding_length: Option<u64>,
    /// The file's own template, in Jinja.
    pub template: Option<String>,
    /// It makes vectors and no text.
    pub is_embedder: bool,
}

impl Facts {
    /// The facts of an open file.
    pub fn of(gguf: &Gguf) -> Facts {
        let metadata = &gguf.metadata;
        let architecture = metadata.str("general.architecture").ok().flatten().unwrap_or_default();
        let number = |key: &str| metadata.u64(&format!("{architecture}.{key}")).ok().flatten();
        // 0 is llama.cpp's word for "no pooling", which a model of text may say too.
        let pools = number("pooling_type").is_some_and(|kind| kind != 0);
        Facts {
            config: ModelConfig::of_gguf(gguf),
            context_length: number("context_length"),
            embedding_length: number("embedding_length"),
            template: metadata.str(KEY_TEMPLATE).ok().flatten().map(str::to_owned),
            is_embedder: pools || architecture.contains("bert"),
        }
    }
}

/// Opens the file (or the files of a split model) that these layers are.
///
/// # Errors
/// [`Error::BlobMissing`], [`Error::Gguf`].
pub async fn open(
    store: &Store<impl BlobIo, impl Clock>,
    what: &str,
    layers: impl Iterator<Item = &Layer>,
) -> Result<Gguf, Error> {
    open_by(store, what, layers, Gguf::open_split).await
}

/// Opens the same for its [`Facts`], which need no vocabulary: a list of a hundred models would
/// take seconds with them.
///
/// # Errors
/// As [`open`].
pub async fn outline(
    store: &Store<impl BlobIo, impl Clock>,
    what: &str,
    layers: impl Iterator<Item = &Layer>,
) -> Result<Gguf, Error> {
    open_by(store, what, layers, Gguf::open_outline).await
}

async fn open_by(
    store: &Store<impl BlobIo, impl Clock>,
    what: &str,
    layers: impl Iterator<Item = &Layer>,
    open: impl FnOnce(Vec<Box<dyn ByteSource>>) -> Result<Gguf, gguf::Error>,
) -> Result<Gguf, Error> {
    let mut files: Vec<Box<dyn ByteSource>> = Vec::new();
    for layer in layers {
        files.push(Box::new(store.open_blob(&layer.digest).await?));
    }
    open(files).map_err(|error| Error::Gguf { what: what.to_owned(), reason: error.to_string() })
}

/// Keys that Ollama shows elsewhere and not among the metadata.
const SHOWN_ELSEWHERE: [&str; 2] = ["general.name", KEY_TEMPLATE];

/// Metadata as JSON, with the number of parameters; arrays are null unless `verbose`.
pub fn info(gguf: &Gguf, verbose: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut info = as_json(&gguf.metadata, verbose);
    let sum = |sum: u64, tensor: &gguf::TensorInfo| sum.saturating_add(tensor.n_elements());
    let n_parameters = gguf.tensors.iter().fold(0, sum);
    info.insert("general.parameter_count".into(), n_parameters.into());
    info
}

fn as_json(metadata: &Metadata, verbose: bool) -> serde_json::Map<String, serde_json::Value> {
    let pairs = metadata.iter().filter(|(key, _)| !SHOWN_ELSEWHERE.contains(key));
    pairs.map(|(key, value)| (key.to_owned(), value_json(value, verbose))).collect()
}

fn value_json(value: &Value, verbose: bool) -> serde_json::Value {
    match value {
        Value::U8(v) => (*v).into(),
        Value::I8(v) => (*v).into(),
        Value::U16(v) => (*v).into(),
        Value::I16(v) => (*v).into(),
        Value::U32(v) => (*v).into(),
        Value::I32(v) => (*v).into(),
        Value::U64(v) => (*v).into(),
        Value::I64(v) => (*v).into(),
        // JSON has no infinite numbers; they become null.
        Value::F32(v) => (*v).into(),
        Value::F64(v) => (*v).into(),
        Value::Bool(v) => (*v).into(),
        Value::String(v) => v.as_str().into(),
        Value::Bytes(v) => String::from_utf8_lossy(v).into(),
        Value::Array(_) if !verbose => serde_json::Value::Null,
        Value::Array(array) => array_json(array),
    }
}

fn array_json(array: &gguf::Array) -> serde_json::Value {
    use gguf::Array;
    match array {
        Array::U8(v) => v.as_slice().into(),
        Array::I8(v) => v.as_slice().into(),
        Array::U16(v) => v.as_slice().into(),
        Array::I16(v) => v.as_slice().into(),
        Array::U32(v) => v.as_slice().into(),
        Array::I32(v) => v.as_slice().into(),
        Array::U64(v) => v.as_slice().into(),
        Array::I64(v) => v.as_slice().into(),
        Array::F32(v) => v.as_slice().into(),
        Array::F64(v) => v.as_slice().into(),
        Array::Bool(v) => v.as_slice().into(),
        Array::String(v) => v.as_slice().into(),
        Array::Bytes(v) => v.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect(),
    }
}
