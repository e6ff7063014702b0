//! What files of encoders (BERT and its kin) have otherwise than those of decoders.

use gguf::{Metadata, Value};
use quant::TensorType;

use crate::models::{Shape, Spec, Tensor};
use crate::vocab::Vocabulary;

/// Architectures of encoders.
pub const ARCHITECTURES: [&str; 2] = ["bert", "nomic-bert"];

/// Whether it is one of them.
#[must_use]
pub fn is_encoder(architecture: &str) -> bool {
    ARCHITECTURES.contains(&architecture)
}

/// A small encoder in F32: about 150 KiB.
#[must_use]
pub fn tiny(architecture: &'static str) -> Spec {
    let shape = Shape {
        dim: 64,
        ffn_dim: 96,
        n_layers: 2,
        n_heads: 4,
        n_kv_heads: 4,
        head_dim: 16,
        // More than a chunk of a decoder has on any player.
        n_ctx: 300,
    };
    Spec {
        shape,
        vocabulary: Vocabulary::WordPiece,
        template: None,
        pooling: Some(1),
        ..Spec::tiny(architecture)
    }
}

/// A decoder that embeds texts, with the row of their last token.
#[must_use]
pub fn decoder() -> Spec {
    Spec { pooling: Some(3), template: None, ..Spec::tiny("qwen3") }
}

/// One of every kind: both architectures, every form a published file comes in.
#[must_use]
pub fn catalog() -> Vec<(String, Spec)> {
    let mut out = Vec::new();
    for architecture in ARCHITECTURES {
        for ty in [TensorType::F32, TensorType::F16, TensorType::Q8_0, TensorType::Q4_K] {
            out.push((format!("{architecture} {ty}"), Spec::quantized(architecture, ty)));
        }
    }
    out.push(("qwen3 embedding".to_owned(), decoder()));
    out
}

/// Adds the keys of an encoder; the sizes are there already.
pub(crate) fn metadata(spec: &Spec, metadata: &mut Metadata) {
    let mut put = |key: &str, value: Value| {
        metadata.insert(format!("{}.{key}", spec.architecture), value);
    };
    put("attention.layer_norm_epsilon", Value::F32(1e-12));
    put("attention.causal", Value::Bool(false));
    if spec.architecture == "nomic-bert" {
        put("rope.freq_base", Value::F32(1000.0));
    }
    metadata.insert("tokenizer.ggml.token_type_count", 2u32);
}

/// The tensors in file order.
pub(crate) fn tensors(spec: &Spec) -> Vec<Tensor> {
    let shape = &spec.shape;
    let (dim, ffn) = (shape.dim as u64, shape.ffn_dim as u64);
    let has_biases = spec.architecture == "bert";
    let mut out = vec![
        ("token_embd.weight".to_owned(), spec.ty, vec![dim, spec.vocabulary.len() as u64]),
        ("token_types.weight".to_owned(), TensorType::F32, vec![dim, 2]),
        ("token_embd_norm.weight".to_owned(), TensorType::F32, vec![dim]),
        ("token_embd_norm.bias".to_owned(), TensorType::F32, vec![dim]),
    ];
    if has_biases {
        let dims = vec![dim, shape.n_ctx as u64];
        out.push(("position_embd.weight".to_owned(), TensorType::F32, dims));
    }
    for layer in 0..shape.n_layers {
        let mut matrix = |name: &str, cols: u64, rows: u64| {
            out.push((format!("blk.{layer}.{name}.weight"), spec.ty, vec![cols, rows]));
            if has_biases {
                let bias = format!("blk.{layer}.{name}.bias");
                out.push((bias, TensorType::F32, vec![rows]));
            }
        };
        if has_biases {
            for name in ["attn_q", "attn_k", "attn_v"] {
                matrix(name, dim, dim);
            }
        } else {
            matrix("attn_qkv", dim, 3 * dim);
            matrix("ffn_gate", dim, ffn);
        }
        matrix("attn_output", dim, dim);
        matrix("ffn_up", dim, ffn);
        matrix("ffn_down", ffn, dim);
        for name in ["attn_output_norm", "layer_output_norm"] {
            for part in ["weight", "bias"] {
                let name = format!("blk.{layer}.{name}.{part}");
                out.push((name, TensorType::F32, vec![dim]));
            }
        }
    }
    out
}
