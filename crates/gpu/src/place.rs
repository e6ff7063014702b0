//! Where each weight lies: which buffer, at which word, cut into which parts.
//!
//! Matrices that one dispatch reads together (Q, K and V; gate and up) share a buffer when they fit
//! the binding limit, so that the dispatch binds one buffer however many matrices it has. A tensor
//! above the limit is cut by rows into several buffers, one dispatch each. Vectors (gains, biases)
//! are tiny and all live in one buffer of floats.

use std::collections::HashMap;

use kernels::shader::layout::{RowLayout, UNIT, WORD_BYTES};
use kernels::{Linear, Op, Plan, PlayerError, WeightId};
use quant::TensorType;

/// Rows `first_row .. first_row + n_rows` of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Index into the weight buffers.
    pub buffer: usize,
    /// Byte offset of its first row in the buffer.
    pub offset: u64,
    pub first_row: usize,
    pub n_rows: usize,
}

/// A matrix on the GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub ty: TensorType,
    pub layout: RowLayout,
    pub n_rows: usize,
    pub n_cols: usize,
    /// In row order, without gaps.
    pub parts: Vec<Part>,
}

/// Where all weights of a Plan go.
#[derive(Debug, Default)]
pub struct Placement {
    pub matrices: HashMap<WeightId, Matrix>,
    /// Float index of each vector.
    pub vectors: HashMap<WeightId, usize>,
    /// Floats of all vectors, padding included.
    pub n_vector_floats: usize,
    /// Bytes of each weight buffer.
    pub buffer_bytes: Vec<u64>,
}

impl Placement {
    /// Places the weights of `plan` with no buffer above `max_bytes`.
    pub fn new(plan: &Plan, max_bytes: u64, device: &str) -> Result<Self, PlayerError> {
        let mut placement = Placement::default();
        for op in &plan.ops {
            placement.place_op(plan, op, max_bytes, device)?;
        }
        Ok(placement)
    }

    fn place_op(
        &mut self,
        plan: &Plan,
        op: &Op,
        max_bytes: u64,
        device: &str,
    ) -> Result<(), PlayerError> {
        let groups: &[Linear] = match op {
            Op::Embed { table, .. } => &[Linear { w: *table, bias: None }],
            Op::Qkv { q, k, v, .. } => &[*q, *k, *v],
            Op::GateUp { gate, up, .. } => &[gate.unwrap_or(*up), *up],
            Op::Output { w, .. } | Op::Down { w, .. } | Op::Head { w, .. } => &[*w],
            Op::RopeKv { .. } | Op::Attention { .. } => &[],
        };
        let matrices: Vec<WeightId> = groups.iter().map(|linear| linear.w).collect();
        op.for_each_weight(|id| {
            if !matrices.contains(&id) && !self.vectors.contains_key(&id) {
                self.vectors.insert(id, self.n_vector_floats);
                self.n_vector_floats += plan.weights[id.0].n_cols.next_multiple_of(UNIT);
            }
        });
        let mut new = Vec::new();
        for id in matrices.into_iter().filter(|id| !self.matrices.contains_key(id)) {
            let weight = &plan.weights[id.0];
            let layout = RowLayout::new(weight.ty, weight.n_cols).ok_or_else(|| {
                PlayerError::TensorType {
                    device: device.into(),
                    tensor: weight.name.clone(),
                    ty: weight.ty.to_string(),
                }
            })?;
            let (ty, n_rows, n_cols) = (weight.ty, weight.n_rows, weight.n_cols);
            new.push((id, Matrix { ty, layout, n_rows, n_cols, parts: Vec::new() }));
        }
        self.place_group(new, max_bytes);
        Ok(())
    }

    fn place_group(&mut self, mut group: Vec<(WeightId, Matrix)>, max_bytes: u64) {
        let bytes = |m: &Matrix| (m.layout.row_bytes * m.n_rows) as u64;
        let total: u64 = group.iter().map(|(_, m)| bytes(m)).sum();
        if total <= max_bytes && !group.is_empty() {
            let mut offset = 0;
            for (_, m) in &mut group {
                let n_rows = m.n_rows;
                m.parts.push(Part {
                    buffer: self.buffer_bytes.len(),
                    offset,
                    first_row: 0,
                    n_rows,
                });
                offset += bytes(m);
            }
            self.buffer_bytes.push(total);
        } else {
            for (_, m) in &mut group {
                self.split(m, max_bytes);
            }
        }
        self.matrices.extend(group);
    }

    fn split(&mut self, m: &mut Matrix, max_bytes: u64) {
        let row_bytes = m.layout.row_bytes.max(WORD_BYTES);
        // Whole tiles of 64 rows, so that no matrix product straddles two parts.
        let fit = usize::try_from(max_bytes).unwrap_or(usize::MAX) / row_bytes;
        let step = if fit >= 64 { fit / 64 * 64 } else { fit.max(1) };
        for first_row in (0..m.n_rows).step_by(step) {
            let n_rows = step.min(m.n_rows - first_row);
            m.parts.push(Part { buffer: self.buffer_bytes.len(), offset: 0, first_row, n_rows });
            self.buffer_bytes.push((row_bytes * n_rows) as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]
    use super::*;

    fn matrix(n_rows: usize) -> Matrix {
        let ty = TensorType::F32;
        let layout = RowLayout::new(ty, 32).unwrap();
        Matrix { ty, layout, n_rows, n_cols: 32, parts: Vec::new() }
    }

    #[test]
    fn a_group_that_fits_shares_a_buffer() {
        let mut placement = Placement::default();
        let group = vec![(WeightId(0), matrix(8)), (WeightId(1), matrix(4))];
        placement.place_group(group, 12 * 128);
        assert_eq!(placement.buffer_bytes, [12 * 128]);
        let second = &placement.matrices[&WeightId(1)].parts;
        assert_eq!(*second, [Part { buffer: 0, offset: 8 * 128, first_row: 0, n_rows: 4 }]);
    }

    #[test]
    fn a_tensor_above_the_limit_is_cut_in_whole_tiles() {
        let mut placement = Placement::default();
        placement.place_group(vec![(WeightId(0), matrix(200))], 100 * 128);
        let parts = &placement.matrices[&WeightId(0)].parts;
        let rows: Vec<_> = parts.iter().map(|p| (p.first_row, p.n_rows)).collect();
        assert_eq!(rows, [(0, 64), (64, 64), (128, 64), (192, 8)]);
        assert_eq!(placement.buffer_bytes, [64 * 128, 64 * 128, 64 * 128, 8 * 128]);
    }
}
