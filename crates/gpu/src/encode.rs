//! Lists of dispatches into compute passes, and what a pass leaves into read-back buffers.
//!
//! Playing a list is separate from the pass it is played into ([`Sink`]), so that a test can count
//! what our part of a token costs without a driver's part, and a profile can time each dispatch.

use kernels::shader::params::Step;

use crate::pipelines::{Pipelines, UNIFORM_STRIDE};
use crate::player::GpuPlayer;
use crate::schedule::{Dispatch, Part, Schedule, Turns};
use crate::store::CHAIN_IDS;

/// A list with the step that it reads.
#[derive(Clone, Copy, Debug)]
pub struct Play<'a> {
    pub part: Part,
    /// Rows and position of that step, for the sizes of grids.
    pub n_rows: u32,
    pub pos: u32,
    /// Slot of the step buffer.
    pub slot: usize,
    /// Positions of the rows if each is of a sequence of its own; their steps are in the slots
    /// behind `slot`.
    pub rows: &'a [u32],
}

impl<'a> Play<'a> {
    pub fn new(part: Part, step: &Step, slot: usize) -> Self {
        Play { part, n_rows: step.n_rows, pos: step.pos, slot, rows: &[] }
    }

    /// For rows of several sequences.
    pub fn of_rows(part: Part, step: &Step, slot: usize, rows: &'a [u32]) -> Self {
        Play { rows, ..Play::new(part, step, slot) }
    }
}

/// Takes dispatches.
pub trait Sink {
    fn dispatch(&mut self, dispatch: &Dispatch, step_offset: u32, grid: [u32; 2]);
}

/// Hands the needed dispatches of all lists to `sink`; their number.
pub fn play(schedule: &Schedule, plays: &[Play<'_>], sink: &mut impl Sink) -> u64 {
    let mut n = 0;
    for one in plays {
        for dispatch in schedule.part(one.part) {
            let mut put = |slot: usize, n_rows, pos| {
                if let Some(grid) = dispatch.grid.size(n_rows, pos) {
                    let step_offset = (slot as u64 * UNIFORM_STRIDE) as u32;
                    sink.dispatch(dispatch, step_offset, grid);
                    n += 1;
                }
            };
            match (dispatch.turns, one.rows.is_empty()) {
                (Turns::PerSequence | Turns::Rows, false) => {
                    let slots = one.slot + 1..;
                    slots.zip(one.rows).for_each(|(slot, pos)| put(slot, 1, *pos));
                }
                (Turns::Chunk, false) | (Turns::Rows, true) => {}
                _ => put(one.slot, one.n_rows, one.pos),
            }
        }
    }
    n
}

/// Dispatches into one compute pass.
pub struct PassSink<'a> {
    pub pass: wgpu::ComputePass<'a>,
    pub pipelines: &'a Pipelines,
    pub schedule: &'a Schedule,
    /// The pipeline that is set.
    pub current: usize,
}

impl Sink for PassSink<'_> {
    fn dispatch(&mut self, dispatch: &Dispatch, step_offset: u32, [x, y]: [u32; 2]) {
        if self.current != dispatch.pipeline {
            self.pass.set_pipeline(&self.pipelines.get(dispatch.pipeline).pipeline);
            self.current = dispatch.pipeline;
        }
        let bind = &self.schedule.binds[dispatch.bind];
        self.pass.set_bind_group(0, bind, &[dispatch.params, step_offset]);
        self.pass.dispatch_workgroups(x, y, 1);
    }
}

impl GpuPlayer {
    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None })
    }

    /// Plays lists in one compute pass (while profiling in as many as that needs).
    pub(crate) fn pass(&mut self, encoder: &mut wgpu::CommandEncoder, plays: &[Play<'_>]) {
        if plays.is_empty() {
            return;
        }
        let (pipelines, schedule) = (&self.pipelines, &self.schedule);
        if let Some(profile) = self.profile.as_mut().filter(|profile| profile.is_on()) {
            let (passes, dispatches) = profile.passes(encoder, pipelines, schedule, plays);
            self.counters.passes += passes;
            self.counters.dispatches += dispatches;
            return;
        }
        let pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let mut sink = PassSink { pass, pipelines, schedule, current: usize::MAX };
        self.counters.dispatches += play(schedule, plays, &mut sink);
        self.counters.passes += 1;
    }

    pub(crate) fn submit_encoder(&mut self, encoder: wgpu::CommandEncoder) {
        self.last_submit = Some(self.gpu.queue.submit([encoder.finish()]));
        self.counters.submits += 1;
    }

    /// Tokens `first .. first + n` of the chain to the read-back buffer of a job.
    pub(crate) fn copy_tokens(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        first: usize,
        n: usize,
        job: usize,
    ) {
        let offset = 4 * (CHAIN_IDS + first) as u64;
        let to = &self.store.chosen[job];
        encoder.copy_buffer_to_buffer(&self.store.ids, offset, to, 0, 4 * n as u64);
    }

    /// The first `rows.len()` rows of the logits buffer become these rows of a result of `n_rows`.
    pub(crate) fn copy_logits(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        rows: std::ops::Range<usize>,
        n_rows: usize,
    ) {
        let row_bytes = 4 * self.plan.dims.n_vocab as u64;
        let to = self.readback(n_rows as u64 * row_bytes);
        let size = rows.len() as u64 * row_bytes;
        let offset = rows.start as u64 * row_bytes;
        encoder.copy_buffer_to_buffer(&self.store.logits, 0, to, offset, size);
    }

    /// Hidden rows: behind the head's norm, or, without a head, what the layers left.
    pub(crate) fn copy_hidden(&self, encoder: &mut wgpu::CommandEncoder, n_rows: usize) {
        let from = match n_rows {
            _ if self.plan.gives_logits() => &self.store.xn,
            1 => &self.store.x[self.schedule.decode_x],
            _ => &self.store.x[0],
        };
        let row_bytes = 4 * self.plan.dims.dim as u64;
        let stride = 4 * self.store.widths.x as u64;
        let to = self.readback(n_rows as u64 * row_bytes);
        for i in 0..n_rows as u64 {
            encoder.copy_buffer_to_buffer(from, i * stride, to, i * row_bytes, row_bytes);
        }
    }
}
