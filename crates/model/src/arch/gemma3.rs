//! `gemma3`: Gemma 3 (text). Scaled embedding, norms around every block, Q/K norms, and five
//! local layers (sliding window, their own rope base) for each global one.
//!
//! Source: Gemma Team 2025 (arXiv:2503.19786). Gains in files already contain the paper's `1 +`.

use kernels::{Activation, Mask, Op, RopeStyle};

use crate::Error;
use crate::builder::Builder;

/// Every sixth layer is global.
const PATTERN: usize = 6;
/// Rope base of local layers.
const LOCAL_ROPE_THETA: f32 = 10_000.0;
/// The 27B model alone scales queries by the width per head, not by `head_dim`; it is recognized
/// by its number of layers, as its files carry no key for it.
const N_LAYERS_27B: usize = 62;

pub(crate) fn build(b: &mut Builder<'_>) -> Result<(), Error> {
    let softcap = b.keys().number("final_logit_softcapping")?;
    if softcap.is_some_and(|cap| cap != 0.0) {
        return Err(Error::Unsupported { what: "soft-capped logits".into() });
    }
    let (heads, dim) = (b.heads(), b.hyper.dim);
    let global = b.rope(RopeStyle::Halves, b.hyper.rope_theta, true)?;
    let local_theta = b.keys().rope_theta("rope.freq_base_swa", LOCAL_ROPE_THETA)?;
    let local = b.rope(RopeStyle::Halves, local_theta, false)?;
    let pattern = b.keys().optional("attention.sliding_window_pattern", 1, 1024)?;
    let pattern = pattern.unwrap_or(PATTERN);
    let per_head = match b.hyper.n_layers {
        N_LAYERS_27B => dim / heads.n_heads,
        _ => heads.head_dim,
    };
    let scale = 1.0 / (per_head as f32).sqrt();
    let embedding = b.embed((dim as f32).sqrt())?;
    for i in 0..b.hyper.n_layers {
        let is_local = b.hyper.sliding_window.is_some() && (i + 1) % pattern != 0;
        let (rope, window) = match is_local {
            true => (local, b.hyper.sliding_window),
            false => (global, None),
        };
        let mask = Mask::Causal { window };
        let kv = b.kv_layer(mask);
        let norm = b.norm(&format!("blk.{i}.attn_norm.weight"), dim)?;
        b.qkv(i, Some(norm))?;
        let q_norm = Some(b.norm(&format!("blk.{i}.attn_q_norm.weight"), heads.head_dim)?);
        let k_norm = Some(b.norm(&format!("blk.{i}.attn_k_norm.weight"), heads.head_dim)?);
        b.push(Op::RopeKv { kv, heads, q_norm, k_norm, rope: Some(rope) });
        b.push(Op::Attention { kv, heads, scale, mask });
        let post = Some(b.norm(&format!("blk.{i}.post_attention_norm.weight"), dim)?);
        b.output(i, post, None)?;
        let post = Some(b.norm(&format!("blk.{i}.post_ffw_norm.weight"), dim)?);
        b.feed_forward(i, Activation::GeluTanh, post)?;
    }
    b.head(embedding)
}
