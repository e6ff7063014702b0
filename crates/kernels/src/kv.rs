//! Rows of the cache as bytes, for a host that keeps what a prompt cost to read.
//!
//! Players lay their cache out as their kernels like it. What leaves them is in one order, so that
//! rows written by one player can be taken by another of the same shape:
//!
//! ```text
//! [cache layer][keys, values][position][kv head][KvType::row_bytes(head_dim)]
//! ```
//!
//! Numbers are little-endian; a head of a Q8_0 cache is whole blocks of GGUF's Q8_0 (an f16 scale,
//! 32 signed codes), the last one filled up with zeros. These are the stored bytes and no decoded
//! values: a row that is taken back is the same row.

use std::ops::Range;

use crate::check::Bounds;
use crate::plan::{Heads, Op, Plan};
use crate::player::{KvType, PlayerError};

/// What the rows of a cache look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// How they are stored.
    pub kv: KvType,
    /// Heads of each cache layer.
    pub layers: Vec<Heads>,
}

impl KvShape {
    /// The shape of the cache that a player asked for `kv` has; `None` for a Plan of which nothing
    /// is kept for a later job.
    pub fn of(plan: &Plan, kv: KvType) -> Option<KvShape> {
        if !plan.is_causal() {
            return None;
        }
        let mut layers = vec![None; plan.n_kv_layers];
        for op in &plan.ops {
            if let Op::RopeKv { kv, heads, .. } = op
                && let Some(layer) = layers.get_mut(*kv)
            {
                *layer = Some(*heads);
            }
        }
        let layers = layers.into_iter().collect::<Option<Vec<_>>>()?;
        Some(KvShape { kv: plan.kv_type(kv), layers })
    }

    /// Bytes of one head of one position.
    pub fn head_bytes(&self, heads: &Heads) -> usize {
        self.kv.row_bytes(heads.head_dim)
    }

    /// Bytes of the keys (or values) of one layer for one position.
    pub fn row_bytes(&self, heads: &Heads) -> usize {
        heads.n_kv_heads.saturating_mul(self.head_bytes(heads))
    }

    /// Bytes of one position, all layers together.
    pub fn position_bytes(&self) -> usize {
        let rows = self.layers.iter().map(|heads| self.row_bytes(heads).saturating_mul(2));
        rows.fold(0, usize::saturating_add)
    }

    /// Cuts the bytes of `n` positions into the keys and the values of each layer.
    pub fn parts(&self, n: usize) -> impl Iterator<Item = KvPart> + '_ {
        let mut start = 0;
        self.layers.iter().enumerate().flat_map(move |(layer, heads)| {
            let row_bytes = self.row_bytes(heads);
            [true, false].map(|is_keys| {
                let bytes = start..start + n * row_bytes;
                start = bytes.end;
                KvPart { layer, heads: *heads, is_keys, bytes }
            })
        })
    }
}

/// Keys or values of one layer among the bytes of some positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvPart {
    /// Cache layer.
    pub layer: usize,
    /// Its heads.
    pub heads: Heads,
    /// Keys, or else values.
    pub is_keys: bool,
    /// Where its rows lie.
    pub bytes: Range<usize>,
}

/// Positions of one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvSpan {
    /// Which sequence.
    pub slot: usize,
    /// Which of its positions.
    pub positions: Range<usize>,
}

impl Bounds<'_> {
    /// Refuses positions there are none of. `n_bytes`: what is to be written there.
    ///
    /// # Errors
    /// [`PlayerError::Slot`], [`PlayerError::Context`], and [`PlayerError::Rows`] for no position,
    /// [`PlayerError::Unsupported`] for rows of another cache.
    pub fn check_span(
        &self,
        shape: &KvShape,
        span: &KvSpan,
        n_bytes: Option<usize>,
    ) -> Result<(), PlayerError> {
        let KvSpan { slot, positions } = span;
        let (n_slots, n_ctx) = (self.config.n_slots, self.config.n_ctx);
        if *slot >= n_slots {
            return Err(PlayerError::Slot { slot: *slot, n_slots });
        }
        if positions.is_empty() {
            return Err(PlayerError::Rows { n_rows: 0, max_rows: n_ctx });
        }
        if positions.end > n_ctx {
            return Err(PlayerError::Context { pos: positions.end - 1, n_ctx });
        }
        let need = positions.len() * shape.position_bytes();
        match n_bytes.filter(|n_bytes| *n_bytes != need) {
            None => Ok(()),
            Some(have) => Err(PlayerError::Unsupported {
                device: self.device.into(),
                what: format!("cache rows of {need} bytes for its positions and not of {have}"),
            }),
        }
    }
}
