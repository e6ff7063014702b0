//! What the router asks of the program around it.
//!
//! Three small traits: a [`Library`] of stored models, a [`Backend`] that loads them into
//! [`Runner`]s, and an [`Env`] with time and chance. They speak in plain values and know nothing of
//! HTTP; the router knows nothing of files, devices and networks. Without `Send`, and with futures
//! that are cancelled by dropping them: the host runs everything on one thread.

mod backend;
mod env;
mod library;
mod output;
mod runner;

pub use backend::{Backend, LoadError, LoadSpec, Memory};
pub use env::Env;
pub use library::{
    BlobPut, Capability, Library, LibraryError, Model, ModelDetails, ProgressStream,
};
pub use output::{Output, OutputParser, PassThrough, ToolCallOutput};
pub use runner::{
    EmbedRequest, Embeddings, Event, EventStream, Format, GenerateRequest, ParserRequest,
    RenderRequest, Rendered, RunError, Runner, RunnerInfo, Summary,
};

/// The parts of a host, so that one type parameter stands for them all.
pub trait Host: 'static {
    /// Stored models.
    type Library: Library;
    /// Loaded models.
    type Backend: Backend;
    /// Time and chance.
    type Env: Env;
}
