//! The uniform structs that the kernels read: the same fields in the same order as in the WGSL.
//!
//! All fields are 4-byte words and sizes are multiples of 16, so Rust's `repr(C)` and WGSL's
//! uniform layout agree without padding rules; a test compares both texts.

use bytemuck::{Pod, Zeroable};

/// "Not there", for offsets.
pub const NONE: u32 = u32::MAX;

macro_rules! params {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
            #[allow(missing_docs, reason = "the fields are explained in the WGSL")]
            pub struct $name { $(pub $field: $ty,)* }

            impl $name {
                /// Field names in order.
                pub const FIELDS: &[&str] = &[$(stringify!($field),)*];
            }
        )*
    };
}

params! {
    /// What changes per submit (`lib/step.wgsl`).
    Step {
        n_rows: u32, pos: u32, row: u32, ids: u32,
        chosen: u32, recent: u32, n_recent: u32, seed: u32,
        draw_pos: u32, top_k: u32, temperature: f32, top_p: f32,
        min_p_ln: f32, repeat: f32, presence: f32, frequency: f32,
        base: u32, logits: u32, pad0: u32, pad1: u32,
    }
    /// One matrix of a matrix–vector product.
    Matrix {
        base: u32, stride: u32, n_rows: u32, out: u32,
        bias: u32, first: u32, slot: u32, pad: u32,
    }
    /// `kernels/matvec.wgsl`.
    MatVec {
        m: [Matrix; 3],
        n_units: u32, n_groups: u32, n_cols: u32, x_stride: u32,
        gain: u32, eps: f32, post_gain: u32, post_eps: f32,
        n_squares: u32, squares_at: u32, pad0: u32, pad1: u32,
    }
    /// `lib/matrix_params.wgsl`.
    MatMul {
        base: u32, stride: u32, n_rows: u32, n_units: u32,
        x_stride: u32, out_stride: u32, out: u32, bias: u32,
    }
    /// `kernels/quantize.wgsl`.
    Quantize { n_units: u32, x_stride: u32, pad0: u32, pad1: u32, }
    /// `kernels/peak_*.wgsl`.
    Peak {
        n: u32, stride: u32, pad0: u32, pad1: u32,
    }
    /// `kernels/embed.wgsl`.
    Embed {
        n_units: u32, stride: u32, first: u32, n_rows: u32,
        x_stride: u32, scale: f32, pad0: u32, pad1: u32,
    }
    /// `kernels/norm.wgsl`.
    NormRows {
        n4: u32, n_cols: u32, gain: u32, eps: f32,
        post_gain: u32, post_eps: f32, pad0: u32, pad1: u32,
    }
    /// `kernels/rope_kv.wgsl`.
    RopeKv {
        n_heads: u32, n_kv_heads: u32, n_pairs: u32, stride: u32,
        n_ctx: u32, q_gain: u32, k_gain: u32, eps: f32,
    }
    /// `kernels/attn_split.wgsl`.
    AttnSplit {
        n_kv_heads: u32, n_ctx: u32, stride: u32, window: u32,
        max_spans: u32, scale: f32, n_cuts: u32, a_stride: u32,
    }
    /// `kernels/attn_merge.wgsl`.
    AttnMerge { max_spans: u32, window: u32, n_heads: u32, a_stride: u32, }
    /// `kernels/attn_tile.wgsl`.
    AttnTile {
        n_kv_heads: u32, n_ctx: u32, stride: u32, window: u32,
        a_stride: u32, scale: f32, pad0: u32, pad1: u32,
    }
    /// The sampler's kernels.
    Sample { n_vocab: u32, n_lists: u32, pad0: u32, pad1: u32, }
}

impl Matrix {
    /// A matrix that is not there.
    pub const ABSENT: Matrix =
        Matrix { base: 0, stride: 0, n_rows: 1, out: 0, bias: NONE, first: NONE, slot: 0, pad: 0 };
}
