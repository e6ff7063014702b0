//! The facts of a model as a page gives them.

use kernels::KvType;
use serde::Deserialize;
use store::fit;

/// `ModelFacts` of the package.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelFacts {
    bytes: u64,
    n_params: u64,
    n_layers: u64,
    n_kv_heads: u64,
    head_dim: u64,
    dim: u64,
    ffn_dim: u64,
    n_vocab: u64,
    context_length: u64,
}

impl From<ModelFacts> for fit::Facts {
    fn from(given: ModelFacts) -> fit::Facts {
        fit::Facts {
            bytes: given.bytes,
            n_params: given.n_params,
            n_layers: given.n_layers,
            n_kv_heads: given.n_kv_heads,
            head_dim: given.head_dim,
            dim: given.dim,
            ffn_dim: given.ffn_dim,
            n_vocab: given.n_vocab,
            context_length: given.context_length,
        }
    }
}

/// Bytes that 32 values of a cache take: plain ones, or a block with its scale.
pub fn cache_block(kv: KvType) -> u64 {
    match kv {
        KvType::F32 => 128,
        KvType::F16 => 64,
        KvType::Q8_0 => 34,
    }
}
