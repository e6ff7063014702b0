//! What tokens cost: bytes that must be read and operations that must be done.
//!
//! Worked out from the Plan, not measured: a roofline compares what a device did with what the
//! model needs at least. Weights count as they are in the file, each matrix as often as an op
//! reads it (a tied embedding once, as the head); of the embedding one row. Keys and values count
//! in the cache's own format, for the positions a token may look at. Activations stay in caches
//! and are not counted. An operation is a multiply or an add. Counts are 64 bits wide also where a
//! `usize` is not: a page's chunk of 64 rows has more than 2³² operations.

use std::ops::Add;

use kernels::{KvType, Mask, Op, Plan, WeightId};

/// Bytes and operations of some work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Bytes read from memory, at least.
    pub bytes: f64,
    /// Multiplies and adds.
    pub ops: f64,
}

impl Add for Work {
    type Output = Work;
    fn add(self, other: Work) -> Work {
        Work { bytes: self.bytes + other.bytes, ops: self.ops + other.ops }
    }
}

/// One attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Attention {
    /// Bytes of one position's key and value.
    row_bytes: usize,
    /// Operations per position looked at: a dot product and a weighted sum for each query head.
    row_ops: usize,
    /// Positions looked at, at most.
    window: usize,
}

/// What a model's tokens cost; see the module's header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes of the weights of all layers, and of one row of the embedding.
    layer_bytes: u64,
    /// Bytes of the head's weights.
    head_bytes: u64,
    /// Elements of the layers' matrices.
    layer_params: u64,
    /// Elements of the head's matrix.
    head_params: u64,
    attention: Vec<Attention>,
}

impl Cost {
    /// Of a Plan with a cache of this type.
    pub fn of(plan: &Plan, kv: KvType) -> Cost {
        let mut cost = Cost::default();
        let weight = |id: WeightId| plan.weights.get(id.0);
        for op in &plan.ops {
            if let Op::Embed { table, .. } = op {
                cost.layer_bytes += weight(*table).map_or(0, |w| w.row_bytes() as u64);
                continue;
            }
            let (mut bytes, mut params) = (0, 0);
            op.for_each_weight(|id| {
                bytes += weight(id).map_or(0, |w| w.n_rows as u64 * w.row_bytes() as u64);
            });
            matrices(op, |id| {
                params += weight(id).map_or(0, |w| w.n_rows as u64 * w.n_cols as u64);
            });
            if matches!(op, Op::Head { .. }) {
                cost.head_bytes += bytes;
                cost.head_params += params;
            } else {
                cost.layer_bytes += bytes;
                cost.layer_params += params;
            }
            if let Op::Attention { heads, mask, .. } = op {
                let window = match mask {
                    Mask::Causal { window } => *window,
                    Mask::Full => None,
                };
                cost.attention.push(Attention {
                    row_bytes: 2 * heads.n_kv_heads * kv.row_bytes(heads.head_dim),
                    row_ops: 4 * heads.n_heads * heads.head_dim,
                    window: window.unwrap_or(usize::MAX),
                });
            }
        }
        cost
    }

    /// One token at position `pos` (it sees `pos + 1`), with the head.
    pub fn token(&self, pos: usize) -> Work {
        self.chunk(pos, 1, true)
    }

    /// Bytes of keys and values that a token at position `pos` reads.
    pub fn kv_bytes(&self, pos: usize) -> u64 {
        let seen = |a: &Attention| a.row_bytes as u64 * (pos as u64 + 1).min(a.window as u64);
        self.attention.iter().map(seen).sum()
    }

    /// `n` tokens one by one, the first at position `pos`.
    pub fn tokens(&self, pos: usize, n: usize) -> Work {
        (pos..pos + n).map(|pos| self.token(pos)).fold(Work::default(), Work::add)
    }

    /// `n` tokens of each of `n_slots` sequences, step by step: weights are read once a step, and
    /// what is seen of each.
    pub fn together(&self, n_slots: usize, pos: usize, n: usize) -> Work {
        let more = n_slots.saturating_sub(1) as f64;
        let weights = (self.layer_bytes + self.head_bytes) as f64;
        let step = |pos: usize| {
            let one = self.token(pos);
            Work { bytes: one.bytes + more * (one.bytes - weights), ops: one.ops * (1.0 + more) }
        };
        (pos..pos + n).map(step).fold(Work::default(), Work::add)
    }

    /// A prompt of `n` tokens from position `pos` on, at most `rows` at a time, with the head for
    /// the last token only.
    pub fn prompt(&self, pos: usize, n: usize, rows: usize) -> Work {
        let rows = rows.max(1);
        let starts = (0..n).step_by(rows);
        let chunks = starts.map(|at| self.chunk(pos + at, rows.min(n - at), at + rows >= n));
        chunks.fold(Work::default(), Work::add)
    }

    /// Rows that are computed together: weights are read once for all of them.
    fn chunk(&self, pos: usize, n_rows: usize, head: bool) -> Work {
        let head = u64::from(head);
        let mut bytes = (self.layer_bytes + head * self.head_bytes) as f64;
        let mut ops = 2.0 * (self.layer_params * n_rows as u64 + head * self.head_params) as f64;
        for layer in &self.attention {
            let seen = |row: usize| (pos + row + 1).min(layer.window) as f64;
            // What any row sees, once for all rows.
            let union = (pos + n_rows).min(layer.window.saturating_add(n_rows - 1));
            bytes += layer.row_bytes as f64 * union as f64;
            ops += layer.row_ops as f64 * (0..n_rows).map(seen).sum::<f64>();
        }
        Work { bytes, ops }
    }
}

/// Calls `f` with the matrices of an op's products (not with gains and biases).
fn matrices(op: &Op, mut f: impl FnMut(WeightId)) {
    match op {
        Op::Qkv { q, k, v, .. } => [q, k, v].into_iter().for_each(|linear| f(linear.w)),
        Op::GateUp { gate, up, .. } => gate.iter().chain([up]).for_each(|linear| f(linear.w)),
        Op::Output { w, .. } | Op::Down { w, .. } | Op::Head { w, .. } => f(w.w),
        Op::Embed { .. } | Op::RopeKv { .. } | Op::Attention { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost() -> Cost {
        let global = Attention { row_bytes: 256, row_ops: 1024, window: usize::MAX };
        Cost {
            layer_bytes: 1000,
            head_bytes: 500,
            layer_params: 2000,
            head_params: 1000,
            attention: vec![global, Attention { window: 4, ..global }],
        }
    }

    #[test]
    fn a_token_reads_all_weights_and_what_it_sees() {
        let cost = cost();
        let work = |bytes: u32, ops: u32| Work { bytes: bytes.into(), ops: ops.into() };
        assert_eq!(cost.token(0), work(1500 + 2 * 256, 6000 + 2 * 1024));
        // Position 9 sees 10 rows in one layer and 4 in the other.
        assert_eq!(cost.token(9), work(1500 + 14 * 256, 6000 + 14 * 1024));
        assert_eq!(cost.kv_bytes(9), 14 * 256);
        assert_eq!(cost.tokens(9, 2), work(3000 + 29 * 256, 12000 + 29 * 1024));
        assert_eq!(cost.tokens(9, 0), Work::default());
        assert_eq!(cost.together(1, 9, 2), cost.tokens(9, 2));
        assert_eq!(cost.together(3, 9, 1), work(1500 + 3 * 14 * 256, 3 * (6000 + 14 * 1024)));
    }

    #[test]
    fn a_prompt_reads_weights_once_per_chunk_and_the_head_once() {
        let cost = cost();
        let four = cost.prompt(0, 4, 4);
        // Rows see 1 + 2 + 3 + 4 positions in both layers.
        assert_eq!(four.ops, f64::from(2 * 2000 * 4 + 2 * 1000 + 2 * 10 * 1024));
        assert_eq!(four.bytes, f64::from(1500 + 8 * 256));
        let two = cost.prompt(0, 4, 3);
        assert_eq!(two.ops, four.ops, "cutting changes no operation");
        assert_eq!(two.bytes, f64::from(2 * 1000 + 500 + 2 * (3 + 4) * 256));
        // At depth 8 with a window of 4: the chunk of 2 rows sees 10 and 5 positions.
        let deep = cost.prompt(8, 2, 2);
        assert_eq!(deep.bytes, f64::from(1500 + 15 * 256));
        assert_eq!(deep.ops, f64::from(2 * 2000 * 2 + 2000 + (9 + 10 + 4 + 4) * 1024));
    }
}
