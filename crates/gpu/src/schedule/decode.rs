//! The list for one row: at most 7 dispatches per layer.
//!
//! | # | dispatch | what is fused |
//! |---|---|---|
//! | 1 | Q, K, V | pending residual, norm (deferred), three products, biases |
//! | 2 | rope | norm of Q and K, rotation, write into the cache |
//! | 3 | attention | scores, softmax, values, all query heads of a key/value head |
//! | 4 | merge | only beyond one span of positions |
//! | 5 | output | product and residual, or product and its sum of squares |
//! | 6 | gate, up | pending residual, norm (deferred), two products, activation |
//! | 7 | down | as 5 |

use kernels::shader::{Input, Kernel, Output, attn_shape, params};
use kernels::{Activation, Heads, Linear, Mask, Norm, Op, PlayerError};
use wgpu::Buffer;

use crate::loader::ENCODERS;
use crate::schedule::build::Builder;
use crate::schedule::products::{Product, fits_one_dispatch};
use crate::schedule::{Dispatch, Grid};

/// `ACT` of `lib/activation.wgsl`.
pub fn act_code(act: Activation) -> u32 {
    match act {
        Activation::Silu => 0,
        Activation::GeluTanh => 1,
    }
}

/// The residual stream while the list is built.
#[derive(Clone, Copy, Default)]
pub struct Stream {
    /// Which `x` buffer is current.
    x: usize,
    /// A normed residual in `y` that nobody has added yet, and how many partial sums of squares
    /// its product left.
    pending: Option<(Norm, u32)>,
}

impl<'a> Builder<'a> {
    pub(super) fn decode(&mut self) -> Result<(), PlayerError> {
        let mut stream = Stream::default();
        let mut list = Vec::new();
        for op in self.plan.ops.clone() {
            self.op = op.name();
            match op {
                Op::Embed { table, scale, encoder: None } => list.extend(self.embed(table, scale)?),
                Op::Qkv { norm: Some(norm), q, k, v } => {
                    self.qkv(&mut list, &mut stream, norm, [q, k, v])?
                }
                Op::RopeKv { .. } => list.extend(self.rope(&op)?),
                Op::Attention { kv, heads, scale, mask: Mask::Causal { window } } => {
                    self.attention(&mut list, kv, heads, scale, window)?;
                }
                Op::Output { w, post, after: None } => {
                    let a = &self.store.a;
                    self.residual(&mut list, &mut stream, w, post, a)?;
                }
                Op::GateUp { norm: Some(norm), gate: Some(gate), up, act } => {
                    self.gate_up(&mut list, &mut stream, norm, gate, up, act)?;
                }
                Op::Down { w, post, after: None } => {
                    let h = &self.store.h;
                    self.residual(&mut list, &mut stream, w, post, h)?;
                }
                Op::Head { norm, w } => {
                    let mut head = Vec::new();
                    self.head(&mut head, &mut stream, norm, w)?;
                    self.schedule.decode_head = head;
                }
                _ => return Err(self.unsupported(ENCODERS)),
            }
        }
        if !self.plan.gives_logits() {
            self.settle(&mut list, &mut stream)?;
        }
        self.schedule.decode = list;
        self.schedule.decode_x = stream.x;
        Ok(())
    }

    /// Adds a pending residual in a dispatch of its own, where no norm follows.
    fn settle(&mut self, list: &mut Vec<Dispatch>, stream: &mut Stream) -> Result<(), PlayerError> {
        if let Some((post, _)) = stream.pending.take() {
            list.push(self.norm_rows(Some(post), None, stream.x)?);
        }
        Ok(())
    }

    fn qkv(
        &mut self,
        list: &mut Vec<Dispatch>,
        stream: &mut Stream,
        norm: Norm,
        linears: [Linear; 3],
    ) -> Result<(), PlayerError> {
        let mut out = 0;
        let mut products = Vec::new();
        for linear in linears {
            products.extend(self.products(linear, out));
            out += self.matrix(linear.w).n_rows as u32;
        }
        let qkv = &self.store.qkv;
        let fused = fits_one_dispatch(&products);
        for set in products.chunks(if fused { 3 } else { 1 }) {
            list.push(self.normed(stream, norm, set, Output::Store, qkv)?);
        }
        self.advance(stream);
        Ok(())
    }

    fn gate_up(
        &mut self,
        list: &mut Vec<Dispatch>,
        stream: &mut Stream,
        norm: Norm,
        gate: Linear,
        up: Linear,
        act: Activation,
    ) -> Result<(), PlayerError> {
        let (gates, ups) = (self.products(gate, 0), self.products(up, 0));
        let h = &self.store.h;
        let act = act_code(act);
        if let ([gate], [up]) = (gates.as_slice(), ups.as_slice())
            && gate.part.buffer == up.part.buffer
        {
            list.push(self.normed(stream, norm, &[*gate, *up], Output::Glu(act), h)?);
        } else {
            for gate in &gates {
                list.push(self.normed(stream, norm, &[*gate], Output::Store, h)?);
            }
            for up in &ups {
                list.push(self.normed(stream, norm, &[*up], Output::Gated(act), h)?);
            }
        }
        self.advance(stream);
        Ok(())
    }

    fn head(
        &mut self,
        list: &mut Vec<Dispatch>,
        stream: &mut Stream,
        norm: Norm,
        w: Linear,
    ) -> Result<(), PlayerError> {
        let logits = &self.store.logits;
        for product in self.products(w, 0) {
            list.push(self.normed(stream, norm, &[product], Output::Store, logits)?);
        }
        Ok(())
    }

    /// The head for one row of a prefill, whose residuals are settled.
    pub(super) fn head_of_row(
        &mut self,
        norm: Norm,
        w: Linear,
    ) -> Result<Vec<Dispatch>, PlayerError> {
        let mut list = Vec::new();
        self.head(&mut list, &mut Stream::default(), norm, w)?;
        Ok(list)
    }

    /// After the readers of a pending residual: the sum is in the other `x`.
    fn advance(&self, stream: &mut Stream) {
        if stream.pending.take().is_some() {
            stream.x = 1 - stream.x;
        }
    }

    /// Products that read the normed residual stream.
    fn normed(
        &mut self,
        stream: &Stream,
        norm: Norm,
        products: &[Product<'a>],
        output: Output,
        out: &'a Buffer,
    ) -> Result<Dispatch, PlayerError> {
        let mut p = params::MatVec {
            n_cols: self.plan.dims.dim as u32,
            x_stride: (self.store.widths.x / 4) as u32,
            gain: self.vector(norm.gain) / 4,
            eps: norm.eps,
            ..Default::default()
        };
        let mut input = Input::Norm;
        if let Some((post, n_squares)) = stream.pending {
            input = Input::Post;
            p.post_gain = self.vector(post.gain) / 4;
            p.post_eps = post.eps;
            p.n_squares = n_squares;
        }
        let store = self.store;
        let buffers = [
            (4, &store.x[stream.x]),
            (5, out),
            (6, &store.y),
            (7, &store.squares),
            (8, &store.x[1 - stream.x]),
        ];
        self.matvec(p, input, output, products, &buffers)
    }

    /// `x += W·input`, or `y = W·input` with a norm to come.
    fn residual(
        &mut self,
        list: &mut Vec<Dispatch>,
        stream: &mut Stream,
        w: Linear,
        post: Option<Norm>,
        input: &'a Buffer,
    ) -> Result<(), PlayerError> {
        self.settle(list, stream)?;
        let mut n_squares = 0;
        for product in self.products(w, 0) {
            let p = params::MatVec {
                n_cols: product.matrix.n_cols as u32,
                squares_at: n_squares,
                ..Default::default()
            };
            let store = self.store;
            let (output, out) = match post {
                None => (Output::Add, &store.x[stream.x]),
                Some(_) => (Output::Squares, &store.y),
            };
            let buffers = [(4, input), (5, out), (7, &store.squares)];
            let n_rows = product.part.n_rows as u32;
            list.push(self.matvec(p, Input::Plain, output, &[product], &buffers)?);
            n_squares += n_rows.div_ceil(self.vec_form(product.matrix).rows);
        }
        if let Some(norm) = post {
            stream.pending = Some((norm, n_squares));
        }
        Ok(())
    }

    pub(super) fn attention(
        &mut self,
        list: &mut Vec<Dispatch>,
        kv: usize,
        heads: Heads,
        scale: f32,
        window: Option<usize>,
    ) -> Result<(), PlayerError> {
        let shape = attn_shape(heads).ok_or_else(|| self.unsupported("so large heads"))?;
        let window = window.map_or(u32::MAX, |w| w as u32);
        let (head_dim, span) = (heads.head_dim as u32, shape.span as u32);
        let max_spans = self.config.n_ctx.div_ceil(shape.span) as u32;
        let row = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
        let a_stride = ((heads.n_heads * heads.head_dim).next_multiple_of(32) / 4) as u32;
        let store = self.store;
        let params = params::AttnSplit {
            n_kv_heads: heads.n_kv_heads as u32,
            n_ctx: self.n_positions(),
            stride: (row / 4) as u32,
            window,
            max_spans,
            scale,
            n_cuts: shape.n_cuts as u32,
            a_stride,
        };
        let kernel =
            Kernel::AttnSplit { kv: self.config.kv, head_dim, group: shape.group as u32, span };
        let cache = &store.kv[kv];
        let buffers =
            [(4, &store.qkv), (5, &store.a), (6, &cache.k), (7, &cache.v), (8, &store.partial)];
        let x = (heads.n_kv_heads * shape.n_cuts) as u32;
        list.push(self.dispatch(kernel, &params, &buffers, Grid::Spans { x, span, window })?);
        let n_heads = heads.n_heads as u32;
        let params = params::AttnMerge { max_spans, window, n_heads, a_stride };
        let x = n_heads;
        let kernel = Kernel::AttnMerge { head_dim, span };
        let buffers = [(4, &store.partial), (5, &store.a)];
        list.push(self.dispatch(kernel, &params, &buffers, Grid::Merge { x, span, window })?);
        Ok(())
    }
}
