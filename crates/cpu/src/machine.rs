//! Everything a Plan needs at run time, allocated once: weights, cache, activations, scratch.
//!
//! The Plan comes from a file, so its shapes are checked here, against each other and against what
//! the kernels assume; nothing that walks it later has to.

use kernels::check::{check_context, check_slots};
use kernels::{KvType, Linear, Norm, Op, Plan, PlayerConfig, PlayerError, RopeTable, WeightId};

use crate::acts::{FewActs, N_KINDS, Needs, ThreadActs, Tiles};
use crate::attention::AttentionScratch;
use crate::check::check;
use crate::format::STRIP;
use crate::isa::Isa;
use crate::kv::KvLayer;
use crate::linear::PanelScratch;
use crate::memory::{self, Arena, Buffer};
use crate::pack::{Matrix, Packing};
use crate::profile::Profile;
use crate::streams::Streams;
use crate::tap::Tapped;

/// Rows of a job. Enough to make unpacking and streaming the weights a small part of a chunk; few
/// enough that a prefill on a slow machine can be canceled within a second.
pub const MAX_ROWS: usize = if cfg!(target_arch = "wasm32") { 64 } else { 128 };

/// A weight in the form its readers want.
pub enum Stored {
    /// Read by products or by row lookup.
    Matrix(Matrix),
    /// Norm gains and biases.
    Vector(Buffer<f32>),
    /// Named by no op.
    Unused,
}

/// One thread's scratch.
pub struct ThreadScratch {
    pub acts: ThreadActs,
    pub panel: PanelScratch,
    pub attention: AttentionScratch,
}

/// Buffers of the Plan (see [`kernels::plan`]), and what lies between ops.
pub struct Buffers {
    pub x: Buffer<f32>,
    pub q: Buffer<f32>,
    pub k: Buffer<f32>,
    pub v: Buffer<f32>,
    pub a: Buffer<f32>,
    pub h: Buffer<f32>,
    /// Result of a product whose norm comes before the residual sum.
    pub post: Buffer<f32>,
    /// Normed rows of a chunk, for float weights.
    pub normed: Buffer<f32>,
    /// Quantized rows of a chunk, by kind of scale.
    pub tiles: [Tiles; N_KINDS],
    /// Quantized rows of several sequences; none if there is one slot.
    pub few: FewActs,
    /// `[rope][row][pair][2]`
    pub rotations: Buffer<f32>,
    pub logits: Buffer<f32>,
    pub threads: Vec<ThreadScratch>,
}

/// A Plan with its memory.
pub struct Machine {
    pub isa: &'static Isa,
    pub plan: Plan,
    pub config: PlayerConfig,
    pub weights: Vec<Stored>,
    pub kv: Vec<KvLayer>,
    pub buffers: Buffers,
    pub profile: Profile,
    pub streams: Streams,
    pub tap: Option<Tapped>,
    /// Floats per row in [`Buffers::rotations`], per table.
    pub max_pairs: usize,
    /// Most rows of a job, which activations are sized for: [`MAX_ROWS`], or a whole text where it
    /// is read in both directions.
    pub max_rows: usize,
}

pub fn unsupported(what: String) -> PlayerError {
    PlayerError::Unsupported { device: "cpu".into(), what }
}

impl Machine {
    /// Checks the Plan and allocates all memory for `n_threads` threads.
    pub fn new(
        plan: &Plan,
        config: PlayerConfig,
        isa: &'static Isa,
        n_threads: usize,
    ) -> Result<Self, PlayerError> {
        check_slots(&config, "cpu")?;
        check_context(plan, &config)?;
        let plan = plan.clone();
        let config = PlayerConfig { kv: plan.kv_type(config.kv), ..config };
        let heads = check(&plan)?;
        let n_ctx = config.n_ctx.max(1);
        let n_pos = n_ctx.saturating_mul(config.n_slots);
        let kv_bytes = heads.iter().map(|heads| KvLayer::bytes_for(heads, config.kv, n_pos));
        let n_bytes = kv_bytes.fold(matrix_bytes(&plan), u64::saturating_add);
        memory::check(n_bytes, "weights and the KV cache")?;
        let mut arena = Arena::new(n_bytes);
        let weights = store(&plan, &mut arena)?;
        let mut kv = Vec::new();
        for heads in heads {
            kv.push(KvLayer::new(&mut arena, heads, config.kv, n_ctx, config.n_slots)?);
        }
        let mut needs = Needs::default();
        for stored in &weights {
            if let Stored::Matrix(matrix) = stored {
                needs.add(matrix);
            }
        }
        let max_cols = widest_input(&plan);
        let max_pairs = plan.ropes.iter().map(RopeTable::n_pairs).max().unwrap_or(0);
        let max_rows = plan.max_rows(MAX_ROWS, n_ctx);
        let sizes = Sizes { max_rows, max_cols, max_pairs };
        let buffers = Buffers::new(&plan, config, isa, n_threads, needs, sizes)?;
        let profile = Profile::new(&plan);
        let streams = Streams::new(&plan, isa);
        Ok(Machine {
            isa,
            plan,
            config,
            weights,
            kv,
            buffers,
            profile,
            streams,
            tap: None,
            max_pairs,
            max_rows,
        })
    }

    /// The matrix `id`. The Plan was checked, so there is one.
    pub fn matrix(&self, id: WeightId) -> &Matrix {
        match &self.weights[id.0] {
            Stored::Matrix(matrix) => matrix,
            _ => unreachable!("checked at load: the weight is a matrix"),
        }
    }

    /// The vector `id`.
    pub fn vector(&self, id: WeightId) -> &[f32] {
        match &self.weights[id.0] {
            // SAFETY: written only while loading.
            Stored::Vector(vector) => unsafe { vector.slice(0..vector.len()) },
            _ => unreachable!("checked at load: the weight is a vector"),
        }
    }

    /// Bytes of packed weights.
    pub fn weight_bytes(&self) -> u64 {
        let bytes = |stored: &Stored| match stored {
            Stored::Matrix(matrix) => matrix.n_bytes(),
            Stored::Vector(vector) => vector.n_bytes(),
            Stored::Unused => 0,
        };
        self.weights.iter().map(bytes).sum()
    }
}

impl Buffers {
    fn new(
        plan: &Plan,
        config: PlayerConfig,
        isa: &'static Isa,
        n_threads: usize,
        needs: Needs,
        sizes: Sizes,
    ) -> Result<Self, PlayerError> {
        let dims = plan.dims;
        let Sizes { max_rows, max_cols, max_pairs } = sizes;
        let rows = |width: usize| Buffer::new(max_rows.saturating_mul(width), "activations");
        let (mut q_width, mut kv_width, mut h_width) = (0, 0, 0);
        let mut head_dim = 1;
        for op in &plan.ops {
            match op {
                Op::Qkv { q, k, .. } => {
                    q_width = q_width.max(plan.weights[q.w.0].n_rows);
                    kv_width = kv_width.max(plan.weights[k.w.0].n_rows);
                }
                Op::GateUp { up, .. } => h_width = h_width.max(plan.weights[up.w.0].n_rows),
                Op::Attention { heads, .. } => head_dim = head_dim.max(heads.head_dim),
                _ => {}
            }
        }
        let widens = match config.kv {
            KvType::F32 => false,
            KvType::F16 => isa.widen_f16.is_some(),
            KvType::Q8_0 => true,
        };
        let mut threads = Vec::new();
        for _ in 0..n_threads {
            threads.push(ThreadScratch {
                acts: ThreadActs::new(max_cols, needs, isa)?,
                panel: PanelScratch::new(MAX_ROWS)?,
                attention: AttentionScratch::new(head_dim, widens)?,
            });
        }
        let n_slots = config.n_slots;
        let n_few = if n_slots > 1 { n_slots } else { 0 };
        let tiles = |kind: usize| {
            let is_needed = needs.quantized[kind];
            Tiles::new(if is_needed { max_rows } else { 0 }, max_cols, isa)
        };
        Ok(Buffers {
            x: rows(dims.dim)?,
            q: rows(q_width)?,
            k: rows(kv_width)?,
            v: rows(kv_width)?,
            a: rows(q_width)?,
            h: rows(h_width)?,
            post: rows(dims.dim)?,
            normed: rows(if needs.float { max_cols } else { 0 })?,
            tiles: [tiles(0)?, tiles(1)?],
            rotations: rows(plan.ropes.len() * max_pairs * 2)?,
            few: FewActs::new(n_few, max_cols, needs, isa)?,
            // A step of all slots leaves a row for each.
            logits: Buffer::new(
                if plan.gives_logits() { n_slots * dims.n_vocab } else { 0 },
                "logits",
            )?,
            threads,
        })
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        let rows = [&self.x, &self.q, &self.k, &self.v, &self.a, &self.h, &self.post];
        let rows = rows.into_iter().chain([&self.normed, &self.rotations, &self.logits]);
        let thread =
            |t: &ThreadScratch| t.acts.n_bytes() + t.panel.n_bytes() + t.attention.n_bytes();
        rows.map(Buffer::n_bytes).sum::<u64>()
            + self.tiles.iter().map(Tiles::n_bytes).sum::<u64>()
            + self.few.n_bytes()
            + self.threads.iter().map(thread).sum::<u64>()
    }
}

/// Bytes of all packed matrices.
fn matrix_bytes(plan: &Plan) -> u64 {
    let bytes = |w: &kernels::Weight| {
        let strip = Packing::of(w.ty).map_or(0, |packing| packing.strip_bytes(w.n_cols));
        (w.n_rows.div_ceil(STRIP) as u64).saturating_mul(strip as u64)
    };
    plan.weights.iter().map(bytes).fold(0, u64::saturating_add)
}

fn widest_input(plan: &Plan) -> usize {
    plan.weights.iter().map(|w| w.n_cols).max().unwrap_or(0).max(plan.dims.dim)
}

/// What rows of activations are sized by.
#[derive(Clone, Copy)]
struct Sizes {
    max_rows: usize,
    max_cols: usize,
    max_pairs: usize,
}

/// What an op reads a weight as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Matrix,
    Vector,
}

/// Allocates every weight in the form its readers want.
fn store(plan: &Plan, arena: &mut Arena) -> Result<Vec<Stored>, PlayerError> {
    let mut roles: Vec<Option<Role>> = vec![None; plan.weights.len()];
    for op in &plan.ops {
        let vectors = vector_ids(op);
        let mut conflict = None;
        op.for_each_weight(|id| {
            let role = if vectors.contains(&id) { Role::Vector } else { Role::Matrix };
            if roles[id.0].is_some_and(|other| other != role) {
                conflict = Some(id);
            }
            roles[id.0] = Some(role);
        });
        if let Some(id) = conflict {
            let name = &plan.weights[id.0].name;
            return Err(unsupported(format!("tensor '{name}' as both a matrix and a vector")));
        }
    }
    let mut weights = Vec::new();
    for (weight, role) in plan.weights.iter().zip(roles) {
        let not_computable = || PlayerError::TensorType {
            device: "cpu".into(),
            tensor: weight.name.clone(),
            ty: weight.ty.name().into(),
        };
        weights.push(match role {
            None => Stored::Unused,
            Some(Role::Vector) if weight.ty.is_supported() => {
                Stored::Vector(Buffer::new(weight.n_rows * weight.n_cols, &weight.name)?)
            }
            Some(Role::Vector) => return Err(not_computable()),
            Some(Role::Matrix) => {
                let packing = Packing::of(weight.ty).ok_or_else(not_computable)?;
                let (rows, cols) = (weight.n_rows, weight.n_cols);
                Stored::Matrix(Matrix::new(arena, packing, rows, cols, &weight.name)?)
            }
        });
    }
    Ok(weights)
}

/// The ids an op reads as vectors.
fn vector_ids(op: &Op) -> Vec<WeightId> {
    let (norms, linears): (Vec<Option<Norm>>, Vec<Linear>) = match *op {
        Op::Embed { encoder, .. } => (vec![encoder.map(|encoder| encoder.norm)], vec![]),
        Op::Attention { .. } => (vec![], vec![]),
        Op::Qkv { norm, q, k, v } => (vec![norm], vec![q, k, v]),
        Op::RopeKv { q_norm, k_norm, .. } => (vec![q_norm, k_norm], vec![]),
        Op::Output { w, post, after } | Op::Down { w, post, after } => (vec![post, after], vec![w]),
        Op::GateUp { norm, gate, up, .. } => (vec![norm], gate.into_iter().chain([up]).collect()),
        Op::Head { norm, w } => (vec![Some(norm)], vec![w]),
    };
    let biases = linears.iter().filter_map(|linear| linear.bias);
    let norms = norms.iter().flatten().flat_map(|norm| [Some(norm.gain), norm.bias()]);
    norms.flatten().chain(biases).collect()
}
