//! One job of the reference player, op by op.

use super::ReferencePlayer;
use crate::job::{Input, Place, Want};
use crate::norm::{Norm, NormKind};
use crate::plan::{EncoderEmbed, Heads, Linear, Mask, Op, WeightId};
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
        for (i, op) in self.plan.ops.clone().into_iter().enumerate() {
            self.show_stream(i, &op, &b.x);
            match op {
                Op::Embed { table, scale, encoder } => {
                    b.x = self.embed(table, scale, input);
                    if let Some(encoder) = encoder {
                        b.x = self.encode(encoder, &b.x, place);
                    }
                }
                Op::Qkv { norm, q, k, v } => {
                    let x = self.normed(norm, &b.x);
                    self.show(i, q, &x);
                    (b.q, b.k, b.v) = (self.linear(q, &x), self.linear(k, &x), self.linear(v, &x));
                }
                Op::RopeKv { kv, heads, q_norm, k_norm, rope } => {
                    b.q = self.normed(q_norm, &b.q);
                    b.k = self.normed(k_norm, &b.k);
                    if let Some(rope) = rope {
                        let table = &self.plan.ropes[rope.0];
                        rotate(&mut b.q, heads.n_heads, heads, table, place);
                        rotate(&mut b.k, heads.n_kv_heads, heads, table, place);
                    }
                    let width = heads.n_kv_heads * heads.head_dim;
                    let rows = b.k.chunks(width).zip(b.v.chunks(width));
                    for (i, (k, v)) in rows.enumerate() {
                        self.cache.write(kv, place.row(i), k, v);
                    }
                }
                Op::Attention { kv, heads, scale, mask } => {
                    b.a = self.attention(kv, heads, scale, mask, &b.q, place);
                }
                Op::Output { w, post, after } => {
                    self.show(i, w, &b.a);
                    self.add(w, [post, after], &b.a, &mut b.x);
                }
                Op::GateUp { norm, gate, up, act } => {
                    let x = self.normed(norm, &b.x);
                    self.show(i, up, &x);
                    b.h = self.linear(up, &x);
                    match gate.map(|gate| self.linear(gate, &x)) {
                        None => b.h.iter_mut().for_each(|h| *h = twin::activate(act, *h)),
                        Some(gate) => {
                            for (h, g) in b.h.iter_mut().zip(gate) {
                                *h *= twin::activate(act, g);
                            }
                        }
                    }
                }
                Op::Down { w, post, after } => {
                    self.show(i, w, &b.h);
                    self.add(w, [post, after], &b.h, &mut b.x);
                }
                Op::Head { norm, w } => self.head(i, norm, w, &mut b.x, want),
            }
        }
        self.hidden = b.x;
    }

    /// What `w` is multiplied with, for the tap.
    fn show(&mut self, op: usize, w: Linear, x: &[f32]) {
        if let (Some(tap), Some(w)) = (&mut self.tap, self.plan.weights.get(w.w.0)) {
            tap.inputs(op, x, w.n_cols);
        }
    }

    /// The residual stream before an op that norms it, for the tap.
    fn show_stream(&mut self, i: usize, op: &Op, x: &[f32]) {
        if let (Some(tap), Op::Qkv { .. } | Op::GateUp { .. } | Op::Head { .. }) =
            (&mut self.tap, op)
        {
            tap.stream(i, x);
        }
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

    /// What an encoder makes of the tokens' rows.
    fn encode(&self, encoder: EncoderEmbed, x: &[f32], place: Place<'_>) -> Vec<f32> {
        let mut x = x.to_vec();
        let mut row = Vec::new();
        for (i, x) in x.chunks_mut(self.plan.dims.dim).enumerate() {
            let position = encoder.positions.map(|table| (table, place.row(i).pos));
            for (table, at) in position.into_iter().chain(encoder.types.map(|table| (table, 0))) {
                self.row(table, at, &mut row);
                x.iter_mut().zip(&row).for_each(|(x, v)| *x += v);
            }
        }
        self.norm(encoder.norm, &x)
    }

    fn normed(&self, norm: Option<Norm>, x: &[f32]) -> Vec<f32> {
        norm.map_or_else(|| x.to_vec(), |norm| self.norm(norm, x))
    }

    /// Norm over consecutive rows as wide as the gain.
    fn norm(&self, norm: Norm, x: &[f32]) -> Vec<f32> {
        let gain = self.vector(norm.gain);
        let bias = norm.bias().map_or_else(Vec::new, |id| self.vector(id));
        let mut out = vec![0.0; x.len()];
        for (o, x) in out.chunks_mut(gain.len()).zip(x.chunks(gain.len())) {
            match norm.kind {
                NormKind::Rms => twin::rms_norm(x, &gain, norm.eps, o),
                NormKind::Layer { .. } => twin::layer_norm(x, &gain, &bias, norm.eps, o),
            }
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

    fn attention(
        &self,
        kv: usize,
        heads: Heads,
        scale: f32,
        mask: Mask,
        q: &[f32],
        place: Place<'_>,
    ) -> Vec<f32> {
        let Heads { n_heads, n_kv_heads, head_dim } = heads;
        let mut a = vec![0.0; q.len()];
        let last = place.row((q.len() / (n_heads * head_dim)).saturating_sub(1)).pos;
        let rows = a.chunks_mut(n_heads * head_dim).zip(q.chunks(n_heads * head_dim));
        for (i, (a, q)) in rows.enumerate() {
            let at = place.row(i);
            let (keys, values) = self.cache.layer(kv, at.slot);
            let (start, end) = match mask {
                Mask::Causal { window } => {
                    let end = at.pos + 1;
                    (window.map_or(0, |w| end.saturating_sub(w)), end)
                }
                Mask::Full => (0, last + 1),
            };
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

    /// `x = after(x + post(W·input + b))`
    fn add(&self, w: Linear, [post, after]: [Option<Norm>; 2], input: &[f32], x: &mut Vec<f32>) {
        let y = self.normed(post, &self.linear(w, input));
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        *x = self.normed(after, x);
    }

    fn head(&mut self, op: usize, norm: Norm, w: Linear, x: &mut Vec<f32>, want: Want<'_>) {
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
        self.show(op, w, &x);
        self.logits = self.linear(w, &x);
    }
}

/// Turns the heads of every row by the angle of its place.
fn rotate(rows: &mut [f32], n_heads: usize, heads: Heads, table: &RopeTable, place: Place<'_>) {
    let mut cos_sin = vec![0.0; 2 * table.n_pairs()];
    for (i, row) in rows.chunks_mut(n_heads * heads.head_dim).enumerate() {
        table.cos_sin(place.row(i).pos, &mut cos_sin);
        for head in row.chunks_mut(heads.head_dim) {
            twin::rope(head, table.style, &cos_sin);
        }
    }
}
