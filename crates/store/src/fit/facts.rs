//! What is known of a model whose header is not here: the numbers of a catalogue, from which the
//! planner's question can be answered without asking anybody. What a header says is exact; this is
//! the same sum with its small parts rounded.

use super::Needs;

/// Rows of a chunk of a prompt, as activations are sized for.
const CHUNK_ROWS: u64 = 256;
/// Rows of the width of the residual stream that are kept, with queries twice as the largest part.
const STREAM_ROWS: u64 = 6;
/// Bytes of a value of an activation.
const VALUE_BYTES: u64 = 4;
/// Values whose size in the cache a caller says: a block of the smallest cache type.
const CACHE_BLOCK: u64 = 32;

/// A model as a catalogue describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the file; what is left of it besides weights is small.
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
    /// What it takes with a context of so many tokens, where 32 values of the cache are
    /// `cache_block` bytes.
    pub fn needs(&self, context: u64, cache_block: u64) -> Needs {
        let kv_dim = self.n_kv_heads.saturating_mul(self.head_dim);
        let values = [2, self.n_layers, kv_dim, context];
        let values = values.into_iter().fold(1, u64::saturating_mul);
        let cache = values.saturating_mul(cache_block) / CACHE_BLOCK;
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

    const LLAMA_3_2_1B: Facts = Facts {
        bytes: 807_694_464,
        n_params: 1_235_814_400,
        n_layers: 16,
        n_kv_heads: 8,
        head_dim: 64,
        dim: 2048,
        ffn_dim: 8192,
        n_vocab: 128_256,
        context_length: 131_072,
    };

    /// 4,096 tokens: 16 layers of 8 heads of 64 values, twice, of two bytes or a bit more than one.
    #[test]
    fn the_cache_is_what_its_parts_are() {
        let f16 = LLAMA_3_2_1B.needs(4096, 64);
        assert_eq!(f16.context, 134_217_728);
        assert_eq!(f16.largest, 4_194_304);
        assert_eq!(LLAMA_3_2_1B.needs(4096, 34).context, 71_303_168);
        assert_eq!(f16.total(), 807_694_464 + f16.context + f16.scratch);
        assert!((10_000_000..40_000_000).contains(&f16.scratch), "{}", f16.scratch);
    }

    #[test]
    fn absurd_numbers_are_only_large() {
        let most = u64::MAX;
        let facts = Facts { n_layers: most, n_vocab: most, bytes: most, ..LLAMA_3_2_1B };
        assert_eq!(facts.needs(most, 64).total(), most);
        assert_eq!(Facts { n_layers: 0, ..LLAMA_3_2_1B }.needs(4096, 64).largest, 0);
    }
}
