//! The Plan: what a model computes, as a short list of coarse, fused ops.
//!
//! This is the middle of the house. `model` builds a Plan once per file; `reference`, `cpu` and
//! `gpu` play the same Plan. There are eight ops and not hundreds: each stands for one block of the
//! paper ("norm, then Q, K and V"), so a player may fuse inside an op as its hardware likes (defer
//! the norm, split the attention, quantize activations) and a reader sees a decoder layer in five
//! lines. A graph of small tensor ops would need a fusion pass to get back what is said here.
//!
//! Activation buffers are implied by the ops, one per role, sized from [`Dims`]:
//!
//! | buffer   | shape                            | written by         | read by              |
//! |----------|----------------------------------|--------------------|----------------------|
//! | `x`      | `[n_rows, dim]`                  | Embed, Output, Down| Qkv, GateUp, Head    |
//! | `q`      | `[n_rows, n_heads·head_dim]`     | Qkv, RopeKv        | Attention            |
//! | `k`, `v` | `[n_rows, n_kv_heads·head_dim]`  | Qkv                | RopeKv (into cache)  |
//! | `a`      | `[n_rows, n_heads·head_dim]`     | Attention          | Output               |
//! | `h`      | `[n_rows, ffn_dim]`              | GateUp             | Down                 |
//! | `logits` | `[n_rows, n_vocab]`              | Head               | the sampler          |
//!
//! A decoder and an encoder (BERT) are made of the same ops. What an encoder has otherwise is in
//! their fields: rows of positions at the embedding, norms behind a block instead of before it, no
//! gate, attention in both directions. Its Plan ends without a head: its result is `x`.

use std::ops::Range;

use quant::TensorType;

use crate::norm::Norm;
use crate::player::KvType;
use crate::rope::RopeTable;

/// Index into [`Plan::weights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightId(pub usize);

/// Index into [`Plan::ropes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RopeId(pub usize);

/// One tensor of the file that the Plan reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Name in the file, for messages and for finding its bytes.
    pub name: String,
    /// As stored in the file.
    pub ty: TensorType,
    /// Output features; 1 for vectors (norm gains, biases).
    pub n_rows: usize,
    /// Input features: the contiguous dimension, `dims[0]` of GGUF.
    pub n_cols: usize,
    /// Rows of the file's tensor before these: some files keep Q, K and V in one tensor.
    pub first_row: usize,
}

impl Weight {
    /// Bytes of one row as stored in the file.
    pub fn row_bytes(&self) -> usize {
        self.n_cols / self.ty.block_len() * self.ty.block_bytes()
    }

    /// Bytes of the whole tensor as stored in the file.
    pub fn n_bytes(&self) -> usize {
        self.row_bytes() * self.n_rows
    }
}

/// Sizes shared by all layers (element counts, not bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Rows of the embedding and of the head.
    pub n_vocab: usize,
    /// Width of the residual stream.
    pub dim: usize,
    /// Decoder layers.
    pub n_layers: usize,
    /// Query heads of the widest layer.
    pub n_heads: usize,
    /// Key/value heads of the widest layer.
    pub n_kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Hidden width of the widest feed-forward block.
    pub ffn_dim: usize,
    /// Context the model was trained for, in tokens.
    pub n_ctx_train: usize,
}

/// What an encoder makes of a token's row: `norm(row + positions[pos] + types[0])`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderEmbed {
    /// `[n_positions, dim]`: a row for each position, where no rotation tells them.
    pub positions: Option<WeightId>,
    /// `[n_types, dim]`: a row for each kind of sentence; all are of the first kind.
    pub types: Option<WeightId>,
    /// Before the first layer.
    pub norm: Norm,
}

/// Which positions of its sequence a row sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Those up to its own; with `window = Some(w)` those with `p - p' < w`.
    Causal {
        /// Positions, the own one included.
        window: Option<usize>,
    },
    /// All rows of its job, which is the whole sequence.
    Full,
}

/// `y = W·x (+ b)`; `W` is `[n_rows, n_cols]`, `b` is `[n_rows]` in F32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Matrix.
    pub w: WeightId,
    /// Vector added to the product.
    pub bias: Option<WeightId>,
}

/// Head geometry of one attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub n_heads: usize,
    /// Key/value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
}

/// The nonlinearity of a feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`
    Silu,
    /// `0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`
    GeluTanh,
}

/// One step of the Plan. Rows are tokens; every op works on all rows of a chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each formula names its fields")]
pub enum Op {
    /// `x[t] = scale · table[id[t]]`, and what an encoder makes of it.
    Embed { table: WeightId, scale: f32, encoder: Option<EncoderEmbed> },
    /// `q|k|v = W·norm(x) + b`
    Qkv { norm: Option<Norm>, q: Linear, k: Linear, v: Linear },
    /// Optional per-head norm of `q` and `k`, rotation of both (if any), and `k`, `v` into cache
    /// layer `kv`.
    RopeKv {
        kv: usize,
        heads: Heads,
        q_norm: Option<Norm>,
        k_norm: Option<Norm>,
        rope: Option<RopeId>,
    },
    /// `a = softmax(scale · q·Kᵀ) · V` over what `mask` leaves of cache layer `kv`.
    Attention { kv: usize, heads: Heads, scale: f32, mask: Mask },
    /// `x = after(x + post(W·a + b))`; norms are the identity when absent.
    Output { w: Linear, post: Option<Norm>, after: Option<Norm> },
    /// `h = act(Wg·norm(x)) ⊙ (Wu·norm(x))`; without a gate `h = act(Wu·norm(x))`.
    GateUp { norm: Option<Norm>, gate: Option<Linear>, up: Linear, act: Activation },
    /// `x = after(x + post(W·h + b))`
    Down { w: Linear, post: Option<Norm>, after: Option<Norm> },
    /// `logits = W·norm(x)`
    Head { norm: Norm, w: Linear },
}

impl Op {
    /// For profiles and messages: "qkv", "gate_up", …
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::Qkv { .. } => "qkv",
            Op::RopeKv { .. } => "rope_kv",
            Op::Attention { .. } => "attention",
            Op::Output { .. } => "output",
            Op::GateUp { .. } => "gate_up",
            Op::Down { .. } => "down",
            Op::Head { .. } => "head",
        }
    }
}

/// What a model computes, ready to be played. Immutable after `model` built it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sizes.
    pub dims: Dims,
    /// Tensors the ops read, each once.
    pub weights: Vec<Weight>,
    /// Rotations the ops name.
    pub ropes: Vec<RopeTable>,
    /// Steps, in order.
    pub ops: Vec<Op>,
    /// Number of KV cache layers the ops name (`kv < n_kv_layers`). Layers of an encoder share one:
    /// nothing is kept for a later job.
    pub n_kv_layers: usize,
}

impl Plan {
    /// Where each decoder layer's ops stand in [`Plan::ops`]: a layer begins at its `Qkv`.
    pub fn layers(&self) -> Vec<Range<usize>> {
        let starts: Vec<usize> =
            (0..self.ops.len()).filter(|&i| matches!(self.ops[i], Op::Qkv { .. })).collect();
        let end =
            self.ops.iter().position(|op| matches!(op, Op::Head { .. })).unwrap_or(self.ops.len());
        starts
            .iter()
            .enumerate()
            .map(|(i, &start)| start..starts.get(i + 1).copied().unwrap_or(end))
            .collect()
    }

    /// True if the Plan starts from token ids (and not from another player's hidden rows).
    pub fn takes_tokens(&self) -> bool {
        matches!(self.ops.first(), Some(Op::Embed { .. }))
    }

    /// True if the Plan ends in logits (and not in hidden rows for the next player).
    pub fn gives_logits(&self) -> bool {
        matches!(self.ops.last(), Some(Op::Head { .. }))
    }

    /// True if every row sees only what is before it, so that a text can be read in pieces.
    pub fn is_causal(&self) -> bool {
        !self.ops.iter().any(|op| matches!(op, Op::Attention { mask: Mask::Full, .. }))
    }

    /// Chooses what depends on the context: the frequencies of rope.
    pub fn settle(&mut self, n_ctx: usize) {
        for rope in &mut self.ropes {
            rope.settle(n_ctx);
        }
    }

    /// Most rows of a job, for a player that computes at most `most` at once and was loaded for
    /// `n_ctx` positions: a text that is read in both directions is one job.
    pub fn max_rows(&self, most: usize, n_ctx: usize) -> usize {
        if self.is_causal() { most } else { n_ctx.max(1) }
    }

    /// How keys and values are stored by a player that was asked for `kv`. Those of an encoder
    /// are activations of one job and no memory to save in, so they stay as they were computed.
    pub fn kv_type(&self, kv: KvType) -> KvType {
        if self.is_causal() { kv } else { KvType::F32 }
    }

    /// Bytes that one position of one sequence takes in the cache.
    pub fn position_bytes(&self, kv: KvType) -> u64 {
        let mut rows = vec![0; self.n_kv_layers];
        for op in &self.ops {
            if let Op::RopeKv { kv: layer, heads, .. } = op
                && let Some(row) = rows.get_mut(*layer)
            {
                let width = heads.n_kv_heads * heads.head_dim;
                *row = 2 * self.kv_type(kv).row_bytes(width) as u64;
            }
        }
        rows.into_iter().fold(0, u64::saturating_add)
    }

    /// Positions there can be, where the file has a row for each.
    pub fn n_positions(&self) -> Option<usize> {
        self.ops.iter().find_map(|op| match op {
            Op::Embed { encoder: Some(EncoderEmbed { positions: Some(id), .. }), .. } => {
                self.weights.get(id.0).map(|weight| weight.n_rows)
            }
            _ => None,
        })
    }

    /// Splits by layers: the first part embeds and plays layers `..layer`, the second plays
    /// `layer..` and the head. The hidden rows `x` pass between them. Each part keeps only the
    /// weights and cache layers it uses (ids are renumbered); a weight used by both is in both.
    pub fn split_at(&self, layer: usize) -> (Plan, Plan) {
        let layers = self.layers();
        let cut = layers.get(layer).map_or_else(
            || layers.last().map_or(self.ops.len(), |last| last.end),
            |range| range.start,
        );
        (self.part(0..cut), self.part(cut..self.ops.len()))
    }

    fn part(&self, range: Range<usize>) -> Plan {
        let mut weights: Vec<Weight> = Vec::new();
        let mut ids = vec![None; self.weights.len()];
        let mut kv_ids = vec![None; self.n_kv_layers];
        let mut n_kv_layers = 0;
        let mut ops = self.ops[range].to_vec();
        for op in &mut ops {
            op.for_each_weight_mut(|id| {
                *id = *ids[id.0].get_or_insert_with(|| {
                    weights.push(self.weights[id.0].clone());
                    WeightId(weights.len() - 1)
                });
            });
            if let Op::RopeKv { kv, .. } | Op::Attention { kv, .. } = op {
                *kv = *kv_ids[*kv].get_or_insert_with(|| {
                    n_kv_layers += 1;
                    n_kv_layers - 1
                });
            }
        }
        Plan { dims: self.dims, weights, ropes: self.ropes.clone(), ops, n_kv_layers }
    }
}

impl Op {
    /// Calls `f` with every weight the op reads.
    pub fn for_each_weight(&self, mut f: impl FnMut(WeightId)) {
        let mut op = *self;
        op.for_each_weight_mut(|id| f(*id));
    }

    fn for_each_weight_mut(&mut self, mut f: impl FnMut(&mut WeightId)) {
        match self {
            Op::Embed { table, encoder, .. } => {
                f(table);
                if let Some(EncoderEmbed { positions, types, norm }) = encoder {
                    [positions, types].into_iter().flatten().for_each(&mut f);
                    norm.for_each_weight_mut(&mut f);
                }
            }
            Op::Qkv { norm, q, k, v } => {
                norms_of([norm], &mut f);
                for linear in [q, k, v] {
                    linear.for_each_weight_mut(&mut f);
                }
            }
            Op::RopeKv { q_norm, k_norm, .. } => norms_of([q_norm, k_norm], &mut f),
            Op::Attention { .. } => {}
            Op::Output { w, post, after } | Op::Down { w, post, after } => {
                w.for_each_weight_mut(&mut f);
                norms_of([post, after], &mut f);
            }
            Op::GateUp { norm, gate, up, .. } => {
                norms_of([norm], &mut f);
                for linear in gate.iter_mut().chain([up]) {
                    linear.for_each_weight_mut(&mut f);
                }
            }
            Op::Head { norm, w } => {
                norm.for_each_weight_mut(&mut f);
                w.for_each_weight_mut(&mut f);
            }
        }
    }
}

fn norms_of<const N: usize>(norms: [&mut Option<Norm>; N], f: &mut impl FnMut(&mut WeightId)) {
    for norm in norms.into_iter().flatten() {
        norm.for_each_weight_mut(f);
    }
}

impl Linear {
    fn for_each_weight_mut(&mut self, mut f: impl FnMut(&mut WeightId)) {
        f(&mut self.w);
        if let Some(bias) = &mut self.bias {
            f(bias);
        }
    }
}
