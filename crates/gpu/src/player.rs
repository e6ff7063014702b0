//! A model on the GPU: the [`Player`]. Jobs are encoded in [`job`](crate::job), their results come
//! back in [`flight`](crate::flight).

use std::pin::Pin;
use std::task::{Context, Poll};

use kernels::{
    Counters, Job, KvShape, KvSpan, OpTime, Peaks, Place, Plan, Player, PlayerConfig, PlayerError,
    PlayerInfo, Sampling, Tap,
};
use wgpu::Buffer;

use crate::adapter::Gpu;
use crate::chain::Chain;
use crate::flight::Flight;
use crate::pipelines::{Pipelines, UNIFORM_STRIDE};
use crate::profile::Profile;
use crate::schedule::Schedule;
use crate::store::{MAX_CHAIN, MAX_ROWS, SLOTS, Store, TOPK_MAX};
use crate::tap::Tapped;

/// Milliseconds that one submit of a prefill should take at most, so that a page stays responsive
/// and no watchdog fires.
const SUBMIT_MS: f64 = 50.0;

/// A measurement of the device's peaks, on its way.
type Measuring = Pin<Box<dyn Future<Output = Result<Peaks, PlayerError>>>>;

/// A model on the GPU.
pub struct GpuPlayer {
    pub(crate) gpu: Gpu,
    /// For messages; made once.
    pub(crate) name: String,
    pub(crate) plan: Plan,
    pub(crate) config: PlayerConfig,
    pub(crate) store: Store,
    pub(crate) schedule: Schedule,
    pub(crate) pipelines: Pipelines,
    /// For results larger than `Store::readback`; made when first asked for, never per token.
    pub(crate) wide: Option<Buffer>,
    pub(crate) flight: Flight,
    pub(crate) last_submit: Option<wgpu::SubmissionIndex>,
    pub(crate) chain: Option<Chain>,
    /// What is written to the step buffer.
    pub(crate) steps: Vec<u8>,
    /// Made when profiling is first asked for.
    pub(crate) profile: Option<Profile>,
    /// Who looks at what passes between the ops.
    pub(crate) tap: Option<Tapped>,
    measuring: Option<Measuring>,
    peaks: Option<Peaks>,
    /// Milliseconds per row of the last prefill chunk; unknown before the first.
    ms_per_row: Option<f64>,
    pub(crate) logits: Vec<f32>,
    pub(crate) hidden: Vec<f32>,
    pub(crate) tokens: Vec<u32>,
    /// What the cache looks like to others, and rows of it.
    pub(crate) kv_shape: Option<KvShape>,
    pub(crate) kv_rows: Vec<u8>,
    pub(crate) counters: Counters,
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
            kv_shape: KvShape::of(&plan, config.kv),
            kv_rows: Vec::new(),
            counters: Counters { objects_created: n_objects, ..Counters::default() },
            name: gpu.name(),
            gpu,
            plan,
            config,
            store,
            schedule,
            pipelines,
            wide: None,
            flight: Flight::default(),
            last_submit: None,
            chain: None,
            steps: vec![0; UNIFORM_STRIDE as usize * SLOTS],
            profile: None,
            tap: None,
            measuring: None,
            peaks: None,
            ms_per_row: None,
        }
    }

    pub(crate) fn now_ms(&self) -> f64 {
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

    /// Gives up a measurement that is on its way.
    pub(crate) fn stop_measuring(&mut self) {
        self.measuring = None;
    }

    /// Adds the host's time since `started_ms`.
    fn count_encoding(&mut self, started_ms: f64) {
        self.counters.encode_ns += ((self.now_ms() - started_ms).max(0.0) * 1e6) as u64;
    }

    /// Learns from a chunk's time how many submits the next one needs.
    pub(crate) fn adapt(&mut self, n_rows: usize, elapsed_ms: f64) {
        if n_rows > 1 && elapsed_ms > 0.0 {
            self.ms_per_row = Some(elapsed_ms / n_rows as f64);
        }
    }
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
        self.tap.as_ref().map_or(MAX_ROWS, |tapped| tapped.max_rows)
    }

    fn can_sample(&self, sampling: &Sampling) -> bool {
        let greedy = sampling.temperature <= 0.0;
        let chain = sampling.typical_p >= 1.0
            && sampling.top_k > 0
            && sampling.top_k as usize <= TOPK_MAX
            && sampling.temperature.is_finite();
        let is_plain = self.plan.takes_tokens() && self.plan.gives_logits() && self.tap.is_none();
        is_plain && (greedy || chain)
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        let n_rows = self.check(job)?;
        self.abandon();
        self.measuring = None;
        let started_ms = self.now_ms();
        let outcome = self.start(job, n_rows)?;
        self.finish_profile();
        // What a step of several sequences takes says nothing of a prompt's chunks.
        let n_rows = if matches!(job.place, Place::Each(_)) { 1 } else { n_rows };
        self.request(outcome, n_rows, started_ms);
        self.count_encoding(started_ms);
        self.gpu.health.check()
    }

    fn submit_next(&mut self, n_tokens: usize) -> Result<bool, PlayerError> {
        let started_ms = self.now_ms();
        let Some(outcome) = self.continue_chain(n_tokens)? else {
            return Ok(false);
        };
        self.request(outcome, 1, started_ms);
        self.count_encoding(started_ms);
        self.gpu.health.check().map(|()| true)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        let Some(measuring) = &mut self.measuring else {
            return self.poll_oldest(cx);
        };
        let measured = std::task::ready!(measuring.as_mut().poll(cx));
        self.measuring = None;
        Poll::Ready(measured.map(|peaks| self.peaks = Some(peaks)))
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

    fn submit_kv_read(&mut self, span: &KvSpan) -> Result<bool, PlayerError> {
        self.read_rows(span)
    }

    fn kv_rows(&self) -> &[u8] {
        &self.kv_rows
    }

    fn submit_kv_write(&mut self, span: &KvSpan, rows: &[u8]) -> Result<bool, PlayerError> {
        self.write_rows(span, rows)
    }

    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        self.abandon();
        self.gpu.health.check()?;
        self.peaks = None;
        if self.gpu.clock_ms.is_some() {
            self.measuring = Some(Box::pin(crate::tune::measure_peaks(self.gpu.clone())));
        }
        Ok(())
    }

    fn peaks(&self) -> Option<&Peaks> {
        self.peaks.as_ref()
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) -> Result<bool, PlayerError> {
        self.abandon();
        self.chain = None;
        self.tap = None;
        if let Some(tap) = tap {
            self.counters.objects_created += 1;
            let (points, x_width) = (&self.schedule.points, self.store.widths.x);
            self.tap = Some(Tapped::new(&self.gpu, points, x_width, tap)?);
        }
        self.gpu.health.check().map(|()| true)
    }

    fn set_profiling(&mut self, on: bool) {
        self.abandon();
        if on && self.profile.is_none() {
            self.profile = Profile::new(&self.gpu);
        }
        if let Some(profile) = &mut self.profile {
            profile.set(on);
        }
    }

    fn profile(&self) -> Vec<OpTime> {
        self.profile.as_ref().map_or_else(Vec::new, |p| p.times(&self.pipelines, self.gpu.forms))
    }
}

impl Drop for GpuPlayer {
    fn drop(&mut self) {
        self.gpu.health.released(self.store.n_bytes());
    }
}
