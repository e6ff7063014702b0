//! `qwen3`: Qwen 3 (dense). Qwen 2 without biases, with a norm on each head of Q and K.
//!
//! Source: Yang et al. 2025 (arXiv:2505.09388).

use kernels::{Activation, Op, RopeStyle};

use crate::Error;
use crate::builder::Builder;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    let rope = b.rope(RopeStyle::Halves, b.hyper.rope_theta, true)?;
    let heads = b.heads();
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    let embedding = b.embed(1.0)?;
    for i in 0..b.hyper.n_layers {
        let kv = b.kv_layer();
        b.qkv(i)?;
        let q_norm = Some(b.norm(&format!("blk.{i}.attn_q_norm.weight"), heads.head_dim)?);
        let k_norm = Some(b.norm(&format!("blk.{i}.attn_k_norm.weight"), heads.head_dim)?);
        b.push(Op::RopeKv { kv, heads, q_norm, k_norm, rope });
        b.push(Op::Attention { kv, heads, scale, window: None });
        b.output(i, None)?;
        b.feed_forward(i, Activation::Silu, None)?;
    }
    b.head(embedding)
}
