//! Time per kernel, by the device's own clock.
//!
//! Where the device can take a timestamp inside a pass (natively), a job keeps its one pass and a
//! stamp stands between any two dispatches. Elsewhere a dispatch gets a pass of its own, with a
//! stamp at each end; browsers round these to some 100 µs for privacy, so that only sums over many
//! tokens mean something there. Queues of jobs are off meanwhile: one job's stamps are read with
//! its results.

use std::task::{Context, Poll};

use kernels::OpTime;
use kernels::shader::Forms;
use wgpu::{Buffer, BufferUsages, QuerySet};

use crate::adapter::Gpu;
use crate::encode::{PassSink, Play, Sink, play};
use crate::pipelines::Pipelines;
use crate::player::GpuPlayer;
use crate::readback::ReadBack;
use crate::schedule::{Dispatch, Schedule};

/// Stamps of one job: the most a query set may have. What exceeds it goes untimed.
const MAX_STAMPS: u32 = 4096;

/// One kernel of one op.
#[derive(Clone, Copy, Default)]
struct Row {
    op: &'static str,
    pipeline: usize,
    calls: u64,
    ns: f64,
}

/// Timers of one player.
pub struct Profile {
    on: bool,
    set: QuerySet,
    resolved: Buffer,
    readback: ReadBack,
    /// Stamps can be taken between the dispatches of a pass.
    inside: bool,
    ns_per_tick: f64,
    /// Stamps taken by the running job.
    n_stamps: u32,
    /// First and second stamp, and the row they belong to.
    spans: Vec<(u32, u32, usize)>,
    rows: Vec<Row>,
}

impl Profile {
    /// Timers, if the device has any.
    pub fn new(gpu: &Gpu) -> Option<Profile> {
        let features = gpu.device.features();
        if !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let size = 8 * u64::from(MAX_STAMPS);
        let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stamps"),
            size,
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let set = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("stamps"),
            ty: wgpu::QueryType::Timestamp,
            count: MAX_STAMPS,
        });
        Some(Profile {
            on: false,
            set,
            resolved,
            readback: ReadBack::new(gpu, "stamps", size),
            inside: features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
            ns_per_tick: f64::from(gpu.queue.get_timestamp_period()),
            n_stamps: 0,
            spans: Vec::new(),
            rows: Vec::new(),
        })
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Starts from zero, or stops.
    pub fn set(&mut self, on: bool) {
        self.on = on;
        if on {
            self.rows.clear();
        }
    }

    /// The times so far, in the order in which the kernels first ran.
    pub fn times(&self, pipelines: &Pipelines, forms: Forms) -> Vec<OpTime> {
        let time = |row: &Row| OpTime {
            op: row.op,
            kernel: pipelines.name(row.pipeline, forms),
            calls: row.calls,
            seconds: row.ns * 1e-9,
        };
        self.rows.iter().map(time).collect()
    }

    fn row(&mut self, dispatch: &Dispatch) -> usize {
        let is_it = |row: &Row| row.op == dispatch.op && row.pipeline == dispatch.pipeline;
        self.rows.iter().position(is_it).unwrap_or_else(|| {
            let (op, pipeline) = (dispatch.op, dispatch.pipeline);
            self.rows.push(Row { op, pipeline, ..Row::default() });
            self.rows.len() - 1
        })
    }

    /// Plays lists with a stamp around each dispatch; the passes and dispatches it took.
    pub fn passes(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        pipelines: &Pipelines,
        schedule: &Schedule,
        plays: &[Play<'_>],
    ) -> (u64, u64) {
        if self.inside {
            let pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let inner = PassSink { pass, pipelines, schedule, current: usize::MAX };
            let mut sink = Between { inner, profile: self, last: None };
            (1, play(schedule, plays, &mut sink))
        } else {
            let mut sink = OnePassEach { encoder, pipelines, schedule, profile: self };
            let n = play(schedule, plays, &mut sink);
            (n, n)
        }
    }

    /// Copies the stamps of the job where they can be read; false if there are none.
    fn resolve(&self, encoder: &mut wgpu::CommandEncoder) -> bool {
        if self.n_stamps > 0 {
            let bytes = 8 * u64::from(self.n_stamps);
            encoder.resolve_query_set(&self.set, 0..self.n_stamps, &self.resolved, 0);
            encoder.copy_buffer_to_buffer(&self.resolved, 0, self.readback.buffer(), 0, bytes);
        }
        self.n_stamps > 0
    }

    /// Asks for the stamps of the job that was submitted.
    pub fn request(&mut self) {
        self.readback.request(8 * u64::from(self.n_stamps));
    }

    /// Forgets the stamps of a job that is not waited for.
    pub fn abandon(&mut self) {
        self.readback.abandon();
        self.n_stamps = 0;
        self.spans.clear();
    }

    /// Ready when the stamps of the job are added up.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let (spans, rows, ns_per_tick) = (&self.spans, &mut self.rows, self.ns_per_tick);
        let done = self.readback.poll(cx, |bytes| {
            let ticks: &[u64] = bytemuck::cast_slice(bytes);
            let tick = |i: u32| ticks.get(i as usize).copied().unwrap_or_default();
            for &(first, second, row) in spans {
                let row = &mut rows[row];
                row.calls += 1;
                row.ns += tick(second).saturating_sub(tick(first)) as f64 * ns_per_tick;
            }
        });
        if done.is_ready() {
            self.n_stamps = 0;
            self.spans.clear();
        }
        done
    }

    /// Numbers of `n` further stamps, if there is room.
    fn stamps(&mut self, n: u32) -> Option<u32> {
        let first = self.n_stamps;
        (first + n <= MAX_STAMPS).then(|| {
            self.n_stamps += n;
            first
        })
    }
}

/// A stamp between any two dispatches of one pass.
struct Between<'a> {
    inner: PassSink<'a>,
    profile: &'a mut Profile,
    last: Option<u32>,
}

impl Between<'_> {
    fn stamp(&mut self) -> Option<u32> {
        let stamp = self.profile.stamps(1)?;
        self.inner.pass.write_timestamp(&self.profile.set, stamp);
        Some(stamp)
    }
}

impl Sink for Between<'_> {
    fn dispatch(&mut self, dispatch: &Dispatch, step_offset: u32, grid: [u32; 2]) {
        let before = self.last.or_else(|| self.stamp());
        self.inner.dispatch(dispatch, step_offset, grid);
        self.last = self.stamp();
        if let (Some(before), Some(after)) = (before, self.last) {
            let row = self.profile.row(dispatch);
            self.profile.spans.push((before, after, row));
        }
    }
}

/// A pass with two stamps for each dispatch.
struct OnePassEach<'a> {
    encoder: &'a mut wgpu::CommandEncoder,
    pipelines: &'a Pipelines,
    schedule: &'a Schedule,
    profile: &'a mut Profile,
}

impl Sink for OnePassEach<'_> {
    fn dispatch(&mut self, dispatch: &Dispatch, step_offset: u32, grid: [u32; 2]) {
        let stamps = self.profile.stamps(2);
        if let Some(first) = stamps {
            let row = self.profile.row(dispatch);
            self.profile.spans.push((first, first + 1, row));
        }
        let timestamp_writes = stamps.map(|first| wgpu::ComputePassTimestampWrites {
            query_set: &self.profile.set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        });
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
        let pass = self.encoder.begin_compute_pass(&descriptor);
        let (pipelines, schedule) = (self.pipelines, self.schedule);
        PassSink { pass, pipelines, schedule, current: usize::MAX }.dispatch(
            dispatch,
            step_offset,
            grid,
        );
    }
}

impl GpuPlayer {
    /// Behind the passes of a job: the copy of its stamps.
    pub(crate) fn finish_profile(&mut self) {
        if self.profile.as_ref().is_some_and(Profile::is_on) {
            let mut encoder = self.encoder();
            if self.profile.as_ref().is_some_and(|profile| profile.resolve(&mut encoder)) {
                self.last_submit = Some(self.gpu.queue.submit([encoder.finish()]));
            }
        }
    }
}
