//! Sizes of a model by its configuration, checked so that their products fit.

use super::{Dim, Keys};
use crate::config::Config;
use crate::error::Error;

/// More layers than any model has.
const MAX_LAYERS: u32 = 1024;
/// More heads than any model has.
const MAX_HEADS: u32 = 4096;
/// Wider than any model.
const MAX_WIDTH: u32 = 1 << 20;

/// Sizes of a model; 0 where a default is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub n_layers: u32,
    pub dim: u32,
    pub ffn_dim: u32,
    pub n_heads: u32,
    pub n_kv_heads: u32,
    pub head_dim: u32,
    pub n_ctx: u32,
    /// Rows of the embedding; from its tensor.
    pub n_vocab: u64,
}

impl Sizes {
    /// No defaults.
    pub const NONE: Sizes = Sizes {
        n_layers: 0,
        dim: 0,
        ffn_dim: 0,
        n_heads: 0,
        n_kv_heads: 0,
        head_dim: 0,
        n_ctx: 0,
        n_vocab: 0,
    };

    /// As the configuration says, or its library assumes.
    pub fn read(config: &Config, defaults: &Sizes, n_vocab: u64) -> Result<Sizes, Error> {
        let read = |key: &str, default: u32, max: u32| -> Result<u32, Error> {
            let found = match config.count_if(key)? {
                None if default > 0 => default,
                None => config.count(key)?,
                Some(found) => found,
            };
            match found > max {
                true => Err(config.error(key, found.to_string(), "a size that a model can have")),
                false => Ok(found),
            }
        };
        let n_heads = read("num_attention_heads", defaults.n_heads, MAX_HEADS)?;
        let n_kv = if defaults.n_kv_heads > 0 { defaults.n_kv_heads } else { n_heads };
        let n_kv_heads = read("num_key_value_heads", n_kv, MAX_HEADS)?;
        let dim = read("hidden_size", defaults.dim, MAX_WIDTH)?;
        let per_head = dim / n_heads;
        let head_dim = if defaults.head_dim > 0 { defaults.head_dim } else { per_head };
        Ok(Sizes {
            n_layers: read("num_hidden_layers", defaults.n_layers, MAX_LAYERS)?,
            dim,
            ffn_dim: read("intermediate_size", defaults.ffn_dim, MAX_WIDTH)?,
            n_heads,
            n_kv_heads,
            head_dim: read("head_dim", head_dim, MAX_WIDTH)?,
            n_ctx: read("max_position_embeddings", defaults.n_ctx, u32::MAX)?,
            n_vocab,
        })
    }

    /// A size by its word; `None` for any.
    pub fn of(&self, dim: Dim) -> Option<u64> {
        let heads = |n: u32| u64::from(n) * u64::from(self.head_dim);
        Some(match dim {
            Dim::Vocab => self.n_vocab,
            Dim::Model => self.dim.into(),
            Dim::Ffn => self.ffn_dim.into(),
            Dim::TwoFfn => 2 * u64::from(self.ffn_dim),
            Dim::Q => heads(self.n_heads),
            Dim::Kv => heads(self.n_kv_heads),
            Dim::Qkv => heads(self.n_heads) + 2 * heads(self.n_kv_heads),
            Dim::Head => self.head_dim.into(),
            Dim::Context => self.n_ctx.into(),
            Dim::Any => return None,
        })
    }

    /// The keys that every architecture has.
    pub fn write(&self, keys: &mut Keys<'_>) {
        keys.set("context_length", self.n_ctx);
        keys.set("embedding_length", self.dim);
        keys.set("block_count", self.n_layers);
        keys.set("feed_forward_length", self.ffn_dim);
        keys.set("attention.head_count", self.n_heads);
        keys.set("attention.head_count_kv", self.n_kv_heads);
    }

    /// The keys that decoders have.
    pub fn write_decoder(&self, config: &Config, keys: &mut Keys<'_>) -> Result<(), Error> {
        let eps = config.number_if("rms_norm_eps")?.unwrap_or(DEFAULT_EPS);
        keys.set("attention.layer_norm_rms_epsilon", eps as f32);
        keys.set("attention.key_length", self.head_dim);
        keys.set("attention.value_length", self.head_dim);
        keys.set("vocab_size", u32::try_from(self.n_vocab).unwrap_or(u32::MAX));
        Ok(())
    }
}

/// What the library assumes.
const DEFAULT_EPS: f64 = 1e-6;
