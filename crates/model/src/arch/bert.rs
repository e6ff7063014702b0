//! `bert`: BERT and the embedding models made of it (MiniLM, BGE, E5, Arctic, mxbai).
//!
//! Source: Devlin et al. 2018 (arXiv:1810.04805). The nonlinearity is the tanh form of GELU, as in
//! llama.cpp, whose files these are; the models were trained with the exact one, which differs from
//! it by at most 5e-4.

use kernels::Activation;

use super::encoder::{self, Encoder};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    encoder::build(b, Encoder { rope: None, act: Activation::GeluTanh, gated: false })
}
