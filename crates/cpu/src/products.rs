//! The ops that multiply: inputs made ready for the kernels, products, and where their rows go.
//!
//! Three forms: one row, which every thread prepares for itself; a row of each of several
//! sequences, prepared together and multiplied by the same arithmetic; tiles of a chunk.

use kernels::{Activation, Linear, Norm, NormKind};

use crate::acts::Needs;
use crate::format::STRIP;
use crate::isa::{FEW_ROWS, STREAMS, TILE_COLS, TILE_ROWS};
use crate::linear::{Chunk, Sides, matmul, matvec_few, matvecs};
use crate::machine::{MAX_ROWS, Machine};
use crate::memory::Buffer;
use crate::ops::Walk;
use crate::pack::Matrix;
use crate::sink::{Sink, Then};

/// Strips of one matrix that are walked before another one's turn: a processor that fetches ahead
/// by itself begins anew at every change.
const RUN: usize = 8;

/// The input of an op's products, ready for the kernels.
pub struct Ready {
    n_rows: usize,
    form: Form,
    /// `[n_rows, n_cols]` as floats.
    x: *const f32,
}

/// Where the quantized input lies, and so which product reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One row, with every thread for itself.
    One,
    /// Rows of several sequences.
    Few,
    /// Tiles of a chunk.
    Tiles,
}

impl<'a> Walk<'a> {
    /// Norms and quantizes `rows` of `src` for the given weights. After it, all threads may read
    /// the result.
    pub fn prepare(
        &self,
        src: &Buffer<f32>,
        norm: Option<&Norm>,
        linears: &[&Linear],
        rows: std::ops::Range<usize>,
    ) -> Ready {
        let m = self.m;
        let mut needs = Needs::default();
        linears.iter().for_each(|linear| needs.add(m.matrix(linear.w)));
        let n_cols = m.matrix(linears[0].w).n_cols;
        let row_of = |r: usize| (rows.start + r) * n_cols..(rows.start + r + 1) * n_cols;
        let n_rows = rows.len();
        let mut x = src.ptr().wrapping_add(rows.start * n_cols).cast_const();
        let acts = &self.own.acts;
        // SAFETY: `src` is not written in this phase; scratch and tiles are this thread's.
        unsafe {
            if n_rows == 1 {
                let mut row = src.slice(row_of(0));
                if let Some(norm) = norm {
                    let normed = acts.normed.slice_mut(0..n_cols);
                    self.norm_row(norm, row, normed);
                    row = normed;
                    x = row.as_ptr();
                }
                acts.quantize(m.isa, needs, 0, row);
                return Ready { n_rows, form: Form::One, x };
            }
            let keep = norm.is_some() && needs.float;
            let normed = |r: usize| {
                let row = src.slice(row_of(r));
                let Some(norm) = norm else { return row };
                let at = if keep { r * n_cols } else { 0 };
                let normed = if keep { &m.buffers.normed } else { &acts.normed };
                let normed = normed.slice_mut(at..at + n_cols);
                self.norm_row(norm, row, normed);
                &*normed
            };
            if keep {
                x = m.buffers.normed.ptr().cast_const();
            }
            if self.pass.is_by_row() {
                for r in self.team.share(n_rows) {
                    m.buffers.few.quantize(m.isa, needs, r, normed(r));
                }
                self.team.barrier();
                return Ready { n_rows, form: Form::Few, x };
            }
            for tile in self.team.share(n_rows.div_ceil(TILE_ROWS)) {
                let first = tile * TILE_ROWS;
                let n = TILE_ROWS.min(n_rows - first);
                for t in 0..n {
                    acts.quantize(m.isa, needs, t, normed(first + t));
                }
                for (kind, tiles) in m.buffers.tiles.iter().enumerate() {
                    if needs.quantized[kind] {
                        tiles.pack(m.isa, tile, &acts.rows[kind][..n], n_cols);
                    }
                }
            }
        }
        self.team.barrier();
        Ready { n_rows, form: Form::Tiles, x }
    }

    /// The strips of `w` from `first` on, which are this thread's, times the only row of `ready`.
    fn strips(
        &self,
        w: &Matrix,
        first: usize,
        n_streams: usize,
        ready: &Ready,
        y: &mut [[f32; STRIP]],
    ) {
        for (group, y) in y.chunks_mut(STREAMS).enumerate() {
            let first = first + group * STREAMS;
            let strips: [_; STREAMS] = std::array::from_fn(|i| (w, first + i));
            let strips = &strips[..y.len()];
            // SAFETY: `prepare` made row 0 for this weight.
            unsafe { matvecs(self.m.isa, strips, n_streams, &self.own.acts, ready.x, y) };
        }
    }

    /// `W·x + b` into `out` for this thread's strips.
    pub fn product(&self, linear: &Linear, ready: &Ready, out: &Buffer<f32>, then: Then) {
        let m: &'a Machine = self.m;
        let w = m.matrix(linear.w);
        let bias = linear.bias.map(|id| m.vector(id));
        let sink = Sink { isa: m.isa, w, bias, out, then };
        if ready.form == Form::Few {
            for strip in self.team.share(w.n_strips()) {
                // SAFETY: strips are this thread's.
                self.few_of(w, strip, ready, |row, y| unsafe { sink.put(row, strip, y) });
            }
            return;
        }
        if ready.form == Form::One {
            let mut y = [[0.0; STRIP]; STREAMS];
            let share = self.team.share(w.n_strips());
            m.streams.walk(self.team, linear.w, share, |share, n_streams| {
                for first in share.clone().step_by(STREAMS) {
                    let n = STREAMS.min(share.end - first);
                    self.strips(w, first, n_streams, ready, &mut y[..n]);
                    for (i, y) in y[..n].iter().enumerate() {
                        // SAFETY: strips are this thread's.
                        unsafe { sink.put(0, first + i, y) };
                    }
                }
            });
            return;
        }
        for pair in self.team.share(w.n_strips().div_ceil(2)) {
            let second = 2 * pair + 1;
            let sides = [Some((w, 2 * pair)), (second < w.n_strips()).then_some((w, second))];
            self.rows_of(sides, ready, |row, side, y| {
                // SAFETY: strips are this thread's.
                unsafe { sink.put(row, 2 * pair + side, y) };
            });
        }
    }

    /// Products of a strip with the rows of several sequences; `put(row, values)`.
    fn few_of(
        &self,
        w: &Matrix,
        strip: usize,
        ready: &Ready,
        mut put: impl FnMut(usize, &[f32; STRIP]),
    ) {
        let mut y = [[0.0; STRIP]; FEW_ROWS];
        for first in (0..ready.n_rows).step_by(FEW_ROWS) {
            let rows = first..ready.n_rows.min(first + FEW_ROWS);
            let few = &self.m.buffers.few;
            // SAFETY: `prepare` made the rows for this weight.
            unsafe { matvec_few(self.m.isa, (w, strip), few, ready.x, rows.clone(), &mut y) };
            rows.zip(&y).for_each(|(row, y)| put(row, y));
        }
    }

    /// `x = norm(x)` for all rows.
    pub fn norm_in_place(&self, norm: &Norm) {
        let dim = self.m.plan.dims.dim;
        for row in self.team.share(self.pass.n_rows) {
            // SAFETY: this thread's rows; the scratch row is its own.
            unsafe {
                let x = self.m.buffers.x.slice_mut(row * dim..(row + 1) * dim);
                let normed = self.own.acts.normed.slice_mut(0..dim);
                self.norm_row(norm, x, normed);
                x.copy_from_slice(normed);
            }
        }
    }

    /// `out = norm(x)` for one row.
    pub fn norm_row(&self, norm: &Norm, x: &[f32], out: &mut [f32]) {
        let (m, gain) = (self.m, self.m.vector(norm.gain));
        // SAFETY: the machine runs these instructions; any slices will do.
        unsafe {
            match norm.kind {
                NormKind::Rms => (m.isa.rms_norm)(x, gain, norm.eps, out),
                NormKind::Layer { bias } => {
                    let bias = bias.map_or(&[][..], |id| m.vector(id));
                    (m.isa.layer_norm)(x, gain, bias, norm.eps, out);
                }
            }
        }
    }

    /// Products of two strips with all rows; `put(row, side, values)`.
    fn rows_of(
        &self,
        sides: Sides<'_>,
        ready: &Ready,
        mut put: impl FnMut(usize, usize, &[f32; STRIP]),
    ) {
        let panel = &self.own.panel;
        let n_cols = sides.iter().flatten().next().map_or(0, |(w, _)| w.n_cols);
        for first_row in (0..ready.n_rows).step_by(MAX_ROWS) {
            let n_rows = MAX_ROWS.min(ready.n_rows - first_row);
            let x = ready.x.wrapping_add(first_row * n_cols);
            let chunk = Chunk { n_rows, first_row, tiles: &self.m.buffers.tiles, x };
            // SAFETY: `prepare` made the chunk for these weights; the scratch is this thread's.
            let c = unsafe {
                matmul(self.m.isa, sides, &chunk, panel);
                panel.c.slice(0..n_rows * TILE_COLS)
            };
            for (row, values) in c.chunks_exact(TILE_COLS).enumerate() {
                for (side, y) in values.as_chunks::<STRIP>().0.iter().enumerate() {
                    if sides[side].is_some() {
                        put(first_row + row, side, y);
                    }
                }
            }
        }
    }

    /// `x = after(x + post(W·src + b))`
    pub fn residual(
        &self,
        linear: &Linear,
        post: &Option<Norm>,
        after: &Option<Norm>,
        src: &Buffer<f32>,
    ) {
        let b = &self.m.buffers;
        let ready = self.prepare(src, None, &[linear], 0..self.pass.n_rows);
        match post {
            None => self.product(linear, &ready, &b.x, Then::Add),
            Some(norm) => {
                self.product(linear, &ready, &b.post, Then::Store);
                self.team.barrier();
                self.add_normed(norm);
            }
        }
        if let Some(norm) = after {
            self.team.barrier();
            self.norm_in_place(norm);
        }
    }

    /// `x += norm(post)` for all rows.
    fn add_normed(&self, norm: &Norm) {
        let b = &self.m.buffers;
        let dim = self.m.plan.dims.dim;
        for row in self.team.share(self.pass.n_rows) {
            // SAFETY: this thread's rows; the scratch row is its own.
            unsafe {
                let y = b.post.slice(row * dim..(row + 1) * dim);
                let normed = self.own.acts.normed.slice_mut(0..dim);
                self.norm_row(norm, y, normed);
                let x = b.x.slice_mut(row * dim..(row + 1) * dim);
                x.iter_mut().zip(normed.iter()).for_each(|(x, y)| *x += y);
            }
        }
    }

    pub fn gate_up(&self, norm: &Option<Norm>, gate: &Linear, up: &Linear, act: Activation) {
        let m = self.m;
        let ready = self.prepare(&m.buffers.x, norm.as_ref(), &[gate, up], 0..self.pass.n_rows);
        let (wg, wu) = (m.matrix(gate.w), m.matrix(up.w));
        let width = wg.n_rows;
        let bias = |linear: &Linear, strip: usize, y: &mut [f32; STRIP]| {
            if let Some(id) = linear.bias {
                y.iter_mut().zip(&m.vector(id)[strip * STRIP..]).for_each(|(y, b)| *y += b);
            }
        };
        let put = |row: usize, strip: usize, g: &mut [f32; STRIP], u: &mut [f32; STRIP]| {
            bias(gate, strip, g);
            bias(up, strip, u);
            let n = STRIP.min(width - strip * STRIP);
            let at = row * width + strip * STRIP;
            // SAFETY: strips are this thread's.
            unsafe {
                let h = m.buffers.h.slice_mut(at..at + n);
                match act {
                    Activation::Silu => (m.isa.silu_mul)(&g[..n], &u[..n], h),
                    Activation::GeluTanh => (m.isa.gelu_mul)(&g[..n], &u[..n], h),
                }
            }
        };
        let share = self.team.share(wg.n_strips());
        if ready.form == Form::Few {
            for strip in share {
                self.few_of(wg, strip, &ready, |row, y| {
                    let at = row * width + strip * STRIP;
                    let n = STRIP.min(width - strip * STRIP);
                    // SAFETY: strips are this thread's.
                    unsafe { m.buffers.h.slice_mut(at..at + n) }.copy_from_slice(&y[..n]);
                });
                self.few_of(wu, strip, &ready, |row, y| {
                    let at = row * width + strip * STRIP;
                    let n = STRIP.min(width - strip * STRIP);
                    let (mut g, mut u) = ([0.0; STRIP], *y);
                    // SAFETY: strips are this thread's.
                    g[..n].copy_from_slice(unsafe { m.buffers.h.slice(at..at + n) });
                    put(row, strip, &mut g, &mut u);
                });
            }
            return;
        }
        if ready.form == Form::One {
            let (mut g, mut u) = ([[0.0; STRIP]; RUN], [[0.0; STRIP]; RUN]);
            m.streams.walk(self.team, gate.w, share, |share, n_streams| {
                for first in share.clone().step_by(RUN) {
                    let n = RUN.min(share.end - first);
                    self.strips(wg, first, n_streams, &ready, &mut g[..n]);
                    self.strips(wu, first, n_streams, &ready, &mut u[..n]);
                    for (i, (g, u)) in g.iter_mut().zip(&mut u).enumerate().take(n) {
                        put(0, first + i, g, u);
                    }
                }
            });
            return;
        }
        for strip in share {
            let (mut g, mut u) = ([0.0; STRIP], [0.0; STRIP]);
            self.rows_of([Some((wg, strip)), Some((wu, strip))], &ready, |row, side, y| {
                if side == 0 {
                    g = *y;
                } else {
                    u = *y;
                    put(row, strip, &mut g, &mut u);
                }
            });
        }
    }
}
