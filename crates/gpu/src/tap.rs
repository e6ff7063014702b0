//! Shows a tap what the ops of a job read.
//!
//! The list for many rows is plain: what a product is multiplied with stands in a buffer before it,
//! as floats. So a job with a tap plays that list, whatever its number of rows, and stops before
//! each product for a copy of those rows, and of the residual stream where a norm read it. The
//! kernels and their bind groups are the same; the copies of a whole job wait in one buffer, which
//! is read with its results. Jobs have fewer rows meanwhile, so that this buffer stays small.

use std::task::{Context, Poll};

use kernels::{PlayerError, Tap};
use wgpu::Buffer;

use crate::adapter::Gpu;
use crate::encode::Play;
use crate::player::GpuPlayer;
use crate::readback::ReadBack;
use crate::schedule::Part;
use crate::store::MAX_ROWS;

/// Bytes of copies that one job may have.
const MAX_BYTES: u64 = 64 << 20;

/// Where the inputs of a product stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// `xn`
    Normed,
    /// `a`
    Attended,
    /// `h`
    Gated,
}

/// A place in the list for many rows where there is something to see.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Dispatches before it.
    pub at: usize,
    /// Number of the op in the Plan.
    pub op: usize,
    /// What the op's matrices are multiplied with; of the head, whose rows are chosen by the job,
    /// nothing.
    pub inputs: Option<Inputs>,
    /// Columns of these, without padding.
    pub n_cols: usize,
    /// Floats of a row of these, with padding.
    pub width: usize,
    /// Whether the op reads the residual stream.
    pub has_stream: bool,
}

/// Rows in the buffer of copies.
struct Copied {
    op: usize,
    is_stream: bool,
    /// Bytes before them.
    offset: u64,
    n_rows: usize,
    n_cols: usize,
    width: usize,
}

/// A tap, and what it will be shown of the running job.
pub struct Tapped {
    tap: Box<dyn Tap>,
    /// Most rows of a job whose copies have room.
    pub max_rows: usize,
    readback: ReadBack,
    copied: Vec<Copied>,
    n_bytes: u64,
}

impl Tapped {
    /// Room for the copies at `points`, of rows of the residual stream with `x_width` floats.
    ///
    /// # Errors
    /// [`PlayerError::Memory`] if there is none for one row.
    pub fn new(
        gpu: &Gpu,
        points: &[Point],
        x_width: usize,
        tap: Box<dyn Tap>,
    ) -> Result<Tapped, PlayerError> {
        let floats = |point: &Point| {
            let inputs = if point.inputs.is_some() { point.width } else { x_width };
            inputs + if point.has_stream { x_width } else { 0 }
        };
        let row_bytes = 4 * points.iter().map(floats).sum::<usize>().max(1) as u64;
        let have = gpu.limits.max_buffer_size;
        if row_bytes > have {
            let what = "a copy of what passes between the ops".to_owned();
            return Err(PlayerError::Memory { device: gpu.name(), what, need: row_bytes, have });
        }
        let max_rows = (MAX_BYTES.min(have) / row_bytes).clamp(1, MAX_ROWS as u64);
        let readback = ReadBack::new(gpu, "tap", max_rows * row_bytes);
        Ok(Tapped { tap, max_rows: max_rows as usize, readback, copied: Vec::new(), n_bytes: 0 })
    }

    /// Copies rows `first ..` of `from`.
    fn copy(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        from: &Buffer,
        first: usize,
        rows: Copied,
    ) {
        let row_bytes = 4 * rows.width as u64;
        let (offset, size) = (self.n_bytes, rows.n_rows as u64 * row_bytes);
        let to = self.readback.buffer();
        encoder.copy_buffer_to_buffer(from, first as u64 * row_bytes, to, offset, size);
        self.n_bytes += size;
        self.copied.push(Copied { offset, ..rows });
    }

    /// Asks for the copies of the job that was submitted.
    pub fn request(&mut self) {
        self.readback.request(self.n_bytes);
    }

    /// Forgets the copies of a job that is not waited for.
    pub fn abandon(&mut self) {
        self.readback.abandon();
        self.copied.clear();
        self.n_bytes = 0;
    }

    /// Ready when the tap has seen the job.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let (tap, copied) = (&mut self.tap, &self.copied);
        let done = self.readback.poll(cx, |bytes| show(&mut **tap, copied, bytes));
        if done.is_ready() {
            self.copied.clear();
            self.n_bytes = 0;
        }
        done
    }
}

fn show(tap: &mut dyn Tap, all: &[Copied], bytes: &[u8]) {
    let mut rows = Vec::new();
    for copied in all {
        let from = copied.offset as usize;
        let to = from + 4 * copied.n_rows * copied.width;
        let floats: &[f32] = bytemuck::cast_slice(&bytes[from..to]);
        rows.clear();
        for row in floats.chunks_exact(copied.width) {
            rows.extend_from_slice(&row[..copied.n_cols]);
        }
        match copied.is_stream {
            true => tap.stream(copied.op, &rows),
            false => tap.inputs(copied.op, &rows, copied.n_cols),
        }
    }
}

impl GpuPlayer {
    /// The layers of a chunk, with a copy at every point; the encoder of the last submit is open.
    pub(crate) fn prefill_tapped(&mut self, play: Play<'_>) -> wgpu::CommandEncoder {
        let mut encoder = self.encoder();
        let mut from = 0;
        for i in 0..self.schedule.points.len() {
            let point = self.schedule.points[i];
            let part = Part::Prefill { from, to: point.at };
            self.pass(&mut encoder, &[Play { part, ..play }]);
            self.show_point(&mut encoder, &point, play.n_rows as usize);
            from = point.at;
            let full = std::mem::replace(&mut encoder, self.encoder());
            self.submit_encoder(full);
        }
        let part = Part::Prefill { from, to: usize::MAX };
        self.pass(&mut encoder, &[Play { part, ..play }]);
        encoder
    }

    fn show_point(&mut self, encoder: &mut wgpu::CommandEncoder, point: &Point, n_rows: usize) {
        let Some(tapped) = &mut self.tap else { return };
        let (store, op) = (&self.store, point.op);
        if point.has_stream {
            let (n_cols, width) = (self.plan.dims.dim, store.widths.x);
            let rows = Copied { op, is_stream: true, offset: 0, n_rows, n_cols, width };
            tapped.copy(encoder, &store.x[0], 0, rows);
        }
        let from = match point.inputs {
            None => return,
            Some(Inputs::Normed) => &store.xn,
            Some(Inputs::Attended) => &store.a,
            Some(Inputs::Gated) => &store.h,
        };
        let (n_cols, width) = (point.n_cols, point.width);
        let rows = Copied { op, is_stream: false, offset: 0, n_rows, n_cols, width };
        tapped.copy(encoder, from, 0, rows);
    }

    /// Copies what the head is multiplied with: rows of `xn`, which are normed.
    pub(crate) fn show_head(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        rows: std::ops::Range<usize>,
    ) {
        let (Some(tapped), Some(point)) = (&mut self.tap, self.schedule.points.last()) else {
            return;
        };
        if point.inputs.is_some() {
            return; // there is no head
        }
        let (n_cols, width) = (self.plan.dims.dim, self.store.widths.x);
        let (op, n_rows) = (point.op, rows.len());
        let copied = Copied { op, is_stream: false, offset: 0, n_rows, n_cols, width };
        tapped.copy(encoder, &self.store.xn, rows.start, copied);
    }
}
