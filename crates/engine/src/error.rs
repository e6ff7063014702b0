//! What can go wrong between a file and its text, as sentences for a person.
//!
//! Errors of the layers below pass through unchanged: they already name the tensor, the key or the
//! device. Only what the engine itself knows (which tensor was being read, how long the prompt is)
//! is said here. Hosts map [`Error::code`] to exit codes and to messages in the page, and never
//! match on the text.

use kernels::PlayerError;

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what each one is")]
pub enum Error {
    #[error(transparent)]
    File(#[from] gguf::Error),
    #[error(transparent)]
    Model(#[from] model::Error),
    #[error(transparent)]
    Tokenizer(#[from] tokenizer::Error),
    #[error(transparent)]
    Template(#[from] chat::Error),
    #[error(transparent)]
    Grammar(#[from] chat::structure::Error),
    #[error(transparent)]
    Player(#[from] PlayerError),
    #[error(
        "tensor '{tensor}' could not be read ({source}); the file was changed or removed while it \
         was being loaded, so check that it is still there and load it again"
    )]
    Read { tensor: String, source: gguf::Error },
    #[error("the file has no tensor '{tensor}', which the model needs; fetch the file again")]
    MissingTensor { tensor: String },
    #[error(
        "tensor '{tensor}' holds {have} bytes but its shape needs {need}; fetch the file again"
    )]
    TensorBytes { tensor: String, need: u64, have: u64 },
    #[error(
        "one row of tensor '{tensor}' has {row_bytes} bytes, and at most {limit} can be staged; \
         models this wide are not supported"
    )]
    RowTooLong { tensor: String, row_bytes: u64, limit: u64 },
    #[error("loading was stopped; nothing of the model is kept")]
    LoadCancelled,
    #[error(
        "the prompt has {need} tokens but the context holds {have}, and one must be left for the \
         answer; shorten the prompt or load the model with a larger context"
    )]
    PromptTooLong { need: usize, have: usize },
    #[error(
        "the text has {need} tokens but the context holds {have}; shorten it, let it be truncated, \
         or load the model with a larger context"
    )]
    InputTooLong { need: usize, have: usize },
    #[error(
        "the file's key '{key}' is {value}, and only 0 to 3 (none, mean, first and last token) \
         make a vector of a text; models that rank texts (4) are not supported"
    )]
    PoolingType { key: String, value: u32 },
    #[error(
        "the model reads texts in both directions and writes none; use it for embeddings, and \
         another model to generate text"
    )]
    OnlyEmbeds,
    #[error("all {n_slots} slots of the model are busy; try again when one is done")]
    NoSlot { n_slots: usize },
    #[error("the prompt is empty and the model has no token to begin with; write something")]
    EmptyPrompt,
    #[error("token id {id} is not in the vocabulary, which has {n_vocab} tokens (ids from 0)")]
    Token { id: u32, n_vocab: usize },
    #[error("{name} is {value}, but it must be {expected}")]
    Setting { name: &'static str, value: String, expected: &'static str },
    #[error(
        "the model produced NaN or infinite scores at position {pos}; the file may be damaged, so \
         compare it with its source or fetch it again"
    )]
    NotFinite { pos: usize },
    #[error("{limit} requests are waiting already; try again when some are done")]
    Busy { limit: usize },
}

impl Error {
    /// Stable name of the error for machines; one per thing a person can do about it.
    pub fn code(&self) -> &'static str {
        match self {
            Error::File(gguf::Error::BadMagic { .. }) => "file.type",
            Error::File(_) | Error::MissingTensor { .. } | Error::TensorBytes { .. } => {
                "model.damaged"
            }
            Error::Model(_)
            | Error::Tokenizer(_)
            | Error::RowTooLong { .. }
            | Error::PoolingType { .. } => "model.unsupported",
            Error::Template(_) => "model.template",
            Error::Player(PlayerError::Memory { .. }) => "model.toobig",
            Error::Player(PlayerError::DeviceLost { .. }) => "gpu.lost",
            Error::Player(PlayerError::Context { .. })
            | Error::PromptTooLong { .. }
            | Error::InputTooLong { .. } => "ctx.full",
            Error::Player(_) => "engine.device",
            Error::Read { .. } => "file.gone",
            Error::LoadCancelled => "load.cancelled",
            Error::EmptyPrompt
            | Error::OnlyEmbeds
            | Error::Token { .. }
            | Error::Setting { .. }
            | Error::Grammar(_) => "request.invalid",
            Error::NotFinite { .. } => "model.nan",
            Error::Busy { .. } | Error::NoSlot { .. } => "engine.busy",
        }
    }
}
