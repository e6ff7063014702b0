//! What is known of a model whose header is not here: the numbers of a catalogue, from which the
//! planner's question can be answered without asking anybody. What a header says is exact; this is
//! the same sum with its small parts rounded.

use kernels::KvType;
use serde::Deserialize;
use store::fit::Needs;

/// Rows of a chunk of a prompt, as activations are sized for.
const CHUNK_ROWS: u64 = 256;
/// Rows of the width of the residual stream that are kept, with queries twice as the largest part.
const STREAM_ROWS: u64 = 6;
/// Bytes of a value of an activation.
const VALUE_BYTES: u64 = 4;

/// `ModelFacts` of the package.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Of the file; what is left of it besides weights is small.
    pub bytes: u64,
    /// Weights in all.
    pub n_params: u64,
    /// Layers.
    pub n_layers: u64,
    /// Heads of keys and values, per layer.
    pub n_kv_heads: u64,
    /// Values of a head.
    pub head_dim: u64,
    /// Width of the residual stream.
    pub dim: u64,
    /// Width inside a feed-forward block.
    pub ffn_dim: u64,
    /// Tokens of the vocabulary.
    pub n_vocab: u64,
    /// Tokens it was made for.
    pub context_length: u64,
}

impl Facts {
    /// Bytes with a context of so many tokens.
    pub fn needs(&self, context: u64, kv: KvType) -> Needs {
        let values = self.n_layers.saturating_mul(self.n_kv_heads).saturating_mul(self.head_dim);
        // Of 32 values: plain ones, and a block with its scale.
        let of_32 = match kv {
            KvType::F32 => 128,
            KvType::F16 => 64,
            KvType::Q8_0 => 34,
        };
        let cache = values.saturating_mul(2).saturating_mul(context).saturating_mul(of_32) / 32;
        let kv_dim = self.n_kv_heads.saturating_mul(self.head_dim);
        let row = [STREAM_ROWS.saturating_mul(self.dim), kv_dim, kv_dim, self.ffn_dim];
        let row = row.into_iter().fold(0, u64::saturating_add);
        let floats = CHUNK_ROWS
            .saturating_mul(row)
            .saturating_add(self.n_vocab.saturating_mul(2))
            .saturating_add(self.head_dim.saturating_mul(context));
        Needs {
            weights: self.bytes,
            context: cache,
            scratch: floats.saturating_mul(VALUE_BYTES),
            largest: cache.div_ceil(self.n_layers.saturating_mul(2).max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Llama 3.2 1B with 4,096 tokens: 16 layers of 8 heads of 64 values, twice, of two bytes.
    #[test]
    fn the_cache_is_what_its_parts_are() {
        let facts = Facts {
            bytes: 807_694_464,
            n_params: 1_235_814_432,
            n_layers: 16,
            n_kv_heads: 8,
            head_dim: 64,
            dim: 2048,
            ffn_dim: 8192,
            n_vocab: 128_256,
            context_length: 131_072,
        };
        let f16 = facts.needs(4096, KvType::F16);
        assert_eq!(f16.context, 134_217_728);
        assert_eq!(f16.largest, 4_194_304);
        assert_eq!(facts.needs(4096, KvType::Q8_0).context, 71_303_168);
        assert_eq!(f16.total(), 807_694_464 + f16.context + f16.scratch);
        assert!((10_000_000..40_000_000).contains(&f16.scratch), "{}", f16.scratch);
    }
}
