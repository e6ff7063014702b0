//! Why a model could not be converted, as one sentence for a person: what, why, what to do.

use gguf::SourceError;

/// A model, or an adapter, that cannot be converted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Error {
    /// The host could not read.
    #[error("{file} could not be read: {source}")]
    Read { file: String, source: SourceError },
    /// A file that has to be there.
    #[error("there is no {what} in the folder: {advice}")]
    MissingFile { what: String, advice: &'static str },
    /// A file beyond a limit.
    #[error("{file} has {what} of {need} bytes, more than the {max} that a model needs: {advice}")]
    TooLarge { file: String, what: &'static str, need: u64, max: u64, advice: &'static str },
    /// A file that ends too early.
    #[error(
        "{file} ends too early: {what} needs {need} bytes, the file has {have}; it was probably \
         not downloaded or copied completely, get it again"
    )]
    Truncated { file: String, what: &'static str, need: u64, have: u64 },
    /// A file that is not what its name says.
    #[error("{file} cannot be understood: {reason}")]
    Malformed { file: String, reason: String },
    /// An entry with an impossible value, or none.
    #[error("\"{key}\" in {file} is {got}, {want} is needed")]
    Key { file: String, key: String, got: String, want: &'static str },
    /// No entry in the table.
    #[error("the architecture \"{name}\" cannot be converted, only {supported}")]
    Architecture { name: String, supported: String },
    /// Something the result could not say or this program could not compute.
    #[error("this model has {what}, which cannot be converted: {advice}")]
    Unsupported { what: String, advice: &'static str },
    /// A tensor that is not there.
    #[error("the tensor \"{name}\" is missing: the model is not complete, get all of its files")]
    MissingTensor { name: String },
    /// A tensor without a place.
    #[error(
        "the tensor \"{name}\" has no place in a {architecture} model: without it the result would \
         be another model, so nothing is converted"
    )]
    UnknownTensor { name: String, architecture: &'static str },
    /// The same tensor in two files.
    #[error(
        "the tensor \"{name}\" is in {first} and in {second}: remove the file that is too much"
    )]
    DuplicateTensor { name: String, first: String, second: String },
    /// A tensor of another shape.
    #[error("the tensor \"{name}\" has the shape {got:?}, by config.json it must have {want:?}")]
    Shape { name: String, got: Vec<u64>, want: Vec<u64> },
    /// A tensor of another type.
    #[error("the tensor \"{name}\" has the type {dtype}: {advice}")]
    Type { name: String, dtype: String, advice: &'static str },
    /// A pickle that wants to be more than data.
    #[error(
        "{file} asks for \"{global}\", which is no part of a tensor: a file of weights needs no \
         code, so nothing of it was carried out and it is refused; ask for the model as safetensors"
    )]
    Global { file: String, global: String },
    /// A pickle with an instruction that tensors do not need.
    #[error(
        "{file} has the pickle instruction 0x{opcode:02x} at byte {at}, which no file of weights \
         needs: it is damaged or hostile, ask for the model as safetensors"
    )]
    Opcode { file: String, opcode: u8, at: usize },
    /// An adapter that does not fit its model.
    #[error("the adapter does not fit the model: {reason}")]
    Adapter { reason: String },
    /// A GGUF file that cannot be used.
    #[error(transparent)]
    Gguf(#[from] gguf::Error),
}

impl Error {
    pub(crate) fn malformed(file: &str, reason: impl Into<String>) -> Error {
        Error::Malformed { file: file.to_owned(), reason: reason.into() }
    }

    pub(crate) fn adapter(reason: impl Into<String>) -> Error {
        Error::Adapter { reason: reason.into() }
    }
}

/// Characters of a stranger's text that a message repeats.
const SHOWN: usize = 120;

/// A stranger's text for a message: escaped and shortened.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    short.escape_debug().to_string()
}
