//! Walks the Plan on all threads: each op, its share of the work, a barrier.
//!
//! Between two barriers every thread writes only its own rows, strips or heads; that is what makes
//! the unsafe slices of [`Buffer`](crate::memory::Buffer) sound. Who computes a number never
//! changes its value: a row of a product is summed by one thread, in one order.

use kernels::{EncoderEmbed, Op, Place};

use crate::machine::{Machine, ThreadScratch};
use crate::pack::Matrix;
use crate::pool::Team;
use crate::sink::Then;

/// Which logits a pass computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    None,
    /// Not logits but the rows behind the head's norm, in `x`.
    Normed,
    Last,
    All,
}

/// One pass over the Plan. `x` holds the rows already if `ids` is empty.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    pub ids: &'a [u32],
    pub n_rows: usize,
    pub place: Place<'a>,
    pub logits: Logits,
}

impl Pass<'_> {
    /// Every row is computed as if it were alone. Rows of different sequences are, and so is a
    /// single row; which arithmetic a row meets so follows from what it is, and its bits do not
    /// depend on how many sequences share its pass.
    pub fn is_by_row(&self) -> bool {
        self.n_rows == 1 || matches!(self.place, Place::Each(_))
    }
}

/// A thread's view of a pass.
pub struct Walk<'a> {
    pub m: &'a Machine,
    pub team: &'a Team<'a>,
    pub own: &'a ThreadScratch,
    pub pass: &'a Pass<'a>,
}

/// Runs the whole pass on one thread of the team.
pub fn run(machine: &Machine, team: &Team<'_>, pass: &Pass<'_>) {
    let own = &machine.buffers.threads[team.thread];
    let walk = Walk { m: machine, team, own, pass };
    walk.rotations();
    for (i, op) in machine.plan.ops.iter().enumerate() {
        walk.show(i, op);
        let start = machine.profile.mark(team);
        walk.op(op);
        team.barrier();
        machine.profile.add(i, pass.n_rows, start);
    }
}

impl<'a> Walk<'a> {
    fn op(&self, op: &Op) {
        let m: &'a Machine = self.m;
        let b = &m.buffers;
        match op {
            Op::Embed { table, scale, encoder } => {
                self.embed(m.matrix(*table), *scale, encoder.as_ref());
            }
            Op::Qkv { norm, q, k, v } => {
                let ready = self.prepare(&b.x, norm.as_ref(), &[q, k, v], 0..self.pass.n_rows);
                for (linear, out) in [(q, &b.q), (k, &b.k), (v, &b.v)] {
                    self.product(linear, &ready, out, Then::Store);
                }
            }
            Op::RopeKv { kv, heads, q_norm, k_norm, rope } => {
                self.rope_kv(*kv, heads, q_norm, k_norm, *rope);
            }
            Op::Attention { kv, heads, scale, mask } => {
                self.attention(*kv, heads, *scale, *mask);
            }
            Op::Output { w, post, after } => self.residual(w, post, after, &b.a),
            Op::GateUp { norm, gate: Some(gate), up, act } => self.gate_up(norm, gate, up, *act),
            Op::GateUp { norm, gate: None, up, act } => {
                let ready = self.prepare(&b.x, norm.as_ref(), &[up], 0..self.pass.n_rows);
                self.product(up, &ready, &b.h, Then::Activate(*act));
            }
            Op::Down { w, post, after } => self.residual(w, post, after, &b.h),
            Op::Head { norm, w } => {
                let rows = match self.pass.logits {
                    Logits::None => return,
                    Logits::Normed => return self.norm_in_place(norm),
                    Logits::Last => self.pass.n_rows - 1..self.pass.n_rows,
                    Logits::All => 0..self.pass.n_rows,
                };
                let ready = self.prepare(&b.x, Some(norm), &[w], rows);
                self.product(w, &ready, &b.logits, Then::Store);
            }
        }
    }

    /// Cosines and sines of every row, for every table. Ends without a barrier: the first op's
    /// barrier comes before the first use.
    fn rotations(&self) {
        let n = self.m.max_pairs * 2;
        for row in self.team.share(self.pass.n_rows) {
            for (i, rope) in self.m.plan.ropes.iter().enumerate() {
                let at = (i * self.m.max_rows + row) * n;
                // SAFETY: this thread's rows.
                let out =
                    unsafe { self.m.buffers.rotations.slice_mut(at..at + 2 * rope.n_pairs()) };
                rope.cos_sin(self.pass.place.row(row).pos, out);
            }
        }
    }

    fn embed(&self, table: &Matrix, scale: f32, encoder: Option<&EncoderEmbed>) {
        let dim = table.n_cols;
        for row in self.team.share(self.pass.n_rows) {
            let Some(&id) = self.pass.ids.get(row) else {
                continue;
            };
            // SAFETY: this thread's rows; weights are not written any more; ids were checked.
            unsafe {
                let x = self.m.buffers.x.slice_mut(row * dim..(row + 1) * dim);
                table.read_row(id as usize, x);
                if scale != 1.0 {
                    x.iter_mut().for_each(|v| *v *= scale);
                }
                if let Some(encoder) = encoder {
                    self.encode(encoder, row, x);
                }
            }
        }
    }

    /// What an encoder makes of a token's row.
    fn encode(&self, encoder: &EncoderEmbed, row: usize, x: &mut [f32]) {
        let m = self.m;
        let pos = self.pass.place.row(row).pos;
        let rows = [encoder.positions.map(|id| (id, pos)), encoder.types.map(|id| (id, 0))];
        // SAFETY: the scratch row is this thread's.
        let other = unsafe { self.own.acts.normed.slice_mut(0..x.len()) };
        for (id, at) in rows.into_iter().flatten() {
            // SAFETY: weights are not written any more; the context has no more positions.
            unsafe { m.matrix(id).read_row(at, other) };
            x.iter_mut().zip(other.iter()).for_each(|(x, v)| *x += v);
        }
        self.norm_row(&encoder.norm, x, other);
        x.copy_from_slice(other);
    }
}
