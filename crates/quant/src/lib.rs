//! What the bytes of a block mean.

pub mod types;

pub use types::TensorType;
