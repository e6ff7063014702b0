//! Hyper-parameters: the keys every transformer has, read once and checked.
//!
//! Bounds are generous against real models (the largest dense ones have 126 layers and rows of
//! 53 248) and small enough that no product of two of them overflows, so code behind this module
//! multiplies without checks.

use gguf::Metadata;

use crate::Error;

/// More layers than any model has; keeps the Plan small for a hostile file.
const MAX_LAYERS: u32 = 1024;
/// Bound of widths (`dim`, `ffn_dim`): products with a vocabulary stay below 2^48.
const MAX_WIDTH: u32 = 1 << 20;
/// Bound of head counts.
const MAX_HEADS: u32 = 4096;
/// Bound of `head_dim`; the attention kernels hold one head in fast memory.
const MAX_HEAD_DIM: u32 = 512;

/// Sizes and settings of a model, named as in the papers.
#[derive(Clone, Debug, PartialEq)]
pub struct HyperParams {
    /// `general.architecture`, the prefix of the keys.
    pub architecture: String,
    /// Layers.
    pub n_layers: usize,
    /// Width of the residual stream.
    pub dim: usize,
    /// Hidden width of the feed-forward block.
    pub ffn_dim: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key/value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Context the model was trained for, in tokens.
    pub n_ctx_train: usize,
    /// Added to the mean of squares (or the variance) in every norm.
    pub norm_eps: f32,
    /// Base of the rope frequencies.
    pub rope_theta: f64,
    /// Elements of a head that are rotated (the first ones).
    pub n_rot: usize,
    /// Sliding window in tokens, where the architecture uses one.
    pub sliding_window: Option<usize>,
}

impl HyperParams {
    /// Reads and checks the keys below `architecture.`; `eps_key` is that of the norms' epsilon.
    ///
    /// # Errors
    /// A missing key, a key of the wrong type, or [`Error::HyperParam`].
    pub fn read(metadata: &Metadata, architecture: &str, eps_key: &str) -> Result<Self, Error> {
        let keys = Keys { metadata, architecture };
        let n_layers = keys.count("block_count", 1, MAX_LAYERS)?;
        let dim = keys.count("embedding_length", 1, MAX_WIDTH)?;
        let ffn_dim = keys.count("feed_forward_length", 1, MAX_WIDTH)?;
        let n_heads = keys.count("attention.head_count", 1, MAX_HEADS)?;
        let n_kv_heads = keys.kv_heads(n_heads)?;
        let head_dim = keys.head_dim(dim, n_heads)?;
        let n_rot = keys.optional("rope.dimension_count", 2, head_dim as u32)?.unwrap_or(head_dim);
        if !n_rot.is_multiple_of(2) {
            return Err(keys.bad("rope.dimension_count", n_rot, "it must be even"));
        }
        Ok(HyperParams {
            architecture: architecture.to_owned(),
            n_layers,
            dim,
            ffn_dim,
            n_heads,
            n_kv_heads,
            head_dim,
            n_ctx_train: keys.count("context_length", 1, u32::MAX)?,
            norm_eps: keys.norm_eps(eps_key)?,
            rope_theta: keys.rope_theta("rope.freq_base", 10_000.0)?,
            n_rot,
            sliding_window: keys
                .optional("attention.sliding_window", 0, u32::MAX)?
                .filter(|&window| window > 0),
        })
    }
}

/// Checked access to the keys of one architecture.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub metadata: &'a Metadata,
    pub architecture: &'a str,
}

impl Keys<'_> {
    pub fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// A required count within `min..=max`.
    fn count(&self, key: &str, min: u32, max: u32) -> Result<usize, Error> {
        match self.optional(key, min, max)? {
            Some(value) => Ok(value),
            None => Ok(self.metadata.require_u32(&self.name(key)).map(|v| v as usize)?),
        }
    }

    /// An optional count within `min..=max`.
    pub fn optional(&self, key: &str, min: u32, max: u32) -> Result<Option<usize>, Error> {
        let Some(value) = self.metadata.u32(&self.name(key))? else {
            return Ok(None);
        };
        if value < min || value > max {
            return Err(self.bad(key, value, &format!("it must be within {min} and {max}")));
        }
        Ok(Some(value as usize))
    }

    /// An optional number that must be finite.
    pub fn number(&self, key: &str) -> Result<Option<f32>, Error> {
        match self.metadata.f32(&self.name(key))? {
            Some(value) if !value.is_finite() => Err(self.bad(key, value, "it must be finite")),
            value => Ok(value),
        }
    }

    /// A rope base: finite and positive.
    pub fn rope_theta(&self, key: &str, default: f32) -> Result<f64, Error> {
        let value = self.number(key)?.unwrap_or(default);
        if value <= 0.0 {
            return Err(self.bad(key, value, "it must be positive"));
        }
        Ok(f64::from(value))
    }

    pub fn bad(&self, key: &str, value: impl std::fmt::Display, why: &str) -> Error {
        Error::HyperParam { key: self.name(key), value: value.to_string(), why: why.to_owned() }
    }

    /// Whether rows see only those before them, if the file says so.
    pub fn is_causal(&self) -> Result<Option<bool>, Error> {
        Ok(self.metadata.bool(&self.name("attention.causal"))?)
    }

    fn norm_eps(&self, key: &str) -> Result<f32, Error> {
        match self.number(key)? {
            Some(eps) if eps < 0.0 => Err(self.bad(key, eps, "it must not be negative")),
            Some(eps) => Ok(eps),
            None => Ok(self.metadata.require_f32(&self.name(key))?),
        }
    }

    fn kv_heads(&self, n_heads: usize) -> Result<usize, Error> {
        let key = "attention.head_count_kv";
        let n_kv_heads = self.optional(key, 1, MAX_HEADS)?.unwrap_or(n_heads);
        if !n_heads.is_multiple_of(n_kv_heads) {
            let why = format!("it must divide the {n_heads} query heads");
            return Err(self.bad(key, n_kv_heads, &why));
        }
        Ok(n_kv_heads)
    }

    fn head_dim(&self, dim: usize, n_heads: usize) -> Result<usize, Error> {
        let head_dim = match self.optional("attention.key_length", 2, MAX_HEAD_DIM)? {
            Some(head_dim) => head_dim,
            None if !dim.is_multiple_of(n_heads) => {
                let why = format!("it must divide the embedding length {dim}");
                return Err(self.bad("attention.head_count", n_heads, &why));
            }
            None => dim / n_heads,
        };
        let value_length = self.optional("attention.value_length", 2, MAX_HEAD_DIM)?;
        if head_dim > MAX_HEAD_DIM as usize || !head_dim.is_multiple_of(2) {
            let why = format!("it must be even and at most {MAX_HEAD_DIM}");
            return Err(self.bad("attention.key_length", head_dim, &why));
        }
        if value_length.is_some_and(|v| v != head_dim) {
            let what = "values with another head size than keys".to_owned();
            return Err(Error::Unsupported { what });
        }
        Ok(head_dim)
    }
}
