//! Checks a Plan's shapes against each other and against what the kernels assume.
//!
//! A Plan is made from a file's metadata, so nothing about it is certain; after this nothing that
//! walks it needs to check again.

use kernels::{Heads, Linear, Mask, Norm, Op, Plan, PlayerError, RopeTable, WeightId};

use crate::machine::unsupported;

/// Checks shapes; gives the head geometry of each cache layer.
pub fn check(plan: &Plan) -> Result<Vec<Heads>, PlayerError> {
    let dim = plan.dims.dim;
    let shapes = Shapes { plan };
    let mut layers: Vec<Option<Heads>> = vec![None; plan.n_kv_layers];
    let mut qkv = (0, 0);
    let mut h_width = 0;
    for op in &plan.ops {
        let mut is_known = true;
        op.for_each_weight(|id| is_known &= id.0 < plan.weights.len());
        if !is_known {
            return Err(unsupported("a weight the plan does not list".into()));
        }
        match op {
            Op::Embed { table, encoder, .. } => {
                shapes.matrix(*table, plan.dims.n_vocab, dim)?;
                if let Some(encoder) = encoder {
                    for id in [encoder.positions, encoder.types].into_iter().flatten() {
                        shapes.matrix(id, plan.weights[id.0].n_rows.max(1), dim)?;
                    }
                    shapes.norm(&Some(encoder.norm), dim)?;
                }
            }
            Op::Qkv { norm, q, k, v } => {
                shapes.norm(norm, dim)?;
                qkv = (plan.weights[q.w.0].n_rows, plan.weights[k.w.0].n_rows);
                shapes.linear(q, qkv.0, dim)?;
                shapes.linear(k, qkv.1, dim)?;
                shapes.linear(v, qkv.1, dim)?;
            }
            Op::RopeKv { kv, heads, q_norm, k_norm, rope } => {
                shapes.heads(heads, qkv, *kv, &mut layers)?;
                shapes.norm(q_norm, heads.head_dim)?;
                shapes.norm(k_norm, heads.head_dim)?;
                if let Some(rope) = rope {
                    let pairs = plan.ropes.get(rope.0).map(RopeTable::n_pairs);
                    if pairs.is_none_or(|n| 2 * n > heads.head_dim) {
                        return Err(unsupported("a rotation wider than its heads".into()));
                    }
                }
            }
            Op::Attention { kv, heads, mask, .. } => {
                shapes.heads(heads, qkv, *kv, &mut layers)?;
                if *mask == (Mask::Causal { window: Some(0) }) {
                    return Err(unsupported("an attention window of 0 tokens".into()));
                }
            }
            Op::Output { w, post, after } => {
                shapes.linear(w, dim, qkv.0)?;
                shapes.norm(post, dim)?;
                shapes.norm(after, dim)?;
            }
            Op::GateUp { norm, gate, up, .. } => {
                shapes.norm(norm, dim)?;
                h_width = plan.weights[up.w.0].n_rows;
                for linear in gate.iter().chain([up]) {
                    shapes.linear(linear, h_width, dim)?;
                }
            }
            Op::Down { w, post, after } => {
                shapes.linear(w, dim, h_width)?;
                shapes.norm(post, dim)?;
                shapes.norm(after, dim)?;
            }
            Op::Head { norm, w } => {
                shapes.norm(&Some(*norm), dim)?;
                shapes.linear(w, plan.dims.n_vocab, dim)?;
            }
        }
    }
    let missing = || unsupported("a cache layer that no attention uses".into());
    layers.into_iter().map(|heads| heads.ok_or_else(missing)).collect()
}

struct Shapes<'a> {
    plan: &'a Plan,
}

impl Shapes<'_> {
    fn matrix(&self, id: WeightId, n_rows: usize, n_cols: usize) -> Result<(), PlayerError> {
        let w = &self.plan.weights[id.0];
        if (w.n_rows, w.n_cols) != (n_rows, n_cols) || !w.n_cols.is_multiple_of(w.ty.block_len()) {
            return Err(unsupported(format!(
                "tensor '{}' as [{n_rows}, {n_cols}], while the file has [{}, {}] of {}",
                w.name, w.n_rows, w.n_cols, w.ty
            )));
        }
        Ok(())
    }

    fn vector(&self, id: WeightId, len: usize) -> Result<(), PlayerError> {
        let w = &self.plan.weights[id.0];
        if w.n_rows * w.n_cols != len || !w.n_cols.is_multiple_of(w.ty.block_len()) {
            let n = w.n_rows * w.n_cols;
            let name = &w.name;
            return Err(unsupported(format!("{len} numbers in '{name}', which has {n}")));
        }
        Ok(())
    }

    fn linear(&self, linear: &Linear, n_rows: usize, n_cols: usize) -> Result<(), PlayerError> {
        self.matrix(linear.w, n_rows, n_cols)?;
        linear.bias.map_or(Ok(()), |id| self.vector(id, n_rows))
    }

    fn norm(&self, norm: &Option<Norm>, n: usize) -> Result<(), PlayerError> {
        let Some(norm) = norm else { return Ok(()) };
        self.vector(norm.gain, n)?;
        norm.bias().map_or(Ok(()), |id| self.vector(id, n))
    }

    fn heads(
        &self,
        heads: &Heads,
        qkv: (usize, usize),
        kv: usize,
        layers: &mut [Option<Heads>],
    ) -> Result<(), PlayerError> {
        let Heads { n_heads, n_kv_heads, head_dim } = *heads;
        let is_grouped = n_kv_heads > 0 && n_heads % n_kv_heads == 0 && head_dim > 0;
        let widths = (n_heads * head_dim, n_kv_heads * head_dim);
        let layer = layers.get_mut(kv);
        let is_same = layer.as_ref().is_some_and(|l| l.is_none_or(|other| other == *heads));
        if !is_grouped || widths != qkv || !is_same {
            return Err(unsupported(format!(
                "{n_heads} query heads over {n_kv_heads} key heads of {head_dim} in cache layer \
                 {kv}, which does not fit its projections"
            )));
        }
        if let Some(layer) = layer {
            *layer = Some(*heads);
        }
        Ok(())
    }
}
