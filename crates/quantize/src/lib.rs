//! A model in, a smaller model out: which type each tensor gets, and the rows on their way.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod error;
mod imatrix;
mod pipeline;
mod recipe;
mod source;
mod verify;

pub use error::Error;
pub use imatrix::{Imatrix, ImatrixSums, InputSums};
pub use pipeline::{Progress, Resources, Written, write};
pub use recipe::{
    Facts, FileType, Options, Plan, Role, Step, UnknownType, metadata_override, tensor_type,
    tensor_type_override,
};
pub use source::{GgufSource, Source, SourceError, Tensor};
pub use verify::verify;
