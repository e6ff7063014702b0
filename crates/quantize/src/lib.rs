//! A model in, a smaller model out: which type each tensor gets, and the rows on their way.

#![deny(missing_docs)]

mod source;

pub use source::{GgufSource, Source, SourceError, Tensor};
