//! The list for many rows: norm, matrix products, rotation, attention tiles, op by op.

use kernels::shader::choice::{FEW, FEW_ROWS, QUANTIZE_WG, SMALL_TILE};
use kernels::shader::layout::{UNIT, WORD_BYTES};
use kernels::shader::{Dot, Kernel, Put, Tile, params};
use kernels::{Heads, Linear, Mask, Norm, Op, PlayerError};
use wgpu::Buffer;

use crate::loader::ENCODERS;
use crate::place::Matrix;
use crate::schedule::build::Builder;
use crate::schedule::decode::act_code;
use crate::schedule::{Dispatch, Grid, Rows, Turns};
use crate::store::MAX_ROWS;
use crate::tap::{Inputs, Point};

/// Input and output of a matrix product: buffers and floats per row.
#[derive(Clone, Copy)]
struct Flow<'a> {
    x: &'a Buffer,
    x_width: usize,
    out: &'a Buffer,
    out_width: usize,
    /// Column of `out` where row 0 of the matrix goes.
    out_at: u32,
    /// Results of several matrices follow each other in a row of `out`.
    side_by_side: bool,
}

/// A way to compute a product with many rows.
#[derive(Clone, Copy)]
enum Form {
    Few { dot: Dot, n: u32 },
    Tile(Tile),
}

impl Form {
    fn dot(self) -> Dot {
        match self {
            Form::Few { dot, .. } => dot,
            Form::Tile(tile) => tile.dot(),
        }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn prefill(&mut self) -> Result<(), PlayerError> {
        let store = self.store;
        let widths = store.widths;
        let mut pending: Option<Norm> = None;
        let mut list = Vec::new();
        for (i, op) in self.plan.ops.clone().into_iter().enumerate() {
            self.op = op.name();
            match op {
                Op::Embed { table, scale, encoder: None } => list.extend(self.embed(table, scale)?),
                Op::Qkv { norm: Some(norm), q, k, v } => {
                    list.push(self.norm_rows(pending.take(), Some(norm), 0)?);
                    self.point_normed(list.len(), i);
                    self.qkv_rows(&mut list, [q, k, v])?;
                }
                Op::RopeKv { .. } => list.extend(self.rope(&op)?),
                Op::Attention { kv, heads, scale, mask: Mask::Causal { window } } => {
                    let chunk = self.attention_rows(kv, heads, scale, window)?;
                    list.push(Dispatch { turns: Turns::Chunk, ..chunk });
                    if self.config.n_slots > 1 {
                        let first = list.len();
                        self.attention(&mut list, kv, heads, scale, window)?;
                        list[first..].iter_mut().for_each(|d| d.turns = Turns::Rows);
                    }
                }
                Op::Output { w, post, after: None } => {
                    let flow = self.residual_flow(&store.a, w, post);
                    self.settle_rows(&mut list, &mut pending)?;
                    self.point(list.len(), i, Inputs::Attended, w);
                    self.residual_rows(&mut list, w, flow, &mut pending, post)?;
                }
                Op::GateUp { norm: Some(norm), gate: Some(gate), up, act } => {
                    list.push(self.norm_rows(pending.take(), Some(norm), 0)?);
                    self.point_normed(list.len(), i);
                    let flow = Flow {
                        x: &store.xn,
                        x_width: widths.x,
                        out: &store.h,
                        out_width: self.matrix(gate.w).n_rows.next_multiple_of(32),
                        out_at: 0,
                        side_by_side: false,
                    };
                    let products = [(gate, Put::Store), (up, Put::Glu(act_code(act)))];
                    self.product_rows(&mut list, &products, flow)?;
                }
                Op::Down { w, post, after: None } => {
                    let flow = self.residual_flow(&store.h, w, post);
                    self.settle_rows(&mut list, &mut pending)?;
                    self.point(list.len(), i, Inputs::Gated, w);
                    self.residual_rows(&mut list, w, flow, &mut pending, post)?;
                }
                Op::Head { norm, w } => {
                    self.settle_rows(&mut list, &mut pending)?;
                    self.point_head(list.len(), i);
                    self.heads(norm, w)?;
                }
                _ => return Err(self.unsupported(ENCODERS)),
            }
        }
        self.settle_rows(&mut list, &mut pending)?;
        self.schedule.prefill = list;
        Ok(())
    }

    /// Adds a pending residual in a dispatch of its own, where no norm follows.
    fn settle_rows(
        &mut self,
        list: &mut Vec<Dispatch>,
        pending: &mut Option<Norm>,
    ) -> Result<(), PlayerError> {
        if let Some(post) = pending.take() {
            list.push(self.norm_rows(Some(post), None, 0)?);
        }
        Ok(())
    }

    /// A tap sees what `w` is multiplied with.
    fn point(&mut self, at: usize, op: usize, inputs: Inputs, w: Linear) {
        let n_cols = self.matrix(w.w).n_cols;
        let width = n_cols.next_multiple_of(UNIT);
        let inputs = Some(inputs);
        self.schedule.points.push(Point { at, op, inputs, n_cols, width, has_stream: false });
    }

    /// The same of normed rows, and the rows before the norm.
    fn point_normed(&mut self, at: usize, op: usize) {
        let (n_cols, width) = (self.plan.dims.dim, self.store.widths.x);
        let inputs = Some(Inputs::Normed);
        self.schedule.points.push(Point { at, op, inputs, n_cols, width, has_stream: true });
    }

    /// The rows before the head's norm.
    fn point_head(&mut self, at: usize, op: usize) {
        let (n_cols, width) = (self.plan.dims.dim, self.store.widths.x);
        self.schedule.points.push(Point { at, op, inputs: None, n_cols, width, has_stream: true });
    }

    fn qkv_rows(
        &mut self,
        list: &mut Vec<Dispatch>,
        linears: [Linear; 3],
    ) -> Result<(), PlayerError> {
        let rows = linears.map(|l| self.matrix(l.w).n_rows);
        let flow = Flow {
            x: &self.store.xn,
            x_width: self.store.widths.x,
            out: &self.store.qkv,
            out_width: rows.iter().sum(),
            out_at: 0,
            side_by_side: true,
        };
        self.product_rows(list, &linears.map(|linear| (linear, Put::Store)), flow)
    }

    fn residual_flow(&self, x: &'a Buffer, w: Linear, post: Option<Norm>) -> Flow<'a> {
        let out = if post.is_some() { &self.store.y } else { &self.store.x[0] };
        Flow {
            x,
            x_width: self.matrix(w.w).n_cols.next_multiple_of(32),
            out,
            out_width: self.store.widths.x,
            out_at: 0,
            side_by_side: false,
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
        let put = if post.is_some() { Put::Store } else { Put::Add };
        self.product_rows(list, &[(w, put)], flow)?;
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
            side_by_side: false,
        };
        let mut rows_head = vec![self.norm_rows(None, Some(norm), 0)?];
        self.product_rows(&mut rows_head, &[(w, Put::Store)], flow)?;
        self.schedule.rows_head = rows_head;
        Ok(())
    }

    /// `put(W·x)`, with the inputs quantized first where a form of the product needs that.
    fn product_rows(
        &mut self,
        list: &mut Vec<Dispatch>,
        linears: &[(Linear, Put)],
        flow: Flow<'a>,
    ) -> Result<(), PlayerError> {
        list.extend(self.quantize(linears, flow)?);
        let mut flow = flow;
        for &(linear, put) in linears {
            let matrix = self.matrix(linear.w);
            for form in self.forms(matrix) {
                list.extend(self.form(linear, flow, put, form)?);
            }
            flow.out_at += if flow.side_by_side { matrix.n_rows as u32 } else { 0 };
        }
        Ok(())
    }

    /// The forms of a product, each for the row counts where it is the best one.
    fn forms(&self, matrix: &Matrix) -> Vec<(Form, Rows)> {
        let shape = (matrix.ty, matrix.layout.n_units);
        let (dot, few) = (self.choices.few(shape), FEW[FEW.len() - 1]);
        let mut least = 1;
        let mut forms = Vec::new();
        let ends = FEW.map(|n| (Form::Few { dot, n }, n));
        let tiles = [
            (Form::Tile(self.choices.small_tile(shape)), SMALL_TILE.max(few)),
            (Form::Tile(self.choices.tile(shape)), MAX_ROWS as u32),
        ];
        for (form, most) in ends.into_iter().chain(tiles) {
            forms.push((form, Rows { least, most }));
            least = most + 1;
        }
        forms
    }

    /// The pass that turns x into signed bytes, for the row counts at which any of `linears` runs
    /// in an integer form.
    fn quantize(
        &mut self,
        linears: &[(Linear, Put)],
        flow: Flow<'a>,
    ) -> Result<Option<Dispatch>, PlayerError> {
        let matrices = linears.iter().map(|(linear, _)| self.matrix(linear.w));
        let forms: Vec<_> = matrices.flat_map(|matrix| self.forms(matrix)).collect();
        let ranges = || forms.iter().filter(|(form, _)| form.dot() == Dot::Int).map(|(_, r)| *r);
        let least = ranges().map(|r| r.least).min();
        let (Some(least), Some(most)) = (least, ranges().map(|r| r.most).max()) else {
            return Ok(None);
        };
        let n_units = (flow.x_width / UNIT) as u32;
        let params =
            params::Quantize { n_units, x_stride: (flow.x_width / 4) as u32, ..Default::default() };
        let buffers = [(4, flow.x), (5, &self.store.xq)];
        let (x, rows) = (n_units.div_ceil(QUANTIZE_WG), Rows { least, most });
        let grid = Grid::Tiles { x, tokens: 1, rows };
        self.dispatch(Kernel::Quantize, &params, &buffers, grid).map(Some)
    }

    /// One form of a product, a dispatch for each part of the matrix.
    fn form(
        &mut self,
        linear: Linear,
        flow: Flow<'a>,
        put: Put,
        (form, rows): (Form, Rows),
    ) -> Result<Vec<Dispatch>, PlayerError> {
        let (matrix, bias) = (self.matrix(linear.w), self.bias(linear));
        let w = matrix.ty;
        let mut list = Vec::new();
        for part in &matrix.parts {
            let (first, n_rows) = (part.first_row as u32, part.n_rows as u32);
            let params = params::MatMul {
                base: self.base(part),
                stride: (matrix.layout.row_bytes / WORD_BYTES) as u32,
                n_rows,
                n_units: matrix.layout.n_units as u32,
                x_stride: (flow.x_width / 4) as u32,
                out_stride: flow.out_width as u32,
                out: flow.out_at + first,
                bias: if bias == params::NONE { bias } else { bias + first },
            };
            let x = if form.dot() == Dot::Int { &self.store.xq } else { flow.x };
            let buffers =
                [(2, self.weights(part)), (3, &self.store.vectors), (4, x), (5, flow.out)];
            let (kernel, grid) = match form {
                Form::Few { dot, n } => {
                    let size = self.groups(n_rows.div_ceil(FEW_ROWS));
                    (Kernel::MatFew { w, put, dot, n }, Grid::Few { size, rows })
                }
                Form::Tile(tile) => {
                    let (x, tokens) = (n_rows.div_ceil(tile.rows()), tile.tokens());
                    (Kernel::MatMul { w, put, tile }, Grid::Tiles { x, tokens, rows })
                }
            };
            list.push(self.dispatch(kernel, &params, &buffers, grid)?);
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
            n_ctx: self.n_positions(),
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
