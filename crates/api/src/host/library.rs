//! Stored models, by name.

use futures_util::stream::LocalBoxStream;
use serde_json::{Map, Value};

use crate::http::ChunkStream;
use crate::types::Timestamp;
use crate::types::ollama::{CreateRequest, Details, Message, Progress, Tensor};

/// What a model can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Continues text.
    Completion,
    /// Its template tells it of tools.
    Tools,
    /// Fills in between a prompt and a suffix.
    Insert,
    /// Sees images.
    Vision,
    /// Makes vectors of texts.
    Embedding,
    /// Thinks before it answers.
    Thinking,
}

impl Capability {
    /// Ollama's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Capability::Completion => "completion",
            Capability::Tools => "tools",
            Capability::Insert => "insert",
            Capability::Vision => "vision",
            Capability::Embedding => "embedding",
            Capability::Thinking => "thinking",
        }
    }
}

/// A stored model: what is listed, and what is needed to load and prompt it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The short name with its tag, `llama3.2:1b`.
    pub name: String,
    /// Part of the name before the model: `library` where none was given.
    pub namespace: String,
    /// SHA-256 of the manifest, 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of all layers.
    pub size: u64,
    /// When the name was last written.
    pub modified_at: Timestamp,
    /// What it is.
    pub details: Details,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Tokens that it was trained for.
    pub context_length: Option<u64>,
    /// Width of its rows.
    pub embedding_length: Option<u64>,
    /// Digests of the files of weights, in order: split files have several. Two models with the
    /// same files and adapters share one runner.
    pub files: Vec<String>,
    /// Digests of adapters.
    pub adapters: Vec<String>,
    /// The manifest's template; `None`: the file's own.
    pub template: Option<String>,
    /// The manifest's system prompt.
    pub system: Option<String>,
    /// The manifest's parameters, in the names of [`Options`](crate::types::Options).
    pub params: Map<String, Value>,
    /// Messages that stand before every conversation.
    pub messages: Vec<chat::Message>,
}

/// What `show` adds.
#[derive(Clone, Debug, Default)]
pub struct ModelDetails {
    /// Texts of the licenses.
    pub license: Vec<String>,
    /// The model as a Modelfile.
    pub modelfile: String,
    /// The manifest's messages.
    pub messages: Vec<Message>,
    /// The template that is used, from wherever it comes.
    pub template: String,
    /// Metadata of the file. Arrays are null unless everything was asked for.
    pub model_info: Map<String, Value>,
    /// Metadata of the projector; empty without one.
    pub projector_info: Map<String, Value>,
    /// Tensors, if everything was asked for.
    pub tensors: Vec<Tensor>,
}

/// Why the library could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// There is no model (or no blob) of this name.
    #[error("model '{0}' not found")]
    NotFound(String),
    /// The name breaks the rules for names.
    #[error("invalid model name")]
    InvalidName(String),
    /// The bytes of a blob do not have the digest it was sent under; nothing was kept.
    #[error("digest mismatch, expected {expected:?}, got {got:?}")]
    DigestMismatch {
        /// What the client said.
        expected: String,
        /// What the bytes have.
        got: String,
    },
    /// The request asks for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The body of a blob ended early.
    #[error(transparent)]
    Body(#[from] crate::http::BodyError),
    /// Anything else: network, disk, damaged files. One sentence.
    #[error("{0}")]
    Failed(String),
    /// The same with a name.
    #[error("{message}")]
    Named {
        /// One sentence.
        message: String,
        /// Its name in the page and on the command line.
        code: &'static str,
    },
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPut {
    /// It is stored.
    Created,
    /// It was there before.
    Existed,
}

/// Progress until `success`, or an error as the last item. Dropping it cancels what only it waits
/// for; what is done stays done.
pub type ProgressStream = LocalBoxStream<'static, Result<Progress, LibraryError>>;

/// Stored models. Names are as clients write them; the library knows the rules for names and
/// reports [`LibraryError::InvalidName`]. Digests are checked to be `sha256:` and 64 lower-case
/// hexadecimal digits before they come here.
#[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
pub trait Library: 'static {
    /// All models, in any order. Damaged ones are left out.
    async fn list(&self) -> Result<Vec<Model>, LibraryError>;
    /// One model.
    async fn get(&self, name: &str) -> Result<Model, LibraryError>;
    /// All there is to say about a model.
    async fn details(&self, name: &str, verbose: bool) -> Result<ModelDetails, LibraryError>;
    /// Gives a model a second name.
    async fn copy(&self, source: &str, destination: &str) -> Result<(), LibraryError>;
    /// Takes a name away, and what only it needed.
    async fn delete(&self, name: &str) -> Result<(), LibraryError>;
    /// Whether a blob is stored.
    async fn has_blob(&self, digest: &str) -> Result<bool, LibraryError>;
    /// Stores a blob while it comes. Nothing is visible before its bytes are known to be right.
    /// `size` is what the client says that it will have, so that a disk without room for it is
    /// said at once.
    async fn put_blob(
        &self,
        digest: &str,
        size: Option<u64>,
        bytes: ChunkStream,
    ) -> Result<BlobPut, LibraryError>;
    /// Makes a model of blobs, another model, and texts.
    fn create(&self, request: CreateRequest) -> ProgressStream;
    /// Fetches a model.
    fn pull(&self, request: crate::types::ollama::TransferRequest) -> ProgressStream;
    /// Sends a model away.
    fn push(&self, request: crate::types::ollama::TransferRequest) -> ProgressStream;
}
