//! `qwen2`: Qwen 2 and 2.5. Llama with biases on Q, K and V and rope on the halves of a head.
//!
//! Source: Yang et al. 2024 (arXiv:2407.10671).

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
        b.push(Op::RopeKv { kv, heads, q_norm: None, k_norm: None, rope });
        b.push(Op::Attention { kv, heads, scale, window: None });
        b.output(i, None)?;
        b.feed_forward(i, Activation::Silu, None)?;
    }
    b.head(embedding)
}
