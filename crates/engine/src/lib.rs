//! The engine: a file and a player in, text out.
//!
//! [`open()`] understands a file, [`Opened::load`] streams its weights into a player, and the
//! [`Session`] that results turns requests into [`Generation`]s. Hosts that talk to it over a
//! queue (a worker, a server's thread) run the [`actor`] on top; a command line uses the session
//! directly. Everything is `async` only where a device is waited for, and nothing is `Send`: the
//! GPU's types in a browser are not.
//!
//! Must never know: wgpu, JSON, files, the clock (see [`Env`]).

#![deny(missing_docs)]

pub mod actor;
mod answer;
pub mod bench;
mod constraint;
mod conversation;
mod embed;
mod env;
mod error;
mod generate;
pub mod load;
mod open;
mod pace;
mod prompt;
mod request;
mod rounds;
mod sample;
mod score;
mod session;
mod slot;
pub mod snapshot;
mod split;
mod stop;
mod summary;
mod write;

pub use answer::{Piece, Step};
pub use conversation::{Conversation, Turns};
pub use embed::{Embeddings, Pooling};
pub use env::{Env, Pause};
pub use error::Error;
pub use generate::Generation;
pub use open::{DEFAULT_N_CTX, ModelInfo, Opened, open};
pub use prompt::encode_prompt;
pub use request::{MAX_LOGPROBS, MAX_TOKENS_PER_JOB, Prompt, Request, default_sampling};
pub use sample::TokenLogprobs;
pub use session::{Session, guard_of};
pub use split::{Split, SplitLoader};
pub use stop::StopMatcher;
pub use summary::{FinishReason, Summary};
