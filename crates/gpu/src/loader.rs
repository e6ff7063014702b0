//! Takes a model's rows as they come from the file and puts them where the kernels read them.
//!
//! Rows are regrouped into planes (see `kernels::shader::layout`) in one scratch buffer of the size
//! of a piece and handed to the queue; a format that needs no regrouping goes straight through.
//! Nothing is kept: [`Loader::poll_flushed`] is ready when the device has taken what was written
//! before the last call of it, so that the device takes one batch while the next one is read; and
//! if nothing was written since, when everything is taken.

use std::task::{Context, Poll};

use kernels::check::check_slots;
use kernels::shader::layout::UNIT;
use kernels::{
    Loader, Mask, Norm, NormKind, Op, Plan, Player, PlayerConfig, PlayerError, WeightId,
};

use crate::adapter::Gpu;
use crate::place::Placement;
use crate::platform;
use crate::player::GpuPlayer;
use crate::schedule::Builder;
use crate::signal::Signal;
use crate::store::Store;

/// A model on its way to the GPU.
pub struct GpuLoader {
    gpu: Gpu,
    plan: Plan,
    config: PlayerConfig,
    placement: Placement,
    store: Store,
    /// Regrouped rows of one call of `write`.
    scratch: Vec<u8>,
    /// All vectors, padded; written at the end.
    vectors: Vec<f32>,
    /// Of the batch before the last one.
    before: Signal,
    /// Of the last batch.
    last: Signal,
    /// Something was written since the last flush.
    dirty: bool,
    waiting: bool,
}

/// Most positions a kernel's 32-bit offsets are made for; far above any model's context.
const MAX_CONTEXT: usize = 1 << 24;

impl GpuLoader {
    pub fn new(gpu: Gpu, plan: &Plan, config: PlayerConfig) -> Result<Self, PlayerError> {
        gpu.health.check()?;
        validate(&gpu, plan, config)?;
        let max = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        let placement = Placement::new(plan, max, &gpu.name())?;
        let max_spans = max_spans(plan, config);
        let store = Store::new(&gpu, plan, &placement, config, max_spans)?;
        let vectors = vec![0.0; placement.n_vector_floats];
        Ok(GpuLoader {
            gpu,
            plan: plan.clone(),
            config,
            placement,
            store,
            scratch: Vec::new(),
            vectors,
            before: raised(),
            last: raised(),
            dirty: false,
            waiting: false,
        })
    }

    fn write_vector(&mut self, id: WeightId, bytes: &[u8]) -> Result<(), PlayerError> {
        let weight = &self.plan.weights[id.0];
        let at = self.placement.vectors[&id];
        let out = &mut self.vectors[at..at + weight.n_cols];
        quant::decode(weight.ty, bytes, out).map_err(|e| PlayerError::Device {
            device: self.gpu.name(),
            reason: format!("tensor '{}': {e}", weight.name),
        })
    }

    fn write_matrix(&mut self, id: WeightId, row: usize, bytes: &[u8]) {
        let Some(matrix) = self.placement.matrices.get(&id) else {
            return;
        };
        let layout = matrix.layout;
        let n_rows = bytes.len() / layout.file_bytes.max(1);
        for part in &matrix.parts {
            let from = row.max(part.first_row);
            let to = (row + n_rows).min(part.first_row + part.n_rows);
            if from >= to {
                continue;
            }
            let rows = &bytes[(from - row) * layout.file_bytes..(to - row) * layout.file_bytes];
            let buffer = &self.store.weights[part.buffer];
            let offset = part.offset + ((from - part.first_row) * layout.row_bytes) as u64;
            if layout.is_plain() {
                self.gpu.queue.write_buffer(buffer, offset, rows);
            } else {
                self.scratch.resize((to - from) * layout.row_bytes, 0);
                layout.repack(rows, &mut self.scratch);
                self.gpu.queue.write_buffer(buffer, offset, &self.scratch);
            }
        }
    }

    /// Cosines and sines of all positions, a few megabytes at a time.
    fn write_angles(&self) {
        const PIECE_BYTES: usize = 1 << 20;
        let mut floats = Vec::new();
        for (rope, buffer) in self.plan.ropes.iter().zip(&self.store.angles) {
            let row = 2 * rope.n_pairs();
            if row == 0 {
                continue;
            }
            let step = (PIECE_BYTES / (4 * row)).max(1);
            for first in (0..self.config.n_ctx).step_by(step) {
                let n = step.min(self.config.n_ctx - first);
                floats.resize(n * row, 0.0);
                for (i, out) in floats.chunks_exact_mut(row).enumerate() {
                    rope.cos_sin(first + i, out);
                }
                let offset = (first * row * 4) as u64;
                self.gpu.queue.write_buffer(buffer, offset, bytemuck::cast_slice(&floats));
            }
        }
    }
}

/// The signal of a batch that nobody has to wait for.
fn raised() -> Signal {
    let signal = Signal::default();
    let ticket = signal.reset();
    signal.raise(ticket, Ok(()));
    signal
}

/// Capacity of the partial results of attention, over all layers.
fn max_spans(plan: &Plan, config: PlayerConfig) -> usize {
    let spans = plan.ops.iter().filter_map(|op| match op {
        Op::Attention { heads, .. } => kernels::shader::attn_shape(*heads),
        _ => None,
    });
    spans.map(|shape| config.n_ctx.div_ceil(shape.span)).max().unwrap_or(1)
}

/// What is refused.
pub const ENCODERS: &str = "attention in both directions and layer norms (an embedding model)";

/// True if there are kernels for every op: those of decoders. A model that only embeds texts is
/// small and is computed in chunks as long as the text, which a processor does well.
pub fn plays(plan: &Plan) -> bool {
    let is_rms = |norm: &Norm| norm.kind == NormKind::Rms;
    let is_known = |norm: &Option<Norm>| norm.as_ref().is_none_or(is_rms);
    plan.ops.iter().all(|op| match op {
        Op::Embed { encoder, .. } => encoder.is_none(),
        Op::Qkv { norm, .. } => norm.as_ref().is_some_and(is_rms),
        Op::RopeKv { q_norm, k_norm, rope, .. } => {
            rope.is_some() && is_known(q_norm) && is_known(k_norm)
        }
        Op::Attention { mask, .. } => *mask != Mask::Full,
        Op::Output { post, after, .. } | Op::Down { post, after, .. } => {
            after.is_none() && is_known(post)
        }
        Op::GateUp { norm, gate, .. } => norm.as_ref().is_some_and(is_rms) && gate.is_some(),
        Op::Head { norm, .. } => is_rms(norm),
    })
}

/// What the kernels take for granted.
pub fn validate(gpu: &Gpu, plan: &Plan, config: PlayerConfig) -> Result<(), PlayerError> {
    let refuse = |what: String| Err(PlayerError::Unsupported { device: gpu.name(), what });
    check_slots(&config, &gpu.name())?;
    if !plays(plan) {
        return refuse(ENCODERS.into());
    }
    let n_positions = config.n_ctx.saturating_mul(config.n_slots);
    if config.n_ctx == 0 || n_positions > MAX_CONTEXT {
        return refuse(format!("contexts of {n_positions} tokens in all"));
    }
    for op in &plan.ops {
        if let Op::RopeKv { heads, .. } | Op::Attention { heads, .. } = op {
            let divides = heads.n_kv_heads > 0 && heads.n_heads % heads.n_kv_heads == 0;
            if !divides || heads.head_dim == 0 || heads.head_dim % 4 != 0 {
                return refuse(format!(
                    "{} query and {} key/value heads of {} elements",
                    heads.n_heads, heads.n_kv_heads, heads.head_dim
                ));
            }
        }
    }
    let n_vocab = plan.dims.n_vocab;
    if n_vocab > MAX_VOCAB || plan.dims.dim < UNIT {
        return refuse(format!("{n_vocab} tokens and {} features", plan.dims.dim));
    }
    Ok(())
}

/// Slices that `topk_final.wgsl` can merge, times their size.
const MAX_VOCAB: usize = 1 << 20;

impl Loader for GpuLoader {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        self.dirty = true;
        if self.placement.vectors.contains_key(&id) {
            self.write_vector(id, bytes)?;
        }
        self.write_matrix(id, row, bytes);
        self.gpu.health.check()
    }

    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        if !self.dirty {
            return self.last.poll(cx).map(|_| self.gpu.health.check());
        }
        if !self.waiting {
            self.gpu.queue.submit([]);
            let done = Signal::default();
            let (ticket, signal) = (done.reset(), done.clone());
            self.gpu.queue.on_submitted_work_done(move || signal.raise(ticket, Ok(())));
            self.before = std::mem::replace(&mut self.last, done);
            self.waiting = true;
        }
        if let Err(reason) = platform::wait(&self.gpu.device, None) {
            return Poll::Ready(Err(PlayerError::DeviceLost { reason }));
        }
        self.before.poll(cx).map(|_| {
            (self.dirty, self.waiting) = (false, false);
            self.gpu.health.check()
        })
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        let this = *self;
        this.gpu.queue.write_buffer(&this.store.vectors, 0, bytemuck::cast_slice(&this.vectors));
        this.write_angles();
        this.gpu.health.check()?;
        let builder =
            Builder::new(&this.gpu, &this.plan, &this.placement, &this.store, this.config);
        let (schedule, pipelines) = builder.build()?;
        this.gpu.queue.submit([]);
        this.gpu.health.check()?;
        Ok(Box::new(GpuPlayer::new(
            this.gpu,
            this.plan,
            this.config,
            this.store,
            schedule,
            pipelines,
        )))
    }
}
