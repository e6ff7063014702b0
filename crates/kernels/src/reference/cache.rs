//! The reference cache: f32 rows that went through the rounding of the chosen storage type.
//!
//! Keeping the rounded value instead of the stored bytes makes the player's attention the same for
//! all types; only memory differs, and here memory does not matter.

use half::f16;

use crate::job::RowAt;
use crate::plan::Plan;
use crate::player::{KvType, PlayerConfig};

pub struct Cache {
    kv: KvType,
    n_slots: usize,
    n_ctx: usize,
    /// Per cache layer: `[n_slots, n_ctx, n_kv_heads · head_dim]`.
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl Cache {
    pub fn new(plan: &Plan, config: &PlayerConfig) -> Self {
        let width = plan.dims.n_kv_heads * plan.dims.head_dim;
        let layers = || vec![vec![0.0; config.n_slots * config.n_ctx * width]; plan.n_kv_layers];
        let (n_slots, n_ctx) = (config.n_slots, config.n_ctx);
        Cache { kv: plan.kv_type(config.kv), n_slots, n_ctx, keys: layers(), values: layers() }
    }

    pub fn n_bytes(&self) -> usize {
        self.keys.iter().chain(&self.values).map(|layer| 4 * layer.len()).sum()
    }

    pub fn write(&mut self, layer: usize, at: RowAt, k: &[f32], v: &[f32]) {
        let row = at.slot * self.n_ctx + at.pos;
        let range = row * k.len()..(row + 1) * k.len();
        round(self.kv, k, &mut self.keys[layer][range.clone()]);
        round(self.kv, v, &mut self.values[layer][range]);
    }

    /// Keys and values of one layer of a slot, as many in each row.
    pub fn layer(&self, layer: usize, slot: usize) -> (&[f32], &[f32]) {
        let (keys, values) = (&self.keys[layer], &self.values[layer]);
        let n = keys.len() / self.n_slots;
        (&keys[slot * n..(slot + 1) * n], &values[slot * n..(slot + 1) * n])
    }
}

/// Stores and loads: what a value becomes in a cache of this type.
pub fn round(kv: KvType, x: &[f32], out: &mut [f32]) {
    match kv {
        KvType::F32 => out.copy_from_slice(x),
        KvType::F16 => {
            for (o, &v) in out.iter_mut().zip(x) {
                *o = f16::from_f32(v).to_f32();
            }
        }
        KvType::Q8_0 => {
            for (o, block) in out.chunks_mut(32).zip(x.chunks(32)) {
                let amax = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let d = amax / 127.0;
                let inverse = if d > 0.0 { 1.0 / d } else { 0.0 };
                let stored = f16::from_f32(d).to_f32();
                for (o, v) in o.iter_mut().zip(block) {
                    *o = (v * inverse).round() * stored;
                }
            }
        }
    }
}
