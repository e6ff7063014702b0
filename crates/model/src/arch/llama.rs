//! `llama`: Llama 1 to 3, Mistral, SmolLM and the many models of their shape.
//!
//! Source: Touvron et al. 2023 (arXiv:2302.13971). Files permute the rows of Q and K, so that rope
//! turns neighboring elements. Llama 3.1 adds `rope_freqs.weight`.

use kernels::{Activation, Op, RopeStyle};

use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    if let Some(n) = b.keys().optional("expert_count", 0, u32::MAX)?.filter(|&n| n > 0) {
        return Err(Error::Unsupported { what: format!("a mixture of {n} experts") });
    }
    let rope = b.rope(RopeStyle::Interleaved, b.hyper.rope_theta, true)?;
    let (heads, window) = (b.heads(), b.hyper.sliding_window);
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    let embedding = b.embed(1.0)?;
    for i in 0..b.hyper.n_layers {
        let kv = b.kv_layer();
        b.qkv(i)?;
        b.push(Op::RopeKv { kv, heads, q_norm: None, k_norm: None, rope });
        b.push(Op::Attention { kv, heads, scale, window });
        b.output(i, None)?;
        b.feed_forward(i, Activation::Silu, None)?;
    }
    b.head(embedding)
}
