//! What a GGUF file contains: its metadata, its tensor table, and the bytes of each tensor.
//!
//! The reader is written against [`ByteSource`], a positional and synchronous source, because the
//! same code reads a file on disk, an OPFS handle in a worker and bytes in a test; the header is
//! the only thing it ever holds in memory, weights are read by the caller in pieces. A file is
//! input from a stranger: every count, length and extent is checked against a named limit
//! ([`Limits`]) and against the file's real size before anything is allocated or read, and every
//! refusal is an [`Error`] that says where and why. The checks are the same on 32-bit and 64-bit
//! machines: [`Limits`] is a value, not a build setting.
//!
//! Source: the GGUF specification (versions 2 and 3, little-endian), and ggml's rule that tensor
//! offsets are the running padded sum of the sizes before them.

#![deny(missing_docs)]
#![deny(clippy::cast_possible_truncation)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod cursor;
mod error;
mod fields;
mod file;
mod header;
mod layout;
mod limits;
mod metadata;
mod source;
mod split;
mod tensors;
mod value;
mod verdict;
mod writer;

pub use error::Error;
pub use file::{Gguf, TensorReader};
pub use layout::{MAX_EXTENT, align_up, tensor_bytes};
pub use limits::{Limit, Limits};
pub use metadata::Metadata;
pub use source::{ByteSource, SourceError};
pub use split::{SplitName, split_names};
pub use tensors::TensorInfo;
pub use value::{Array, Value, ValueType};
pub use verdict::verdict;
pub use writer::{DataWriter, WriteError, Writer};

/// The four bytes every GGUF file starts with.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Metadata key of the tensor data alignment (u32, a power of two).
pub const KEY_ALIGNMENT: &str = "general.alignment";

/// Alignment of tensor data where the file does not name one.
pub const DEFAULT_ALIGNMENT: u64 = 32;
