//! All buffers of a loaded model, made at load and never after.
//!
//! Sizes follow from the Plan's dimensions and the context; the sum is known before the first
//! buffer is made, so that a model that cannot fit is refused with numbers.

use kernels::shader::layout::UNIT;
use kernels::{KvType, MAX_SLOTS, Op, Plan, PlayerConfig, PlayerError};
use wgpu::{Buffer, BufferUsages};

use crate::adapter::Gpu;
use crate::pipelines::UNIFORM_STRIDE;
use crate::place::Placement;

/// Bytes of a scale in a Q8_0 cache: an f16 value in a whole word (`kv/q8_0.wgsl`).
pub const CACHE_SCALE_BYTES: usize = 4;
/// Most rows of one job. More rows would hardly read the weights less often per token, and a chunk
/// of a big model would no longer fit its time budget.
pub const MAX_ROWS: usize = 256;
/// Most tokens that one job chooses and feeds back by itself.
pub const MAX_CHAIN: usize = 64;
/// Ids that penalties may look at, before the chosen ones in the id buffer.
pub const MAX_RECENT: usize = kernels::sampling::MAX_RECENT;
/// Where the tokens of a chain begin in the id buffer: behind the input of a job and the ids that
/// penalties look at. There is room for a whole context, so that a chain never has to wrap.
pub const CHAIN_IDS: usize = MAX_ROWS + MAX_RECENT;
/// Jobs of a chain that may wait to be read. The device needs one beyond the one it computes;
/// more hide a host that is late for once.
pub const MAX_JOBS: usize = 4;
/// Slots of the step buffer for the tokens of a chain, used in turn.
pub const CHAIN_SLOTS: usize = 64;
/// All slots: those of a chain, and a prompt's with one per piece of its logits.
pub const SLOTS: usize = CHAIN_SLOTS + 1 + MAX_ROWS;
/// Bytes of the logits buffer at most, unless one row needs more.
const LOGITS_BYTES: usize = 16 << 20;
/// Ids per slice when candidates are sorted, and candidates kept of each (`topk_part.wgsl`).
pub const TOPK_SLICE: usize = 1024;
pub const TOPK_MAX: usize = 256;

/// Bytes of 32 quantized inputs: signed bytes and a word of scales (`quantize.wgsl`).
const QUANTIZED_UNIT_BYTES: usize = 48;

/// Elements of each kind of row.
#[derive(Clone, Copy, Debug)]
pub struct Widths {
    /// `x`, `xn`, `y`.
    pub x: usize,
    pub qkv: usize,
    pub a: usize,
    pub h: usize,
    /// Rows the logits buffer holds.
    pub logits_rows: usize,
}

/// One cache layer.
pub struct KvLayer {
    pub k: Buffer,
    pub v: Buffer,
}

/// The buffers, by role (see the table in `kernels::plan`).
pub struct Store {
    pub weights: Vec<Buffer>,
    pub vectors: Buffer,
    pub x: [Buffer; 2],
    pub xn: Buffer,
    pub y: Buffer,
    /// Rows of `xn`, `a` or `h` as signed bytes, for integer products.
    pub xq: Buffer,
    pub squares: Buffer,
    pub qkv: Buffer,
    pub a: Buffer,
    pub h: Buffer,
    pub logits: Buffer,
    pub partial: Buffer,
    pub lists: Buffer,
    pub ids: Buffer,
    pub steps: Buffer,
    pub angles: Vec<Buffer>,
    pub kv: Vec<KvLayer>,
    pub readback: Buffer,
    /// Read-backs of the jobs of a chain.
    pub chosen: [Buffer; MAX_JOBS],
    pub widths: Widths,
    pub weight_bytes: u64,
    pub kv_bytes: u64,
    pub scratch_bytes: u64,
    pub n_buffers: u64,
}

/// Widest rows over all layers.
pub fn widths(plan: &Plan, n_slots: usize, max_binding_bytes: u64) -> Widths {
    let pad = |n: usize| n.next_multiple_of(UNIT);
    let mut widths = Widths { x: pad(plan.dims.dim), qkv: 0, a: 0, h: 0, logits_rows: 1 };
    for op in &plan.ops {
        match op {
            Op::RopeKv { heads, .. } => {
                let row = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
                widths.qkv = widths.qkv.max(pad(row));
            }
            Op::Output { w, .. } => widths.a = widths.a.max(pad(plan.weights[w.w.0].n_cols)),
            Op::GateUp { up, .. } => {
                widths.h = widths.h.max(pad(plan.weights[up.w.0].n_rows));
            }
            _ => {}
        }
    }
    let row_bytes = (plan.dims.n_vocab * 4).max(1);
    let logits_bytes = usize::try_from(max_binding_bytes).unwrap_or(usize::MAX).min(LOGITS_BYTES);
    widths.logits_rows = (logits_bytes / row_bytes).clamp(n_slots, MAX_ROWS);
    widths
}

/// Bytes of keys (or values) of one cache layer.
fn cache_bytes(kv: KvType, n_ctx: usize, width: usize) -> u64 {
    let row = match kv {
        KvType::F32 => 4 * width,
        KvType::F16 => 2 * width,
        KvType::Q8_0 => width + width / 32 * CACHE_SCALE_BYTES,
    };
    (row * n_ctx) as u64
}

/// Bytes of the widest input's rows, quantized.
fn quantized_bytes(w: Widths) -> usize {
    MAX_ROWS * w.x.max(w.a).max(w.h) / UNIT * QUANTIZED_UNIT_BYTES
}

/// Where the ids begin that penalties look at for row `row` of a step of several sequences: behind
/// the chosen ones.
pub fn recent_of_row(config: PlayerConfig, row: usize) -> usize {
    CHAIN_IDS + config.n_ctx.max(MAX_SLOTS) + row * MAX_RECENT
}

/// Ids in all.
fn n_ids(config: PlayerConfig) -> usize {
    match config.n_slots {
        1 => CHAIN_IDS + config.n_ctx,
        n => recent_of_row(config, n),
    }
}

/// Makes buffers and keeps count.
struct Maker<'a> {
    gpu: &'a Gpu,
    n_buffers: u64,
    n_bytes: u64,
}

impl Maker<'_> {
    fn make(&mut self, label: &str, bytes: u64, usage: BufferUsages) -> Buffer {
        let size = bytes.max(16).next_multiple_of(16);
        self.n_buffers += 1;
        self.n_bytes += size;
        let usage = usage | BufferUsages::COPY_DST;
        let label = Some(label);
        let descriptor = wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false };
        let buffer = self.gpu.device.create_buffer(&descriptor);
        self.gpu.health.allocated(size);
        buffer
    }

    fn storage(&mut self, label: &str, bytes: usize) -> Buffer {
        self.make(label, bytes as u64, BufferUsages::STORAGE | BufferUsages::COPY_SRC)
    }
}

/// What a Plan will need, in bytes: for the check before anything is made.
struct Needs {
    weights: u64,
    kv: u64,
    scratch: u64,
    largest: (&'static str, u64),
}

fn needs(plan: &Plan, placement: &Placement, config: PlayerConfig, w: Widths) -> Needs {
    let mut largest = ("a weight", placement.buffer_bytes.iter().copied().max().unwrap_or(0));
    let mut kv = 0;
    for op in &plan.ops {
        if let Op::RopeKv { heads, .. } = op {
            let width = heads.n_kv_heads * heads.head_dim;
            let bytes = cache_bytes(config.kv, config.n_ctx * config.n_slots, width);
            kv += 2 * bytes;
            if bytes > largest.1 {
                largest = ("one layer of the KV cache", bytes);
            }
        }
    }
    let rows = MAX_ROWS * 4 * (4 * w.x + w.qkv + w.a + w.h);
    let angles: usize = plan.ropes.iter().map(|r| config.n_ctx * r.n_pairs() * 8).sum();
    let logits = 4 * plan.dims.n_vocab * (w.logits_rows + 1);
    Needs {
        weights: placement.buffer_bytes.iter().sum::<u64>() + 4 * placement.n_vector_floats as u64,
        kv,
        scratch: (rows + quantized_bytes(w) + angles + logits) as u64,
        largest,
    }
}

fn check(gpu: &Gpu, needs: &Needs) -> Result<(), PlayerError> {
    let refuse = |what: &str, need, have| {
        Err(PlayerError::Memory { device: gpu.name(), what: what.to_string(), need, have })
    };
    let max = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
    if needs.largest.1 > max {
        return refuse(needs.largest.0, needs.largest.1, max);
    }
    let total = needs.weights + needs.kv + needs.scratch;
    match gpu.max_total_bytes {
        Some(have) if total > have => refuse("the model and its context", total, have),
        _ => Ok(()),
    }
}

impl Store {
    /// Makes all buffers.
    ///
    /// # Errors
    /// [`PlayerError::Memory`] with what is needed and what the device offers.
    pub fn new(
        gpu: &Gpu,
        plan: &Plan,
        placement: &Placement,
        config: PlayerConfig,
        max_spans: usize,
    ) -> Result<Store, PlayerError> {
        let w = widths(plan, config.n_slots, gpu.limits.max_storage_buffer_binding_size);
        let needs = needs(plan, placement, config, w);
        check(gpu, &needs)?;
        let total = needs.weights + needs.kv + needs.scratch;
        gpu.health.requesting("the model and its context", total);
        let mut maker = Maker { gpu, n_buffers: 0, n_bytes: 0 };
        let m = &mut maker;
        let weights: Vec<Buffer> = placement
            .buffer_bytes
            .iter()
            .map(|&bytes| m.make("weights", bytes, BufferUsages::STORAGE))
            .collect();
        let vectors = m.storage("vectors", 4 * placement.n_vector_floats);
        let weight_bytes = m.n_bytes;
        let kv = kv_layers(m, plan, config);
        let kv_bytes = m.n_bytes - weight_bytes;
        let rows = |width: usize| MAX_ROWS * 4 * width;
        let n_vocab = plan.dims.n_vocab;
        let lists = n_vocab.div_ceil(TOPK_SLICE) * TOPK_MAX;
        let partial = config.n_slots * plan.dims.n_heads * max_spans * (plan.dims.head_dim + 4);
        let readback = (4 * n_vocab * w.logits_rows).max(rows(plan.dims.dim));
        let store = Store {
            weights,
            vectors,
            x: [m.storage("x", rows(w.x)), m.storage("x next", 4 * w.x)],
            xn: m.storage("xn", rows(w.x)),
            y: m.storage("y", rows(w.x)),
            xq: m.storage("xq", quantized_bytes(w)),
            squares: m.storage("squares", 4 * w.x),
            qkv: m.storage("qkv", rows(w.qkv)),
            a: m.storage("a", rows(w.a)),
            h: m.storage("h", rows(w.h)),
            logits: m.storage("logits", 4 * n_vocab * w.logits_rows),
            partial: m.storage("partial", 4 * partial),
            lists: m.storage("lists", 8 * lists),
            ids: m.storage("ids", 4 * n_ids(config)),
            steps: m.make("steps", UNIFORM_STRIDE * SLOTS as u64, BufferUsages::UNIFORM),
            angles: plan
                .ropes
                .iter()
                .map(|rope| m.storage("angles", config.n_ctx * rope.n_pairs() * 8))
                .collect(),
            readback: m.make("readback", readback as u64, BufferUsages::MAP_READ),
            chosen: [(); MAX_JOBS]
                .map(|()| m.make("chosen", 4 * MAX_CHAIN as u64, BufferUsages::MAP_READ)),
            kv,
            widths: w,
            weight_bytes,
            kv_bytes,
            scratch_bytes: m.n_bytes - weight_bytes - kv_bytes,
            n_buffers: m.n_buffers,
        };
        gpu.health.check()?;
        Ok(store)
    }

    /// Bytes of all buffers.
    pub fn n_bytes(&self) -> u64 {
        self.weight_bytes + self.kv_bytes + self.scratch_bytes
    }
}

fn kv_layers(m: &mut Maker<'_>, plan: &Plan, config: PlayerConfig) -> Vec<KvLayer> {
    let mut widths = vec![0; plan.n_kv_layers];
    for op in &plan.ops {
        if let Op::RopeKv { kv, heads, .. } = op {
            widths[*kv] = heads.n_kv_heads * heads.head_dim;
        }
    }
    let mut make = |label, width| {
        m.make(
            label,
            cache_bytes(config.kv, config.n_ctx * config.n_slots, width),
            // What a host keeps of a conversation is copied out of it.
            BufferUsages::STORAGE | BufferUsages::COPY_SRC,
        )
    };
    widths.iter().map(|&w| KvLayer { k: make("keys", w), v: make("values", w) }).collect()
}
