//! How good a model is: perplexity, the divergence of two models, importance matrices.
//!
//! All of it reads a text in windows with an engine's session ([`text`], [`read`]) and differs in
//! what becomes of each row of logits. Methods and numbers are those of llama.cpp's tools of the
//! same names, so that they can be compared with published ones; what a number means is said where
//! it is computed.
//!
//! Must never know: files, JSON, devices.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod error;
mod estimate;
mod importance;
mod kl;
mod read;
mod softmax;
mod text;
pub mod validate;

pub use error::Error;
pub use estimate::{Estimate, Value};
pub use importance::{
    Collected, LayerStatistics, Settings as ImportanceSettings, TensorStatistics, collect,
    layers as layer_statistics, statistics as importance_statistics,
};
pub use kl::{Base, BaseWriter, Divergence, Percentiles, SHARES, base_bytes, compare, write_base};
pub use read::{Watch, perplexity};
pub use text::{Cut, Windows};
pub use validate::validate;
