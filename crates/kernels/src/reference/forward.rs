//! One job of the reference player, op by op.

use super::ReferencePlayer;
use crate::job::{Input, Place, Want};
use crate::plan::{Heads, Linear, Norm, Op, WeightId};
use crate::rope::RopeTable;
use crate::twin;

/// Activations of one job; see the table in [`crate::plan`].
#[derive(Default)]
struct Buffers {
    x: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    a: Vec<f32>,
    h: Vec<f32>,
}

impl ReferencePlayer {
    pub(super) fn forward(&mut self, input: Input<'_>, place: Place<'_>, want: Want<'_>) {
        let mut b = Buffers::default();
        if let Input::Hidden(rows) = input {
            b.x = rows.to_vec();
        }
        for op in self.plan.ops.clone() {
            match op {
                Op::Embed { table, scale } => b.x = self.embed(table, scale, input),
                Op::Qkv { norm, q, k, v } => {
                    let x = self.norm(norm, &b.x);
                    (b.q, b.k, b.v) = (self.linear(q, &x), self.linear(k, &x), self.linear(v, &x));
                }
                Op::RopeKv { kv, heads, q_norm, k_norm, rope } => {
                    let table = self.plan.ropes[rope.0].clone();
                    self.rotate(&mut b.q, heads.n_heads, heads, q_norm, &table, place);
                    self.rotate(&mut b.k, heads.n_kv_heads, heads, k_norm, &table, place);
                    let width = heads.n_kv_heads * heads.head_dim;
                    let rows = b.k.chunks(width).zip(b.v.chunks(width));
                    for (i, (k, v)) in rows.enumerate() {
                        self.cache.write(kv, place.row(i), k, v);
                    }
                }
                Op::Attention { kv, heads, scale, window } => {
                    b.a = self.attention(kv, heads, scale, window, &b.q, place);
                }
                Op::Output { w, post } => self.add(w, post, &b.a, &mut b.x),
                Op::GateUp { norm, gate, up, act } => {
                    let x = self.norm(norm, &b.x);
                    b.h = self.linear(gate, &x);
                    for (h, u) in b.h.iter_mut().zip(self.linear(up, &x)) {
                        *h = twin::activate(act, *h) * u;
                    }
                }
                Op::Down { w, post } => self.add(w, post, &b.h, &mut b.x),
                Op::Head { norm, w } => self.head(norm, w, &mut b.x, want),
            }
        }
        self.hidden = b.x;
    }

    fn embed(&self, table: WeightId, scale: f32, input: Input<'_>) -> Vec<f32> {
        let mut x = Vec::new();
        if let Input::Tokens(ids) = input {
            let mut row = Vec::new();
            for &id in ids {
                self.row(table, id as usize, &mut row);
                x.extend(row.iter().map(|v| v * scale));
            }
        }
        x
    }

    /// Norm over consecutive rows as wide as the gain.
    fn norm(&self, norm: Norm, x: &[f32]) -> Vec<f32> {
        let gain = self.vector(norm.gain);
        let mut out = vec![0.0; x.len()];
        for (o, x) in out.chunks_mut(gain.len()).zip(x.chunks(gain.len())) {
            twin::rms_norm(x, &gain, norm.eps, o);
        }
        out
    }

    fn linear(&self, linear: Linear, x: &[f32]) -> Vec<f32> {
        let (n_out, n_in) = {
            let w = &self.plan.weights[linear.w.0];
            (w.n_rows, w.n_cols)
        };
        let mut out = vec![0.0; x.len() / n_in * n_out];
        let mut row = Vec::new();
        for r in 0..n_out {
            self.row(linear.w, r, &mut row);
            for (o, x) in out.chunks_mut(n_out).zip(x.chunks(n_in)) {
                o[r] = twin::dot(&row, x);
            }
        }
        if let Some(bias) = linear.bias {
            let bias = self.vector(bias);
            for o in out.chunks_mut(n_out) {
                o.iter_mut().zip(&bias).for_each(|(o, b)| *o += b);
            }
        }
        out
    }

    fn rotate(
        &self,
        rows: &mut [f32],
        n_heads: usize,
        heads: Heads,
        norm: Option<Norm>,
        table: &RopeTable,
        place: Place<'_>,
    ) {
        if let Some(norm) = norm {
            let normed = self.norm(norm, rows);
            rows.copy_from_slice(&normed);
        }
        let mut cos_sin = vec![0.0; 2 * table.n_pairs()];
        for (i, row) in rows.chunks_mut(n_heads * heads.head_dim).enumerate() {
            table.cos_sin(place.row(i).pos, &mut cos_sin);
            for head in row.chunks_mut(heads.head_dim) {
                twin::rope(head, table.style, &cos_sin);
            }
        }
    }

    fn attention(
        &self,
        kv: usize,
        heads: Heads,
        scale: f32,
        window: Option<usize>,
        q: &[f32],
        place: Place<'_>,
    ) -> Vec<f32> {
        let Heads { n_heads, n_kv_heads, head_dim } = heads;
        let mut a = vec![0.0; q.len()];
        let rows = a.chunks_mut(n_heads * head_dim).zip(q.chunks(n_heads * head_dim));
        for (i, (a, q)) in rows.enumerate() {
            let at = place.row(i);
            let (keys, values) = self.cache.layer(kv, at.slot);
            let end = at.pos + 1;
            let start = window.map_or(0, |w| end.saturating_sub(w));
            for (h, (a, q)) in a.chunks_mut(head_dim).zip(q.chunks(head_dim)).enumerate() {
                let kv_head = h / (n_heads / n_kv_heads);
                let at = |p: usize| (p * n_kv_heads + kv_head) * head_dim;
                let key = |p: usize| &keys[at(p)..at(p) + head_dim];
                let value = |p: usize| &values[at(p)..at(p) + head_dim];
                twin::attend(q, start..end, scale, key, value, a);
            }
        }
        a
    }

    fn add(&self, w: Linear, post: Option<Norm>, input: &[f32], x: &mut [f32]) {
        let mut y = self.linear(w, input);
        if let Some(post) = post {
            y = self.norm(post, &y);
        }
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }

    fn head(&mut self, norm: Norm, w: Linear, x: &mut Vec<f32>, want: Want<'_>) {
        let dim = self.plan.dims.dim;
        let rows = match want {
            Want::Nothing => return,
            Want::Hidden => {
                *x = self.norm(norm, x);
                return;
            }
            Want::AllLogits | Want::Choices(_) => x.as_slice(),
            Want::LastLogits | Want::Tokens { .. } => &x[x.len() - dim..],
        };
        let x = self.norm(norm, rows);
        self.logits = self.linear(w, &x);
    }
}
