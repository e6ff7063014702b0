//! LoRA adapters: `W + scale · B · A` for some of a model's matrices.
//!
//! An adapter is small, so it is held in memory as float32, in the model's order of rows, whatever
//! form it came in. Merging happens where rows are read ([`Merged`]): no second copy of a model
//! lies on a disk, and an adapter in the store stays the layer that other programs know.

mod gguf_form;
mod merge;
mod peft;

pub use merge::{Merged, Precision};

/// More numbers than any adapter has (rank 256 on all matrices of a model of 70 billion).
const MAX_ELEMENTS: u64 = 1 << 31;

/// An adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// `general.architecture` of its model.
    pub(crate) architecture: String,
    /// Numerator of the scale; the denominator is each pair's rank. 0: the scale is 1.
    pub(crate) alpha: f32,
    pub(crate) pairs: Vec<Pair>,
}

/// What is added to one matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The matrix, "blk.0.attn_q.weight".
    pub tensor: String,
    pub rank: usize,
    pub n_in: usize,
    pub n_out: usize,
    /// `[rank, n_in]`, row by row.
    pub a: Vec<f32>,
    /// `[n_out, rank]`, row by row.
    pub b: Vec<f32>,
}

impl Adapter {
    /// The factor of `B · A` for one pair.
    pub(crate) fn scale(&self, pair: &Pair) -> f32 {
        if self.alpha == 0.0 { 1.0 } else { self.alpha / pair.rank as f32 }
    }

    /// How many matrices it changes.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True if it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}
