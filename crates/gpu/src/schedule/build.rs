//! The builder: turns "this kernel, these parameters, these buffers" into a dispatch.

use bytemuck::Pod;
use kernels::shader::layout::WORD_BYTES;
use kernels::shader::{Choices, Kernel, params};
use kernels::{Linear, Norm, Op, Plan, PlayerConfig, PlayerError, WeightId};
use wgpu::Buffer;

use crate::adapter::Gpu;
use crate::pipelines::{Access, Pipelines, UNIFORM_STRIDE};
use crate::place::{Matrix, Part, Placement};
use crate::schedule::{Dispatch, Grid, Schedule, Turns};
use crate::store::Store;

/// Most workgroups in one dimension that every WebGPU device allows.
const MAX_GROUPS: u32 = 65535;

/// Builds a [`Schedule`].
pub struct Builder<'a> {
    pub gpu: &'a Gpu,
    pub plan: &'a Plan,
    pub placement: &'a Placement,
    pub store: &'a Store,
    pub config: PlayerConfig,
    pub pipelines: Pipelines,
    /// Which form of each product this device runs.
    pub choices: Choices,
    /// All uniform structs, [`UNIFORM_STRIDE`] apart.
    pub params: Vec<u8>,
    pub schedule: Schedule,
    /// Name of the op whose dispatches are being made.
    pub op: &'static str,
    binds: Vec<PendingBind<'a>>,
}

/// A bind group that waits for the parameter buffer, whose size is known at the end.
struct PendingBind<'a> {
    pipeline: usize,
    buffers: Vec<(u32, &'a Buffer)>,
}

impl<'a> Builder<'a> {
    pub fn new(
        gpu: &'a Gpu,
        plan: &'a Plan,
        placement: &'a Placement,
        store: &'a Store,
        config: PlayerConfig,
    ) -> Self {
        Builder {
            gpu,
            plan,
            placement,
            store,
            config,
            pipelines: Pipelines::default(),
            choices: gpu.choices(),
            params: Vec::new(),
            schedule: Schedule::default(),
            op: "",
            binds: Vec::new(),
        }
    }

    /// Builds all lists; the bind groups keep the parameter buffer alive.
    ///
    /// # Errors
    /// If the Plan needs a kernel that does not exist.
    pub fn build(mut self) -> Result<(Schedule, Pipelines), PlayerError> {
        self.decode()?;
        self.prefill()?;
        if self.plan.gives_logits() {
            self.samplers()?;
        }
        let params = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: (self.params.len() as u64).max(UNIFORM_STRIDE),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.gpu.queue.write_buffer(&params, 0, &self.params);
        let binds = self.binds.iter().map(|b| self.bind_group(b, &params)).collect();
        self.schedule.binds = binds;
        Ok((self.schedule, self.pipelines))
    }

    /// A dispatch of `kernel`. `buffers` names the storage bindings by number; those the variant
    /// does not declare are left out.
    pub fn dispatch(
        &mut self,
        kernel: Kernel,
        params: &impl Pod,
        buffers: &[(u32, &'a Buffer)],
        grid: Grid,
    ) -> Result<Dispatch, PlayerError> {
        let pipeline = self.pipelines.id(self.gpu, kernel)?;
        let offset = self.params.len();
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        self.params.resize(offset + UNIFORM_STRIDE as usize, 0);
        self.binds.push(PendingBind { pipeline, buffers: buffers.to_vec() });
        // The parameter buffer has a few hundred kilobytes at most.
        let params = u32::try_from(offset).map_err(|_| self.unsupported("so many layers"))?;
        let (bind, op, turns) = (self.binds.len() - 1, self.op, Turns::Always);
        Ok(Dispatch { pipeline, bind, params, grid, turns, op })
    }

    fn bind_group(&self, pending: &PendingBind<'_>, params: &Buffer) -> wgpu::BindGroup {
        let pipeline = self.pipelines.get(pending.pipeline);
        let uniform = |buffer| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: std::num::NonZeroU64::new(UNIFORM_STRIDE),
            })
        };
        let entries: Vec<_> = pipeline
            .bindings
            .iter()
            .filter_map(|&(binding, access)| {
                let resource = match (access, binding) {
                    (Access::Uniform, 0) => uniform(params),
                    (Access::Uniform, _) => uniform(&self.store.steps),
                    _ => pending.buffers.iter().find(|b| b.0 == binding)?.1.as_entire_binding(),
                };
                Some(wgpu::BindGroupEntry { binding, resource })
            })
            .collect();
        self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        })
    }

    /// Positions of the cache, of all sequences.
    pub fn n_positions(&self) -> u32 {
        (self.config.n_ctx * self.config.n_slots) as u32
    }

    pub fn unsupported(&self, what: &str) -> PlayerError {
        PlayerError::Unsupported { device: self.gpu.name(), what: what.to_string() }
    }

    pub fn matrix(&self, id: WeightId) -> &'a Matrix {
        &self.placement.matrices[&id]
    }

    /// Float index of a vector.
    pub fn vector(&self, id: WeightId) -> u32 {
        self.placement.vectors[&id] as u32
    }

    pub fn bias(&self, linear: Linear) -> u32 {
        linear.bias.map_or(params::NONE, |id| self.vector(id))
    }

    /// First 16-byte word of a part in its buffer.
    pub fn base(&self, part: &Part) -> u32 {
        (part.offset / WORD_BYTES as u64) as u32
    }

    pub fn weights(&self, part: &Part) -> &'a Buffer {
        &self.store.weights[part.buffer]
    }

    /// A grid of `n` workgroups, in two dimensions where one is not enough.
    pub fn groups(&self, n: u32) -> [u32; 2] {
        let y = n.div_ceil(MAX_GROUPS).max(1);
        [n.div_ceil(y), y]
    }

    /// The embedding's dispatches, for one row or many.
    pub fn embed(&mut self, table: WeightId, scale: f32) -> Result<Vec<Dispatch>, PlayerError> {
        let matrix = self.matrix(table);
        let n_units = matrix.layout.n_units as u32;
        matrix
            .parts
            .iter()
            .map(|part| {
                let params = params::Embed {
                    n_units,
                    stride: (matrix.layout.row_bytes / WORD_BYTES) as u32,
                    first: part.first_row as u32,
                    n_rows: part.n_rows as u32,
                    x_stride: (self.store.widths.x / 4) as u32,
                    scale,
                    ..Default::default()
                };
                let buffers =
                    [(2, self.weights(part)), (4, &self.store.ids), (5, &self.store.x[0])];
                let grid = Grid::PerRow((2 * n_units).div_ceil(64));
                self.dispatch(Kernel::Embed { table: matrix.ty }, &params, &buffers, grid)
            })
            .collect()
    }

    /// Adds a pending normed residual to `x[which]`; with `norm`, writes `norm(x)` to `xn`.
    pub fn norm_rows(
        &mut self,
        post: Option<Norm>,
        norm: Option<Norm>,
        which: usize,
    ) -> Result<Dispatch, PlayerError> {
        let gain4 = |norm: Option<Norm>| norm.map_or(0, |n| self.vector(n.gain) / 4);
        let params = params::NormRows {
            n4: (self.store.widths.x / 4) as u32,
            n_cols: self.plan.dims.dim as u32,
            gain: gain4(norm),
            eps: norm.map_or(0.0, |n| n.eps),
            post_gain: gain4(post),
            post_eps: post.map_or(0.0, |n| n.eps),
            ..Default::default()
        };
        let store = self.store;
        let buffers = [(3, &store.vectors), (4, &store.x[which]), (5, &store.xn), (6, &store.y)];
        let kernel = Kernel::Norm { post: post.is_some(), norm: norm.is_some() };
        self.dispatch(kernel, &params, &buffers, Grid::Rows)
    }

    /// Rotation and cache write.
    pub fn rope(&mut self, op: &Op) -> Result<Option<Dispatch>, PlayerError> {
        let Op::RopeKv { kv, heads, q_norm, k_norm, rope: Some(rope) } = *op else {
            return Ok(None);
        };
        let table = &self.plan.ropes[rope.0];
        let (qk_norm, eps) = match (q_norm, k_norm) {
            (None, None) => (false, 0.0),
            (Some(q), Some(k)) if q.eps == k.eps => (true, q.eps),
            _ => return Err(self.unsupported("norms of Q and K that differ in their epsilon")),
        };
        if self.config.kv == kernels::KvType::Q8_0 && heads.head_dim % 32 != 0 {
            return Err(self.unsupported("a q8_0 cache with heads that are no multiple of 32"));
        }
        let row = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
        let params = params::RopeKv {
            n_heads: heads.n_heads as u32,
            n_kv_heads: heads.n_kv_heads as u32,
            n_pairs: table.n_pairs() as u32,
            stride: row as u32,
            n_ctx: self.n_positions(),
            q_gain: q_norm.map_or(0, |n| self.vector(n.gain)),
            k_gain: k_norm.map_or(0, |n| self.vector(n.gain)),
            eps,
        };
        let store = self.store;
        let cache = &store.kv[kv];
        let buffers = [
            (3, &store.vectors),
            (4, &store.qkv),
            (5, &store.angles[rope.0]),
            (6, &cache.k),
            (7, &cache.v),
        ];
        let kernel = Kernel::RopeKv {
            kv: self.config.kv,
            head_dim: heads.head_dim as u32,
            halves: table.style == kernels::RopeStyle::Halves,
            qk_norm,
        };
        let grid = Grid::PerRow((heads.n_heads + 2 * heads.n_kv_heads) as u32);
        let rope = self.dispatch(kernel, &params, &buffers, grid)?;
        Ok(Some(Dispatch { turns: Turns::PerSequence, ..rope }))
    }
}
