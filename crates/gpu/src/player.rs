//! A model on the GPU: plays jobs (see [`job`](crate::job)) and reads their results back.

use std::task::{Context, Poll};

use kernels::shader::params::Step;
use kernels::{Counters, Job, Plan, Player, PlayerConfig, PlayerError, PlayerInfo, Sampling};
use wgpu::Buffer;

use crate::adapter::Gpu;
use crate::pipelines::{Pipelines, UNIFORM_STRIDE};
use crate::platform;
use crate::schedule::{Part, Schedule};
use crate::signal::Signal;
use crate::store::{MAX_CHAIN, MAX_RECENT, MAX_ROWS, Store, TOPK_MAX};

/// Milliseconds that one submit of a prefill should take at most, so that a page stays responsive
/// and no watchdog fires.
const SUBMIT_MS: f64 = 50.0;

/// What a job leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Nothing,
    Hidden { n_rows: usize },
    Logits { n_rows: usize },
    Tokens { n: usize },
}

/// A job that was submitted.
struct Running {
    outcome: Outcome,
    started_ms: f64,
    n_rows: usize,
}

/// A model on the GPU.
pub struct GpuPlayer {
    pub(crate) gpu: Gpu,
    pub(crate) plan: Plan,
    pub(crate) config: PlayerConfig,
    pub(crate) store: Store,
    pub(crate) schedule: Schedule,
    pipelines: Pipelines,
    /// For results larger than `Store::readback`; made when first asked for, never per token.
    wide: Option<Buffer>,
    running: Option<Running>,
    signal: Signal,
    /// Milliseconds per row of the last prefill chunk; unknown before the first.
    ms_per_row: Option<f64>,
    logits: Vec<f32>,
    hidden: Vec<f32>,
    tokens: Vec<u32>,
    counters: Counters,
}

impl GpuPlayer {
    pub fn new(
        gpu: Gpu,
        plan: Plan,
        config: PlayerConfig,
        store: Store,
        schedule: Schedule,
        pipelines: Pipelines,
    ) -> Self {
        let n_objects = store.n_buffers + 1 + schedule.binds.len() as u64 + pipelines.len() as u64;
        GpuPlayer {
            logits: Vec::with_capacity(plan.dims.n_vocab),
            hidden: Vec::new(),
            tokens: Vec::with_capacity(MAX_CHAIN),
            counters: Counters { objects_created: n_objects, ..Counters::default() },
            gpu,
            plan,
            config,
            store,
            schedule,
            pipelines,
            wide: None,
            running: None,
            signal: Signal::default(),
            ms_per_row: None,
        }
    }

    fn now_ms(&self) -> f64 {
        self.gpu.clock_ms.map_or(0.0, |clock| clock())
    }

    /// Submits that a prefill chunk is cut into: by the time of the last one, and a submit per
    /// layer until that is known.
    pub(crate) fn n_submits(&self, n_rows: usize) -> usize {
        match self.ms_per_row {
            None => self.plan.dims.n_layers.max(1),
            Some(ms) => (ms * n_rows as f64 / SUBMIT_MS).ceil().max(1.0) as usize,
        }
    }

    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None })
    }

    /// Plays lists in one compute pass, each with the step of its slot.
    pub(crate) fn pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        parts: &[(Part, Step, usize)],
    ) {
        if parts.is_empty() {
            return;
        }
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.counters.passes += 1;
        let mut current = usize::MAX;
        for (part, step, slot) in parts {
            let step_offset = (*slot as u64 * UNIFORM_STRIDE) as u32;
            for dispatch in self.schedule.part(*part) {
                let Some([x, y]) = dispatch.grid.size(step.n_rows, step.pos) else {
                    continue;
                };
                if current != dispatch.pipeline {
                    pass.set_pipeline(&self.pipelines.get(dispatch.pipeline).pipeline);
                    current = dispatch.pipeline;
                }
                let bind = &self.schedule.binds[dispatch.bind];
                pass.set_bind_group(0, bind, &[dispatch.params, step_offset]);
                pass.dispatch_workgroups(x, y, 1);
                self.counters.dispatches += 1;
            }
        }
    }

    pub(crate) fn submit(&mut self, encoder: wgpu::CommandEncoder) {
        self.gpu.queue.submit([encoder.finish()]);
        self.counters.submits += 1;
    }

    /// Bytes the outcome needs in the read-back buffer.
    fn outcome_bytes(&self, outcome: Outcome) -> u64 {
        let floats = match outcome {
            Outcome::Nothing => 0,
            Outcome::Hidden { n_rows } => n_rows * self.plan.dims.dim,
            Outcome::Logits { n_rows } => n_rows * self.plan.dims.n_vocab,
            Outcome::Tokens { n } => n,
        };
        4 * floats as u64
    }

    /// Makes room for an outcome that is larger than the usual ones.
    pub(crate) fn reserve(&mut self, outcome: Outcome) -> Result<(), PlayerError> {
        let need = self.outcome_bytes(outcome);
        let has = self.wide.as_ref().map_or(self.store.readback.size(), Buffer::size);
        if need <= has {
            return Ok(());
        }
        let have = self.gpu.limits.max_buffer_size;
        let what = "the read-back of all rows".to_string();
        if need > have {
            return Err(PlayerError::Memory { device: self.gpu.name(), what, need, have });
        }
        self.gpu.health.requesting(&what, need);
        self.counters.objects_created += 1;
        self.wide = Some(self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("wide readback"),
            size: need,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }));
        self.gpu.health.check()
    }

    fn readback(&self, need: u64) -> &Buffer {
        match &self.wide {
            Some(wide) if need > self.store.readback.size() => wide,
            _ => &self.store.readback,
        }
    }

    pub(crate) fn copy_tokens(&self, encoder: &mut wgpu::CommandEncoder, n: usize) {
        let (from, to) = (&self.store.ids, &self.store.readback);
        encoder.copy_buffer_to_buffer(from, 4 * MAX_RECENT as u64, to, 0, 4 * n as u64);
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

    pub(crate) fn copy_hidden(&self, encoder: &mut wgpu::CommandEncoder, n_rows: usize) {
        let which = if n_rows == 1 { self.schedule.decode_x } else { 0 };
        let row_bytes = 4 * self.plan.dims.dim as u64;
        let stride = 4 * self.store.widths.x as u64;
        let to = self.readback(n_rows as u64 * row_bytes);
        for i in 0..n_rows as u64 {
            let from = &self.store.x[which];
            encoder.copy_buffer_to_buffer(from, i * stride, to, i * row_bytes, row_bytes);
        }
    }

    /// Asks for the results (or, without any, for the end of the work).
    fn request(&mut self, outcome: Outcome) {
        self.signal.reset();
        let signal = self.signal.clone();
        let bytes = self.outcome_bytes(outcome);
        if bytes == 0 {
            self.gpu.queue.on_submitted_work_done(move || signal.raise(Ok(())));
            return;
        }
        let done = move |result: Result<(), wgpu::BufferAsyncError>| {
            signal.raise(result.map_err(|e| e.to_string()));
        };
        self.readback(bytes).slice(..bytes).map_async(wgpu::MapMode::Read, done);
    }

    fn receive(&mut self, outcome: Outcome) -> Result<(), PlayerError> {
        let bytes = self.outcome_bytes(outcome);
        if bytes == 0 {
            return Ok(());
        }
        let buffer = self.readback(bytes).clone();
        let view = buffer
            .slice(..bytes)
            .get_mapped_range()
            .map_err(|e| PlayerError::Device { device: self.gpu.name(), reason: e.to_string() })?;
        match outcome {
            Outcome::Nothing => {}
            Outcome::Hidden { .. } => fill(&mut self.hidden, &view),
            Outcome::Logits { .. } => fill(&mut self.logits, &view),
            Outcome::Tokens { .. } => fill(&mut self.tokens, &view),
        }
        drop(view);
        buffer.unmap();
        self.counters.bytes_read_back += bytes;
        Ok(())
    }

    /// Learns from a chunk's time how many submits the next one needs.
    fn adapt(&mut self, running: &Running) {
        let elapsed = self.now_ms() - running.started_ms;
        if running.n_rows > 1 && elapsed > 0.0 {
            self.ms_per_row = Some(elapsed / running.n_rows as f64);
        }
    }
}

fn fill<T: bytemuck::Pod>(out: &mut Vec<T>, bytes: &[u8]) {
    out.clear();
    out.extend_from_slice(bytemuck::cast_slice(bytes));
}

impl Player for GpuPlayer {
    fn info(&self) -> PlayerInfo {
        let forms = self.gpu.forms;
        let mut form = vec![if forms.subgroups { "subgroups" } else { "workgroup memory" }];
        if forms.f16 {
            form.push("f16");
        }
        let form = form.join(", ");
        let mut kernels: Vec<_> =
            self.pipelines.kernels().map(|kernel| (format!("{kernel:?}"), form.clone())).collect();
        kernels.sort();
        PlayerInfo {
            device: "gpu".into(),
            name: self.gpu.name(),
            kernels,
            weight_bytes: self.store.weight_bytes,
            kv_bytes: self.store.kv_bytes,
            scratch_bytes: self.store.scratch_bytes,
        }
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }

    fn can_sample(&self, sampling: &Sampling) -> bool {
        let greedy = sampling.temperature <= 0.0;
        let chain = sampling.typical_p >= 1.0
            && sampling.top_k > 0
            && sampling.top_k as usize <= TOPK_MAX
            && sampling.temperature.is_finite();
        self.plan.takes_tokens() && self.plan.gives_logits() && (greedy || chain)
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        let n_rows = self.check(job)?;
        if self.running.is_some() {
            return Err(PlayerError::Device {
                device: self.gpu.name(),
                reason: "a job was submitted before the last one was read".into(),
            });
        }
        let started_ms = self.now_ms();
        let outcome = self.start(job, n_rows)?;
        self.request(outcome);
        self.running = Some(Running { outcome, started_ms, n_rows });
        self.gpu.health.check()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        let Some(running) = self.running.take() else {
            return Poll::Ready(self.gpu.health.check());
        };
        let lost = |reason| PlayerError::DeviceLost { reason };
        if let Err(reason) = platform::wait(&self.gpu.device) {
            return Poll::Ready(Err(lost(reason)));
        }
        match self.signal.poll(cx) {
            Poll::Pending => {
                self.running = Some(running);
                Poll::Pending
            }
            Poll::Ready(Err(reason)) => {
                Poll::Ready(Err(self.gpu.health.check().err().unwrap_or_else(|| lost(reason))))
            }
            Poll::Ready(Ok(())) => {
                let received = self.receive(running.outcome);
                self.adapt(&running);
                Poll::Ready(received.and_then(|()| self.gpu.health.check()))
            }
        }
    }

    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn hidden(&self) -> &[f32] {
        &self.hidden
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

impl Drop for GpuPlayer {
    fn drop(&mut self) {
        self.gpu.health.released(self.store.n_bytes());
    }
}
