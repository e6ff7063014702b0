//! The reference cache: f32 rows that went through the rounding of the chosen storage type.
//!
//! Keeping the rounded value instead of the stored bytes makes the player's attention the same for
//! all types; only memory differs, and here memory does not matter. The stored bytes can be had
//! again where a host asks for them: a value is a scale times a code, both known from the block.

use std::ops::Range;

use half::f16;

use crate::job::RowAt;
use crate::kv::{KvShape, KvSpan};
use crate::plan::{Heads, Plan};
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

    /// The bytes of `span`, in the order of [`KvShape`].
    pub fn read(&self, shape: &KvShape, span: &KvSpan, out: &mut [u8]) {
        for part in shape.parts(span.positions.len()) {
            let layers = if part.is_keys { &self.keys } else { &self.values };
            let (dim, range) = self.range(&part.heads, span);
            let rows = layers[part.layer][range].chunks(dim);
            let out = out[part.bytes].chunks_mut(shape.head_bytes(&part.heads));
            rows.zip(out).for_each(|(row, out)| pack(self.kv, row, out));
        }
    }

    /// Takes over what [`Cache::read`] gave.
    pub fn take(&mut self, shape: &KvShape, span: &KvSpan, bytes: &[u8]) {
        for part in shape.parts(span.positions.len()) {
            let (dim, range) = self.range(&part.heads, span);
            let layers = if part.is_keys { &mut self.keys } else { &mut self.values };
            let rows = layers[part.layer][range].chunks_mut(dim);
            let bytes = bytes[part.bytes].chunks(shape.head_bytes(&part.heads));
            rows.zip(bytes).for_each(|(row, bytes)| unpack(self.kv, bytes, row));
        }
    }

    /// Elements of a head, and where those of the span lie in a layer.
    fn range(&self, heads: &Heads, span: &KvSpan) -> (usize, Range<usize>) {
        let width = heads.n_kv_heads * heads.head_dim;
        let first = span.slot * self.n_ctx;
        let at = |pos: usize| (first + pos) * width;
        (heads.head_dim, at(span.positions.start)..at(span.positions.end))
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

/// Values that went through [`round`], as their bytes.
fn pack(kv: KvType, row: &[f32], out: &mut [u8]) {
    match kv {
        KvType::F32 => {
            out.chunks_exact_mut(4).zip(row).for_each(|(o, v)| o.copy_from_slice(&v.to_le_bytes()));
        }
        KvType::F16 => {
            for (o, v) in out.chunks_exact_mut(2).zip(row) {
                o.copy_from_slice(&f16::from_f32(*v).to_le_bytes());
            }
        }
        KvType::Q8_0 => {
            for (o, block) in out.chunks_exact_mut(34).zip(row.chunks(32)) {
                // The largest has the code 127, so this division has no remainder.
                let d = block.iter().fold(0.0f32, |m, v| m.max(v.abs())) / 127.0;
                let inverse = if d > 0.0 { 1.0 / d } else { 0.0 };
                let (scale, codes) = o.split_at_mut(2);
                scale.copy_from_slice(&f16::from_f32(d).to_le_bytes());
                codes.fill(0);
                for (code, v) in codes.iter_mut().zip(block) {
                    *code = ((v * inverse).round() as i8).to_le_bytes()[0];
                }
            }
        }
    }
}

fn unpack(kv: KvType, bytes: &[u8], row: &mut [f32]) {
    match kv {
        KvType::F32 => {
            for (v, b) in row.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *v = f32::from_le_bytes(*b);
            }
        }
        KvType::F16 => {
            for (v, b) in row.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *v = f16::from_le_bytes(*b).to_f32();
            }
        }
        KvType::Q8_0 => {
            for (block, bytes) in row.chunks_mut(32).zip(bytes.as_chunks::<34>().0) {
                let d = f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
                for (v, code) in block.iter_mut().zip(&bytes[2..]) {
                    *v = f32::from(i8::from_le_bytes([*code])) * d;
                }
            }
        }
    }
}
