//! Models by name: manifests and blobs in Ollama's layout, pull, push, verify, prune, save, load.
//!
//! A store made by Ollama opens here and one made here opens there. The crate is written against
//! three small traits: [`BlobIo`] (files and locks), [`Fetch`] (HTTP) and [`Clock`]; a host brings
//! a file system and an HTTP library, a browser its private storage and `fetch`, and a test brings
//! faults, cuts and a time that jumps. Nothing is `Send`: one thread runs a store's futures, and
//! dropping a future cancels what it does, at any point, without harm.
//!
//! | Promise | How |
//! |---|---|
//! | a name stands for verified, durable bytes | hash, sync, rename, in this order |
//! | a kill loses at most one piece per connection | pieces are recorded with their digests |
//! | nothing that is in use is removed | one lock around naming and removing |
//! | credentials go to one host | realms and redirects are compared with it |
//! | bad input is an error in one sentence | limits in [`limits`], types that cannot be wrong |

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed test should panic"))]

mod archive;
mod blobs;
mod clock;
mod config;
mod digest;
mod error;
mod fetch;
pub mod fit;
#[cfg(feature = "native")]
mod fs;
mod gc;
mod import;
mod io;
pub mod limits;
mod listing;
mod manifest;
pub mod media;
mod memory;
mod name;
mod path;
mod progress;
mod pull;
mod push;
mod registry;
pub mod registry_server;
mod source;
mod store;
mod sum;
mod text;
mod usage;
mod verify;
mod waits;

pub use archive::Sink;
pub use blobs::BlobWriter;
pub use clock::{Clock, ManualClock};
pub use config::{ModelConfig, RootFs, file_type_name, human_number};
pub use digest::Digest;
pub use error::Error;
pub use fetch::{Body, BytesBody, Fetch, FetchError, Headers, Method, Request, Response};
#[cfg(feature = "native")]
pub use fs::{FileBody, FileSink, FsFile, FsIo, FsLock, Placing};
pub use gc::{Ages, Pruned, Removed};
pub use import::ModelFile;
pub use io::{Access, BlobFile, BlobIo, Entry, IoError, IoKind, Stat};
pub use listing::{Committed, Listing, Skipped};
pub use manifest::{Layer, Manifest};
pub use memory::{Fault, Loss, MemoryFile, MemoryIo, MemoryLock};
pub use name::{DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, Name};
pub use path::{PartKey, StorePath};
pub use progress::{Progress, Retry};
pub use pull::{Client, Tuning, Wish, name_of_url};
pub use registry::{Access as RegistryAccess, Credentials, KeySigner, Signed, is_private_address};
pub use source::Source;
pub use store::{Model, Store};
pub use sum::{Hasher, SumHere, Summing};
pub use text::human_bytes;
pub use verify::{BlobReport, Report, Verdict};
