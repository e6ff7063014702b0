//! The list for many rows: norm, matrix products, rotation, attention tiles, op by op.

use kernels::shader::layout::WORD_BYTES;
use kernels::shader::{Kernel, Put, params};
use kernels::{Heads, Linear, Norm, Op, PlayerError};
use wgpu::Buffer;

use crate::schedule::build::Builder;
use crate::schedule::decode::act_code;
use crate::schedule::{Dispatch, Grid, TILES};

/// Input and output of a matrix product: buffers and floats per row.
#[derive(Clone, Copy)]
struct Flow<'a> {
    x: &'a Buffer,
    x_width: usize,
    out: &'a Buffer,
    out_width: usize,
    /// Column of `out` where row 0 of the matrix goes.
    out_at: u32,
}

impl<'a> Builder<'a> {
    pub(super) fn prefill(&mut self) -> Result<(), PlayerError> {
        let store = self.store;
        let widths = store.widths;
        let mut pending: Option<Norm> = None;
        let mut list = Vec::new();
        for op in self.plan.ops.clone() {
            match op {
                Op::Embed { table, scale } => list.extend(self.embed(table, scale)?),
                Op::Qkv { norm, q, k, v } => {
                    list.push(self.norm_rows(pending.take(), Some(norm), 0)?);
                    self.qkv_rows(&mut list, [q, k, v])?;
                }
                Op::RopeKv { .. } => list.extend(self.rope(&op)?),
                Op::Attention { kv, heads, scale, window } => {
                    list.push(self.attention_rows(kv, heads, scale, window)?);
                }
                Op::Output { w, post } => {
                    let flow = self.residual_flow(&store.a, widths.a, w, post);
                    self.residual_rows(&mut list, w, flow, &mut pending, post)?;
                }
                Op::GateUp { norm, gate, up, act } => {
                    list.push(self.norm_rows(pending.take(), Some(norm), 0)?);
                    let flow = Flow {
                        x: &store.xn,
                        x_width: widths.x,
                        out: &store.h,
                        out_width: self.matrix(gate.w).n_rows.next_multiple_of(32),
                        out_at: 0,
                    };
                    list.extend(self.matmul(gate, flow, Put::Store)?);
                    list.extend(self.matmul(up, flow, Put::Glu(act_code(act)))?);
                }
                Op::Down { w, post } => {
                    let flow = self.residual_flow(&store.h, widths.h, w, post);
                    self.residual_rows(&mut list, w, flow, &mut pending, post)?;
                }
                Op::Head { norm, w } => {
                    if let Some(post) = pending.take() {
                        list.push(self.norm_rows(Some(post), None, 0)?);
                    }
                    self.heads(norm, w)?;
                }
            }
        }
        if let Some(post) = pending.take() {
            list.push(self.norm_rows(Some(post), None, 0)?);
        }
        self.schedule.prefill = list;
        Ok(())
    }

    fn qkv_rows(
        &mut self,
        list: &mut Vec<Dispatch>,
        linears: [Linear; 3],
    ) -> Result<(), PlayerError> {
        let rows = linears.map(|l| self.matrix(l.w).n_rows);
        let mut flow = Flow {
            x: &self.store.xn,
            x_width: self.store.widths.x,
            out: &self.store.qkv,
            out_width: rows.iter().sum(),
            out_at: 0,
        };
        for (linear, n_rows) in linears.into_iter().zip(rows) {
            list.extend(self.matmul(linear, flow, Put::Store)?);
            flow.out_at += n_rows as u32;
        }
        Ok(())
    }

    fn residual_flow(
        &self,
        x: &'a Buffer,
        _width: usize,
        w: Linear,
        post: Option<Norm>,
    ) -> Flow<'a> {
        let out = if post.is_some() { &self.store.y } else { &self.store.x[0] };
        Flow {
            x,
            x_width: self.matrix(w.w).n_cols.next_multiple_of(32),
            out,
            out_width: self.store.widths.x,
            out_at: 0,
        }
    }

    fn residual_rows(
        &mut self,
        list: &mut Vec<Dispatch>,
        w: Linear,
        flow: Flow<'a>,
        pending: &mut Option<Norm>,
        post: Option<Norm>,
    ) -> Result<(), PlayerError> {
        if let Some(before) = pending.take() {
            list.push(self.norm_rows(Some(before), None, 0)?);
        }
        let put = if post.is_some() { Put::Store } else { Put::Add };
        list.extend(self.matmul(w, flow, put)?);
        *pending = post;
        Ok(())
    }

    fn heads(&mut self, norm: Norm, w: Linear) -> Result<(), PlayerError> {
        self.schedule.last_head = self.head_of_row(norm, w)?;
        let flow = Flow {
            x: &self.store.xn,
            x_width: self.store.widths.x,
            out: &self.store.logits,
            out_width: self.plan.dims.n_vocab,
            out_at: 0,
        };
        let mut rows_head = vec![self.norm_rows(None, Some(norm), 0)?];
        rows_head.extend(self.matmul(w, flow, Put::Store)?);
        self.schedule.rows_head = rows_head;
        Ok(())
    }

    /// Both tile sizes of each part of the matrix; the grid rule picks one by the rows of the job.
    fn matmul(
        &mut self,
        linear: Linear,
        flow: Flow<'a>,
        put: Put,
    ) -> Result<Vec<Dispatch>, PlayerError> {
        let matrix = self.matrix(linear.w);
        let bias = self.bias(linear);
        let mut list = Vec::new();
        for part in &matrix.parts {
            let first = part.first_row as u32;
            let params = params::MatMul {
                base: self.base(part),
                stride: (matrix.layout.row_bytes / WORD_BYTES) as u32,
                n_rows: part.n_rows as u32,
                n_units: matrix.layout.n_units as u32,
                x_stride: (flow.x_width / 4) as u32,
                out_stride: flow.out_width as u32,
                out: flow.out_at + first,
                bias: if bias == params::NONE { bias } else { bias + first },
            };
            let buffers =
                [(2, self.weights(part)), (3, &self.store.vectors), (4, flow.x), (5, flow.out)];
            let x = (part.n_rows as u32).div_ceil(64);
            for tm in TILES {
                let kernel = Kernel::MatMul { w: matrix.ty, put, tm };
                list.push(self.dispatch(kernel, &params, &buffers, Grid::Tiles { x, tm })?);
            }
        }
        Ok(list)
    }

    fn attention_rows(
        &mut self,
        kv: usize,
        heads: Heads,
        scale: f32,
        window: Option<usize>,
    ) -> Result<Dispatch, PlayerError> {
        let group = (heads.n_heads / heads.n_kv_heads) as u32;
        let row = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
        let params = params::AttnTile {
            n_kv_heads: heads.n_kv_heads as u32,
            n_ctx: self.config.n_ctx as u32,
            stride: (row / 4) as u32,
            window: window.map_or(u32::MAX, |w| w as u32),
            a_stride: ((heads.n_heads * heads.head_dim).next_multiple_of(32) / 4) as u32,
            scale,
            ..Default::default()
        };
        let store = self.store;
        let cache = &store.kv[kv];
        let kernel =
            Kernel::AttnTile { kv: self.config.kv, head_dim: heads.head_dim as u32, group };
        let buffers = [(4, &store.qkv), (5, &store.a), (6, &cache.k), (7, &cache.v)];
        let grid = Grid::Queries { group, n_kv_heads: heads.n_kv_heads as u32 };
        self.dispatch(kernel, &params, &buffers, grid)
    }
}
