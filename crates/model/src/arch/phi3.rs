//! `phi3`: Phi 3, Phi 3.5 and Phi 4. Q, K and V are one tensor, gate and up another, and a long
//! context has rope factors of its own.
//!
//! Source: Abdin et al. 2024 (arXiv:2404.14219). The window that some files name is not used:
//! llama.cpp leaves it out too, because converters wrote wrong numbers into many files.

use super::dense::{self, Dense};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    dense::build(b, Dense { is_fused: true, ..Dense::PLAIN })
}
