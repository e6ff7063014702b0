//! The ops that work by heads: rotation, cache, attention.

use std::ops::Range;

use kernels::{Heads, Mask, Norm, RopeId, RopeStyle, RowAt};

use crate::attention::{Attention, UNIT_ROWS, Unit};
use crate::ops::Walk;

impl Walk<'_> {
    /// Norms and rotates queries and keys; keys and values go into the cache.
    pub fn rope_kv(
        &self,
        kv: usize,
        heads: &Heads,
        q_norm: &Option<Norm>,
        k_norm: &Option<Norm>,
        rope: Option<RopeId>,
    ) {
        let (m, b) = (self.m, &self.m.buffers);
        let Heads { n_heads, n_kv_heads, head_dim } = *heads;
        let per_row = n_heads + n_kv_heads;
        for item in self.team.share(self.pass.n_rows * per_row) {
            let (row, head) = (item / per_row, item % per_row);
            let (buffer, norm, head, width) = if head < n_heads {
                (&b.q, q_norm, head, n_heads * head_dim)
            } else {
                (&b.k, k_norm, head - n_heads, n_kv_heads * head_dim)
            };
            let range = row * width + head * head_dim..row * width + (head + 1) * head_dim;
            // SAFETY: heads are this thread's; rotations and values are not written here.
            unsafe {
                let x = buffer.slice_mut(range.clone());
                if let Some(norm) = norm {
                    let normed = self.own.acts.normed.slice_mut(0..head_dim);
                    self.norm_row(norm, x, normed);
                    x.copy_from_slice(normed);
                }
                if let Some(rope) = rope {
                    let table = &m.plan.ropes[rope.0];
                    let at = (rope.0 * m.max_rows + row) * m.max_pairs * 2;
                    rotate(x, b.rotations.slice(at..at + 2 * table.n_pairs()), table.style);
                }
                if std::ptr::eq(buffer, &raw const b.k) {
                    let kv = &m.kv[kv];
                    let pos = kv.position(self.pass.place.row(row));
                    kv.write(head, pos, x, b.v.slice(range));
                }
            }
        }
    }

    pub fn attention(&self, kv: usize, heads: &Heads, scale: f32, mask: Mask) {
        let (m, b) = (self.m, &self.m.buffers);
        let kv = &m.kv[kv];
        let attention = Attention { kv, scale, mask, n_rows: self.pass.n_rows, q: &b.q, out: &b.a };
        let group = heads.n_heads / heads.n_kv_heads;
        let run = |unit: Unit| {
            // SAFETY: queries and cache are complete since the last barrier; units are disjoint.
            unsafe { attention.run(m.isa, &unit, &self.own.attention) };
        };
        let unit = |kv_head: usize, heads: Range<usize>, tokens: Range<usize>| {
            let at = self.pass.place.row(tokens.start);
            let base = kv.position(RowAt { pos: 0, ..at });
            run(Unit { kv_head, heads, tokens, pos: at.pos, base });
        };
        if self.pass.is_by_row() {
            // By query heads: there may be fewer key heads than threads.
            for row in 0..self.pass.n_rows {
                let share = self.team.share(heads.n_heads);
                let mut head = share.start;
                while head < share.end {
                    let kv_head = head / group;
                    let end = share.end.min((kv_head + 1) * group).min(head + UNIT_ROWS);
                    unit(kv_head, head..end, row..row + 1);
                    head = end;
                }
            }
            return;
        }
        let n_tokens = (UNIT_ROWS / group).max(1);
        let n_tiles = self.pass.n_rows.div_ceil(n_tokens);
        // Later tiles see more keys: dealing them out in turn balances the threads.
        for item in (self.team.thread..n_tiles * heads.n_kv_heads).step_by(self.team.n_threads) {
            let (tile, kv_head) = (item / heads.n_kv_heads, item % heads.n_kv_heads);
            let tokens = tile * n_tokens..((tile + 1) * n_tokens).min(self.pass.n_rows);
            let mut head = kv_head * group;
            while head < (kv_head + 1) * group {
                let end = (head + UNIT_ROWS).min((kv_head + 1) * group);
                unit(kv_head, head..end, tokens.clone());
                head = end;
            }
        }
    }
}

/// Rotates the pairs of one head by `(cos, sin)` each.
fn rotate(x: &mut [f32], cos_sin: &[f32], style: RopeStyle) {
    let n_pairs = cos_sin.len() / 2;
    let turn = |a: f32, b: f32, cs: &[f32]| (a * cs[0] - b * cs[1], a * cs[1] + b * cs[0]);
    match style {
        RopeStyle::Interleaved => {
            for (pair, cs) in x.chunks_exact_mut(2).zip(cos_sin.chunks_exact(2)) {
                (pair[0], pair[1]) = turn(pair[0], pair[1], cs);
            }
        }
        RopeStyle::Halves => {
            let (first, second) = x.split_at_mut(n_pairs);
            for ((a, b), cs) in first.iter_mut().zip(second).zip(cos_sin.chunks_exact(2)) {
                (*a, *b) = turn(*a, *b, cs);
            }
        }
    }
}
