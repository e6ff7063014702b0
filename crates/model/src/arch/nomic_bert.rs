//! `nomic-bert`: Nomic Embed. BERT with rope instead of rows of positions, a SiLU gate, Q, K and V
//! in one tensor, and no biases.
//!
//! Source: Nussbaum et al. 2024 (arXiv:2402.01613).

use kernels::{Activation, RopeStyle};

use super::encoder::{self, Encoder};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    let rope = Some(RopeStyle::Halves);
    encoder::build(b, Encoder { rope, act: Activation::Silu, gated: true })
}
