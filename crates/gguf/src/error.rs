//! Why a file was refused, as one sentence for a person: what, why, what to do.
//!
//! One enum for the whole crate, with fields and not strings, so that a host can match on the kind
//! and a test can name the exact reason. Text that comes out of the file is escaped before it is
//! shown: a key may hold a terminal's control codes.

use quant::TensorType;

use crate::limits::Limit;
use crate::source::SourceError;

/// A GGUF file that cannot be used, or a question about it that has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source failed, at this offset.
    #[error("the file could not be read at offset {offset}: {source}")]
    #[allow(missing_docs, reason = "the text above says it")]
    Io { offset: u64, source: SourceError },

    /// The header needs more bytes than the file has.
    #[error(
        "the file ends too early: {what} at offset {offset} needs {need} bytes, the file has \
         {have} left; it was probably not downloaded or copied completely, get it again"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Truncated { what: &'static str, offset: u64, need: u64, have: u64 },

    /// The first four bytes are not `GGUF`; `hint` says what they are, where that is known.
    #[error("not a GGUF file: it starts with \"{}\"; {hint}", .found.escape_ascii())]
    #[allow(missing_docs, reason = "the text above says it")]
    BadMagic { found: [u8; 4], hint: &'static str },

    /// A version this reader does not know; `hint` says what to do.
    #[error("GGUF version {version} at offset 4 cannot be read, only 2 and 3: {hint}")]
    #[allow(missing_docs, reason = "the text above says it")]
    Version { version: u32, hint: &'static str },

    /// Written on and for a big-endian machine.
    #[error(
        "the file is big-endian (version bytes of GGUF {version} are swapped at offset 4), only \
         little-endian files can be read: convert it with gguf-py's gguf-convert-endian"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    BigEndian { version: u32 },

    /// A count or length above a named limit.
    #[error(
        "the file declares {need} {limit} at offset {offset}, more than the {max} allowed: it is \
         damaged or not a language model"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Limit { limit: Limit, need: u64, max: u64, offset: u64 },

    /// A metadata key of length 0.
    #[error("the metadata key at offset {offset} is empty: the file is damaged, get it again")]
    #[allow(missing_docs, reason = "the text above says it")]
    EmptyKey { offset: u64 },

    /// A metadata key with control characters.
    #[error("the metadata key \"{}\" at offset {offset} has control characters: the file is \
             damaged or hostile", .key.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    BadKey { key: String, offset: u64 },

    /// Bytes that must be text and are not UTF-8.
    #[error("{what} at offset {offset} is not UTF-8 text: the file is damaged, get it again")]
    #[allow(missing_docs, reason = "the text above says it")]
    Utf8 { what: &'static str, offset: u64 },

    /// The same key twice.
    #[error("the metadata key \"{}\" appears again at offset {offset}: the file contradicts \
             itself, convert the model again", .key.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    DuplicateKey { key: String, offset: u64 },

    /// A value type id outside the specification.
    #[error(
        "unknown metadata value type {id} at offset {offset}: the file is damaged or newer \
             than this program"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    ValueType { id: u32, offset: u64 },

    /// A boolean that is neither 0 nor 1.
    #[error("a boolean at offset {offset} is {value}, not 0 or 1: the file is damaged")]
    #[allow(missing_docs, reason = "the text above says it")]
    BadBool { value: u8, offset: u64 },

    /// An array of arrays.
    #[error("an array of arrays at offset {offset}: no model needs one, it is refused")]
    #[allow(missing_docs, reason = "the text above says it")]
    NestedArray { offset: u64 },

    /// `general.alignment` is no power of two or too large.
    #[error(
        "general.alignment is {value}, it must be a power of two from 1 to {max}: convert the \
             model again"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Alignment { value: u64, max: u64 },

    /// A key the model needs is not there.
    #[error(
        "the metadata key \"{key}\" is missing: this model cannot be used without it, convert \
             it again with a current converter"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    MissingKey { key: String },

    /// A key with another type than the one it must have.
    #[error("the metadata key \"{key}\" is {got}, {want} is needed: convert the model again")]
    #[allow(missing_docs, reason = "the text above says it")]
    KeyType { key: String, want: &'static str, got: String },

    /// A key whose number does not fit.
    #[error("the metadata key \"{key}\" is {value}, {want} is needed: convert the model again")]
    #[allow(missing_docs, reason = "the text above says it")]
    KeyRange { key: String, want: &'static str, value: i128 },

    /// A tensor name that is empty or has control characters.
    #[error("the tensor name \"{}\" at offset {offset} is empty or has control characters: the \
             file is damaged or hostile", .name.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    BadName { name: String, offset: u64 },

    /// The same tensor twice (in one file or over the files of a split model).
    #[error("the tensor \"{}\" appears twice, the second time at offset {offset}: the file \
             contradicts itself", .name.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    DuplicateTensor { name: String, offset: u64 },

    /// More dimensions than ggml has.
    #[error(
        "the tensor \"{tensor}\" declares {n_dims} dimensions at offset {offset}, at most \
             {max} are possible: the file is damaged"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Dims { tensor: String, n_dims: u32, max: u32, offset: u64 },

    /// A size that no file can have.
    #[error(
        "the {what} of tensor \"{tensor}\" (described at offset {offset}) is larger than any \
             file can be: the file is damaged or hostile"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Overflow { tensor: String, what: &'static str, offset: u64 },

    /// A tensor type id ggml does not have (any more).
    #[error(
        "the tensor \"{tensor}\" has the unknown type {id} at offset {offset}: the file is \
             damaged, or quantized in a way newer than this program"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    TensorType { tensor: String, id: u32, offset: u64 },

    /// Rows that are not whole blocks.
    #[error("the tensor \"{tensor}\" (described at offset {offset}) has rows of {ne0} elements, \
             which are no whole {ty} blocks of {}: the file is damaged", .ty.block_len())]
    #[allow(missing_docs, reason = "the text above says it")]
    BlockSize { tensor: String, ty: TensorType, ne0: u64, offset: u64 },

    /// A tensor that does not lie where the sizes before it end.
    #[error(
        "the data of tensor \"{tensor}\" (described at offset {offset}) is said to lie at \
             {found}, it must lie at {want}: overlapping, unordered or missing data is refused"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    Offset { tensor: String, found: u64, want: u64, offset: u64 },

    /// Tensor data past the end of the file.
    #[error(
        "the data of tensor \"{tensor}\" ends at byte {end}, the file has {len}: it was \
             probably not downloaded or copied completely, get it again"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    OutOfFile { tensor: String, end: u64, len: u64 },

    /// A read outside a tensor.
    #[error("{n} bytes at {start} of tensor \"{tensor}\" were asked for, it has {n_bytes}")]
    #[allow(missing_docs, reason = "the text above says it")]
    TensorRange { tensor: String, start: u64, n: u64, n_bytes: u64 },

    /// Files that do not make up one split model.
    #[error("the parts of this split model do not fit together: {reason}")]
    #[allow(missing_docs, reason = "the text above says it")]
    Split { reason: String },

    /// An error in one file of a split model.
    #[error("in file {} of the split model: {error}", .index.saturating_add(1))]
    #[allow(missing_docs, reason = "the text above says it")]
    Shard { index: usize, error: Box<Error> },
}

macro_rules! kinds {
    ($($variant:ident),*) => {
        /// The variant's name, "Truncated"; that of the inner error for [`Error::Shard`].
        pub fn kind(&self) -> &'static str {
            match self {
                Error::Shard { error, .. } => error.kind(),
                $(Error::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

impl Error {
    kinds!(
        Io,
        Truncated,
        BadMagic,
        Version,
        BigEndian,
        Limit,
        EmptyKey,
        BadKey,
        Utf8,
        DuplicateKey,
        ValueType,
        BadBool,
        NestedArray,
        Alignment,
        MissingKey,
        KeyType,
        KeyRange,
        BadName,
        DuplicateTensor,
        Dims,
        Overflow,
        TensorType,
        BlockSize,
        Offset,
        OutOfFile,
        TensorRange,
        Split
    );
}
