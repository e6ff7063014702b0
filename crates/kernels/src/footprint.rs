//! What a Plan takes in memory, worked out before anything is loaded: weights as they are stored,
//! cache, activations.
//!
//! Players measure what they took when they have it; this is the same sum from the Plan alone, for
//! whoever has to decide where a model goes, or whether it is worth a download.

use crate::plan::{Op, Plan, WeightId};
use crate::player::PlayerConfig;

/// Rows of a chunk of a prompt, which activations are sized for: the larger of both players'. Where
/// texts are read in both directions, a chunk is a text.
const CHUNK_ROWS: u64 = 256;
/// Rows of each width of the residual stream that players keep (input, output, normed, next).
const STREAM_ROWS: u64 = 4;

/// Bytes a model takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// As they are stored.
    pub weights: u64,
    /// Keys and values of all positions of all slots.
    pub cache: u64,
    /// Activations of a chunk, logits, angles.
    pub scratch: u64,
    /// The largest buffer that cannot be cut: keys or values of one layer.
    pub largest: u64,
}

impl Footprint {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.cache).saturating_add(self.scratch)
    }
}

impl Plan {
    /// What this takes with that configuration.
    pub fn footprint(&self, config: &PlayerConfig) -> Footprint {
        let positions = (config.n_ctx as u64).saturating_mul(config.n_slots.max(1) as u64);
        let cache = self.position_bytes(config.kv).saturating_mul(positions);
        let n_buffers = (2 * self.n_kv_layers as u64).max(1);
        Footprint {
            weights: self.weights.iter().map(|w| w.n_bytes() as u64).fold(0, u64::saturating_add),
            cache,
            scratch: scratch(self, config),
            largest: cache.div_ceil(n_buffers),
        }
    }
}

/// Activations: a chunk of rows of every width, logits of every slot, angles of all positions.
fn scratch(plan: &Plan, config: &PlayerConfig) -> u64 {
    let n_rows = |w: WeightId| plan.weights.get(w.0).map_or(0, |w| w.n_rows as u64);
    let (mut qkv, mut h) = (0, 0);
    for op in &plan.ops {
        match op {
            Op::Qkv { q, k, v, .. } => qkv = qkv.max(2 * n_rows(q.w) + n_rows(k.w) + n_rows(v.w)),
            Op::GateUp { up, .. } => h = h.max(n_rows(up.w)),
            _ => {}
        }
    }
    let row = STREAM_ROWS * plan.dims.dim as u64 + qkv + h;
    let n_logits = if plan.gives_logits() { config.n_slots.max(1) as u64 + 1 } else { 0 };
    let angles = plan.ropes.iter().map(|rope| 2 * rope.n_pairs() as u64).sum::<u64>();
    let rows = plan.max_rows(CHUNK_ROWS as usize, config.n_ctx) as u64;
    let floats = rows
        .saturating_mul(row)
        .saturating_add(n_logits.saturating_mul(plan.dims.n_vocab as u64))
        .saturating_add(angles.saturating_mul(config.n_ctx as u64));
    floats.saturating_mul(size_of::<f32>() as u64)
}
