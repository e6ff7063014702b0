//! `qwen3`: Qwen 3 (dense). Qwen 2 without biases, with a norm on each head of Q and K.
//!
//! Source: Yang et al. 2025 (arXiv:2505.09388).

use super::dense::{self, Dense};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    dense::build(b, Dense { head_norms: true, ..Dense::PLAIN })
}
