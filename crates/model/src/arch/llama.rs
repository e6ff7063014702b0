//! `llama`: Llama 1 to 3, Mistral, SmolLM and the many models of their shape.
//!
//! Source: Touvron et al. 2023 (arXiv:2302.13971). Files permute the rows of Q and K, so that rope
//! turns neighboring elements. Llama 3.1 adds `rope_freqs.weight`.

use kernels::RopeStyle;

use super::dense::{self, Dense};
use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    if let Some(n) = b.keys().optional("expert_count", 0, u32::MAX)?.filter(|&n| n > 0) {
        return Err(Error::Unsupported { what: format!("a mixture of {n} experts") });
    }
    let window = b.hyper.sliding_window;
    dense::build(b, Dense { rope: RopeStyle::Interleaved, window, ..Dense::PLAIN })
}
