//! The encoder: attention in both directions, norms behind each residual sum, and no head. Its
//! result is the last layer's rows, which are pooled into one vector per text. Architectures of
//! this shape say in their own files how they differ.
//!
//! Layers share one layer of the cache. What is in it is read by the same job that wrote it, since
//! a text is one job.

use kernels::{Activation, EncoderEmbed, Mask, Op, RopeStyle};

use crate::Error;
use crate::builder::Builder;

/// What differs.
pub(crate) struct Encoder {
    /// How heads are turned by their position; without it, positions have rows of their own.
    pub rope: Option<RopeStyle>,
    /// The nonlinearity of the feed-forward block.
    pub act: Activation,
    /// Whether it is that of a gate.
    pub gated: bool,
}

/// Appends the whole encoder.
pub(crate) fn build(b: &mut Builder<'_>, encoder: Encoder) -> Result<(), Error> {
    if b.keys().is_causal()? == Some(true) {
        return Err(Error::Unsupported { what: "an encoder with causal attention".into() });
    }
    let rope = match encoder.rope {
        Some(style) => Some(b.rope(style, b.hyper.rope_theta, true)?),
        None => None,
    };
    let (heads, dim) = (b.heads(), b.hyper.dim);
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    let positions = match encoder.rope {
        Some(_) => None,
        None => Some(b.matrix("position_embd.weight", b.hyper.n_ctx_train, dim)?),
    };
    let types = b.token_types()?;
    let norm = b.layer_norm("token_embd_norm", dim)?;
    b.embed_encoded(EncoderEmbed { positions, types, norm })?;
    for i in 0..b.hyper.n_layers {
        let kv = b.kv_layer(Mask::Full);
        b.qkv(i, None)?;
        b.push(Op::RopeKv { kv, heads, q_norm: None, k_norm: None, rope });
        b.push(Op::Attention { kv, heads, scale, mask: Mask::Full });
        let after = Some(b.layer_norm(&format!("blk.{i}.attn_output_norm"), dim)?);
        b.output(i, None, after)?;
        b.up(i, None, encoder.gated, encoder.act)?;
        let after = Some(b.layer_norm(&format!("blk.{i}.layer_output_norm"), dim)?);
        b.down(i, None, after)?;
    }
    Ok(())
}
