//! `qwen2`: Qwen 2 and 2.5. Llama with biases on Q, K and V and rope on the halves of a head.
//!
//! Source: Yang et al. 2024 (arXiv:2407.10671).

use super::dense::{self, Dense};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    dense::build(b, Dense::PLAIN)
}
