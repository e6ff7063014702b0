//! The key of a kernel variant: everything that can differ in its text, except the device's forms.

use quant::TensorType;

use crate::player::KvType;

/// What the device can do, as far as kernels have a form for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Forms {
    /// Reductions use subgroup operations.
    pub subgroups: bool,
    /// Tiles of weights are kept in `f16`.
    pub f16: bool,
}

/// How products are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dot {
    /// Weights and inputs as floats.
    #[default]
    Float,
    /// Inputs as signed bytes, 32 to a scale, and `dot4I8Packed`: for integer formats only.
    Int,
}

impl Dot {
    /// True if there is such a product for weights of the type.
    pub fn suits(self, ty: TensorType) -> bool {
        let is_plain = matches!(ty, TensorType::F32 | TensorType::F16 | TensorType::BF16);
        self == Dot::Float || !is_plain
    }
}

/// What a matrix–vector product does to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Takes it as it is.
    Plain,
    /// Norms it (deferred).
    Norm,
    /// Adds the pending normed residual, then norms it.
    Post,
}

/// What a matrix–vector product does with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Stores it.
    Store,
    /// Adds it to the residual stream.
    Add,
    /// Stores it with sums of squares for a post-norm.
    Squares,
    /// `act(gate) ⊙ up`; the constant is `ACT` of `lib/activation.wgsl`.
    Glu(u32),
    /// `act(what is there) ⊙ up`, where gate and up are two dispatches.
    Gated(u32),
}

/// How a product with many rows is computed and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tile {
    /// Decoded weights and inputs as floats: `tm` tokens and `tn` rows for each of 64 threads.
    Float {
        /// Tokens per thread.
        tm: u32,
        /// Rows of the matrix per thread.
        tn: u32,
    },
    /// Signed bytes and `dot4I8Packed`; the inputs come from [`Kernel::Quantize`].
    Int {
        /// Tokens per thread.
        tm: u32,
        /// Rows of the matrix per thread.
        tn: u32,
    },
    /// Matrix units (wgpu's cooperative matrices), `f16` in and `f32` sums; native only. wgpu calls
    /// them experimental, and no adapter was at hand to see them work, so a device runs this only
    /// after its results were compared there with those of a float tile.
    Coop {
        /// Rows and columns of a fragment: 16 on Vulkan, 8 on Metal.
        size: u32,
        /// Threads of a subgroup, which the kernel has to know here.
        subgroup: u32,
    },
}

impl Tile {
    /// How products are summed.
    pub fn dot(self) -> Dot {
        match self {
            Tile::Float { .. } | Tile::Coop { .. } => Dot::Float,
            Tile::Int { .. } => Dot::Int,
        }
    }

    /// True if there is such a tile for weights of the type.
    pub fn suits(self, ty: TensorType) -> bool {
        match self {
            Tile::Coop { .. } => fits_f16(ty),
            _ => self.dot().suits(ty),
        }
    }

    /// Tokens of a workgroup.
    pub fn tokens(self) -> u32 {
        match self {
            Tile::Float { tm, .. } | Tile::Int { tm, .. } => 8 * tm,
            Tile::Coop { size, .. } => 8 * size,
        }
    }

    /// Rows of the matrix per workgroup.
    pub fn rows(self) -> u32 {
        match self {
            Tile::Float { tn, .. } | Tile::Int { tn, .. } => 8 * tn,
            Tile::Coop { size, .. } => 4 * size,
        }
    }
}

/// True if `f16` holds every weight of the type: F32 and BF16 have a wider range, and an MXFP4
/// scale may be 2^127.
pub(crate) fn fits_f16(ty: TensorType) -> bool {
    !matches!(ty, TensorType::F32 | TensorType::BF16 | TensorType::MXFP4)
}

/// What a matrix product does with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    /// Stores it.
    Store,
    /// Adds it to the residual stream.
    Add,
    /// `out = act(out) ⊙ result`; the constant is `ACT` of `lib/activation.wgsl`.
    Glu(u32),
}

/// The sampler's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduced {
    /// Repeat, presence and frequency penalties, in place.
    Penalize,
    /// Greedy: the best of each slice of the logits.
    ArgmaxPart,
    /// Greedy: the best of the slices.
    ArgmaxFinal,
    /// Sampling: the sorted best of each slice of the logits.
    TopkPart,
    /// Sampling: merge, the rest of the chain and the draw.
    TopkFinal,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peak {
    /// Bytes read.
    Read,
    /// Multiplications and additions in `f32`.
    Float,
    /// Those of `dot4I8Packed`.
    Int,
}

/// One compute pipeline. `kv` is the cache's type, `head_dim` the elements of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Rows of a table by token id.
    Embed {
        /// Type of the table.
        table: TensorType,
    },
    /// Matrix–vector product for one token.
    MatVec {
        /// Type of the matrices in slot 0.
        a: TensorType,
        /// Type of those in slot 1, if there are two.
        b: Option<TensorType>,
        /// What happens to the input.
        input: Input,
        /// What happens to the result.
        output: Output,
        /// How products are summed.
        dot: Dot,
        /// Threads of a workgroup, a power of two.
        wg: u32,
        /// Rows of a workgroup.
        rows: u32,
    },
    /// Matrix product for the rows of a prompt.
    MatMul {
        /// Type of the matrix.
        w: TensorType,
        /// What happens to the result.
        put: Put,
        /// How it is cut.
        tile: Tile,
    },
    /// Product with a few rows: the weights are read once for all of them.
    MatFew {
        /// Type of the matrix.
        w: TensorType,
        /// What happens to the result.
        put: Put,
        /// How products are summed.
        dot: Dot,
        /// Most rows.
        n: u32,
    },
    /// Rows as signed bytes with a scale per 32, for integer products.
    Quantize,
    /// Residual and norm for the rows of a prompt.
    Norm {
        /// A normed residual is pending.
        post: bool,
        /// The result is normed.
        norm: bool,
    },
    /// Q/K norm, rotation, and the write into the cache.
    RopeKv {
        /// Type of the cache.
        kv: KvType,
        /// Elements of a head.
        head_dim: u32,
        /// Pairs are `(i, i + n_pairs)` and not `(2i, 2i + 1)`.
        halves: bool,
        /// Heads are normed first.
        qk_norm: bool,
    },
    /// Attention of one token over a span of positions.
    AttnSplit {
        /// Type of the cache.
        kv: KvType,
        /// Elements of a head.
        head_dim: u32,
        /// Query heads of a workgroup.
        group: u32,
        /// Positions of a workgroup.
        span: u32,
    },
    /// Joins the spans.
    AttnMerge {
        /// Elements of a head.
        head_dim: u32,
        /// Positions of a span.
        span: u32,
    },
    /// Attention of a prompt's rows.
    AttnTile {
        /// Type of the cache.
        kv: KvType,
        /// Elements of a head.
        head_dim: u32,
        /// Query heads per key/value head.
        group: u32,
    },
    /// One of the sampler's steps.
    Sample(Reduced),
    /// Measures what the device can do at best.
    Peak(Peak),
    /// Tries the reduction of a workgroup of so many threads.
    Probe {
        /// Threads of the workgroup.
        wg: u32,
    },
}
