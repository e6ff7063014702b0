//! The decoder that most models are: per layer norm, Q K V, rope, attention, output, and a gated
//! feed-forward with its norm and SiLU. Architectures of this shape say in their own files how they
//! differ.

use kernels::{Activation, Mask, Op, RopeStyle};

use crate::Error;
use crate::builder::Builder;

/// What differs.
pub(crate) struct Dense {
    /// Which elements of a head rope turns together.
    pub rope: RopeStyle,
    /// Whether each head of Q and K is normed before rope.
    pub head_norms: bool,
    /// Positions a query sees; all if none.
    pub window: Option<usize>,
    /// Whether the feed-forward block's gate and up are one tensor.
    pub is_fused: bool,
}

impl Dense {
    /// What most files have.
    pub const PLAIN: Dense =
        Dense { rope: RopeStyle::Halves, head_norms: false, window: None, is_fused: false };
}

/// Appends the whole decoder.
pub(crate) fn build(b: &mut Builder<'_>, dense: Dense) -> Result<(), Error> {
    let rope = b.rope(dense.rope, b.hyper.rope_theta, true)?;
    let heads = b.heads();
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    // Some embedding models are decoders that were trained on to look both ways.
    let mask = match b.keys().is_causal()? {
        Some(false) => Mask::Full,
        _ => Mask::Causal { window: dense.window },
    };
    let embedding = b.embed(1.0)?;
    for i in 0..b.hyper.n_layers {
        let kv = b.kv_layer(mask);
        let norm = b.norm(&format!("blk.{i}.attn_norm.weight"), b.hyper.dim)?;
        b.qkv(i, Some(norm))?;
        let mut norm = |which: &str| match dense.head_norms {
            true => b.norm(&format!("blk.{i}.attn_{which}_norm.weight"), heads.head_dim).map(Some),
            false => Ok(None),
        };
        let (q_norm, k_norm) = (norm("q")?, norm("k")?);
        b.push(Op::RopeKv { kv, heads, q_norm, k_norm, rope: Some(rope) });
        b.push(Op::Attention { kv, heads, scale, mask });
        b.output(i, None, None)?;
        match dense.is_fused {
            true => b.fused_feed_forward(i, Activation::Silu)?,
            false => b.feed_forward(i, Activation::Silu, None)?,
        }
    }
    b.head(embedding)
}
