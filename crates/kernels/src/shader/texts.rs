//! How a variant's text is composed: which parts stand in its slots, and its constants.

use quant::TensorType;
use shaders::{ComposeError, Dialect, Source};

use crate::player::KvType;
use crate::shader::attention::ATTN_WG;
use crate::shader::choice::{FEW_ROWS, FEW_WG, QUANTIZE_WG};
use crate::shader::key::{Dot, Forms, Input, Kernel, Output, Peak, Put, Reduced, Tile, fits_f16};

/// Threads of a workgroup of the norm and rope kernels.
const NORM_WG: u32 = 64;
/// Threads of a workgroup that measures a peak.
pub const PEAK_WG: u32 = 256;
/// Threads of a workgroup that embeds.
pub const EMBED_WG: u32 = 64;

/// Part of a format.
fn quant_part(ty: TensorType) -> &'static str {
    use TensorType as T;
    match ty {
        T::F32 => "quant/f32",
        T::F16 => "quant/f16",
        T::BF16 => "quant/bf16",
        T::Q4_0 => "quant/q4_0",
        T::Q4_1 => "quant/q4_1",
        T::Q5_0 => "quant/q5_0",
        T::Q5_1 => "quant/q5_1",
        T::Q8_0 => "quant/q8_0",
        T::Q2_K => "quant/q2_k",
        T::Q3_K => "quant/q3_k",
        T::Q4_K => "quant/q4_k",
        T::Q5_K => "quant/q5_k",
        T::Q6_K => "quant/q6_k",
        T::IQ4_NL => "quant/iq4_nl",
        T::IQ4_XS => "quant/iq4_xs",
        T::MXFP4 => "quant/mxfp4",
        // `layout::planes` refuses these before a kernel is asked for.
        _ => "quant/unsupported",
    }
}

fn kv_part(kv: KvType) -> &'static str {
    match kv {
        KvType::F32 => "kv/f32",
        KvType::F16 => "kv/f16",
        KvType::Q8_0 => "kv/q8_0",
    }
}

/// True if the format has a scale for each 16 weights and not for 32.
fn has_half_scales(ty: TensorType) -> bool {
    matches!(ty, TensorType::Q2_K | TensorType::Q3_K | TensorType::Q6_K)
}

struct Builder {
    source: Source,
    forms: Forms,
}

impl Builder {
    fn new(kernel: &'static str, forms: Forms) -> Self {
        Builder { source: Source { kernel, ..Source::default() }, forms }
    }

    fn u32(mut self, name: &'static str, value: u32) -> Self {
        self.source.consts.push((name, format!("{value}u")));
        self
    }

    fn bool(mut self, name: &'static str, value: bool) -> Self {
        self.source.consts.push((name, value.to_string()));
        self
    }

    fn slot(mut self, name: &'static str, part: &'static str) -> Self {
        self.source.slots.push((name, part));
        self
    }

    /// The workgroup reduction of `n_sums` numbers over `wg` threads, in the device's form.
    fn reduce(mut self, wg: u32, n_sums: u32) -> Self {
        self.source.subgroups = self.forms.subgroups;
        let part = if self.forms.subgroups { "lib/reduce_subgroup" } else { "lib/reduce_shared" };
        self.u32("WG", wg).u32("N_SUMS", n_sums).slot("reduce", part)
    }

    /// Weights of one or two types, and how they are multiplied.
    fn products(self, a: TensorType, b: Option<TensorType>, dot: Dot) -> Self {
        let (unit, held) = match dot {
            Dot::Float => ("lib/unit_float", "lib/held_float"),
            Dot::Int => ("lib/quantize", "lib/held_int"),
        };
        let halves = has_half_scales(a) || b.is_some_and(has_half_scales);
        let builder = self.bool("HALVES", halves).slot("quant_a", quant_part(a));
        let builder = builder.slot("unit", unit).slot("held", held);
        match b {
            None => builder.slot("product", "lib/one_type"),
            Some(b) => builder.slot("product", "lib/two_types").slot("quant_b", quant_part(b)),
        }
    }

    fn input(self, input: Input) -> Self {
        let part = match input {
            Input::Plain | Input::Norm => "lib/input_row",
            Input::Post => "lib/input_post",
        };
        self.bool("NORMED", input != Input::Plain).slot("input", part)
    }

    fn put(self, put: Put) -> Self {
        match put {
            Put::Store => self.slot("put", "lib/put_store"),
            Put::Add => self.slot("put", "lib/put_add"),
            Put::Glu(act) => self.slot("put", "lib/put_glu").u32("ACT", act),
        }
    }

    fn matvec(self, output: Output, wg: u32, rows: u32) -> Self {
        let n_mats = if matches!(output, Output::Glu(_)) { 2 } else { 1 };
        let builder = self.reduce(wg, n_mats * rows + 1).u32("ROWS", rows).u32("MATS", n_mats);
        let each = |put| ("lib/output_each", Some(put));
        let (part, put) = match output {
            Output::Store => each(Put::Store),
            Output::Add => each(Put::Add),
            Output::Gated(act) => each(Put::Glu(act)),
            Output::Squares => ("lib/output_squares", None),
            Output::Glu(act) => return builder.slot("output", "lib/output_glu").u32("ACT", act),
        };
        let builder = builder.slot("output", part);
        if let Some(put) = put { builder.put(put) } else { builder }
    }
}

impl Kernel {
    /// A name that no other variant has; it labels the pipeline.
    pub fn name(&self, forms: Forms) -> String {
        let form = match (forms.subgroups, forms.f16) {
            (false, false) => "",
            (true, false) => " sg",
            (false, true) => " f16",
            (true, true) => " sg f16",
        };
        format!("{self:?}{form}")
    }

    /// The parts of this variant for a device with `forms`.
    pub fn source(&self, forms: Forms) -> Source {
        match *self {
            Kernel::Embed { table } => Builder::new("kernels/embed", forms)
                .u32("WG", EMBED_WG)
                .slot("quant_a", quant_part(table)),
            Kernel::MatVec { a, b, input, output, dot, wg, rows } => {
                let builder = Builder::new("kernels/matvec", forms);
                builder.products(a, b, dot).input(input).matvec(output, wg, rows)
            }
            Kernel::MatMul { w, put, tile } => matmul(forms, w, put, tile),
            Kernel::MatFew { w, put, dot, n } => Builder::new("kernels/matmul_few", forms)
                .products(w, None, dot)
                .slot("rows", if dot == Dot::Int { "lib/rows_int" } else { "lib/rows_float" })
                .reduce(FEW_WG, n * FEW_ROWS)
                .u32("ROWS", FEW_ROWS)
                .u32("N", n)
                .put(put),
            Kernel::Quantize => {
                Builder::new("kernels/quantize", forms).u32("WG", QUANTIZE_WG).bool("HALVES", false)
            }
            Kernel::Norm { post, norm } => Builder::new("kernels/norm", forms)
                .reduce(NORM_WG, 1)
                .u32("POST", post.into())
                .u32("NORM", norm.into()),
            Kernel::RopeKv { kv, head_dim, halves, qk_norm } => {
                Builder::new("kernels/rope_kv", forms)
                    .reduce(NORM_WG, 1)
                    .u32("HD4", head_dim / 4)
                    .bool("HALVES", halves)
                    .bool("QK_NORM", qk_norm)
                    .slot("kv", kv_part(kv))
            }
            Kernel::AttnSplit { kv, head_dim, group, span } => {
                Builder::new("kernels/attn_split", forms)
                    .u32("WG", ATTN_WG)
                    .u32("HD4", head_dim / 4)
                    .u32("GROUP", group)
                    .u32("SPAN", span)
                    .slot("kv", kv_part(kv))
            }
            Kernel::AttnMerge { head_dim, span } => Builder::new("kernels/attn_merge", forms)
                .u32("WG", NORM_WG)
                .u32("HD4", head_dim / 4)
                .u32("SPAN", span),
            Kernel::AttnTile { kv, head_dim, group } => Builder::new("kernels/attn_tile", forms)
                .u32("HD4", head_dim / 4)
                .u32("GROUP", group)
                .slot("kv", kv_part(kv)),
            Kernel::Peak(what) => Builder::new(
                match what {
                    Peak::Read => "kernels/peak_read",
                    Peak::Float => "kernels/peak_float",
                    Peak::Int => "kernels/peak_int",
                },
                forms,
            )
            .u32("WG", PEAK_WG),
            Kernel::Probe { wg } => Builder::new("kernels/probe", forms).reduce(wg, 2),
            Kernel::Sample(which) => Builder::new(
                match which {
                    Reduced::Penalize => "kernels/penalize",
                    Reduced::ArgmaxPart => "kernels/argmax_part",
                    Reduced::ArgmaxFinal => "kernels/argmax_final",
                    Reduced::TopkPart => "kernels/topk_part",
                    Reduced::TopkFinal => "kernels/topk_final",
                },
                forms,
            ),
        }
        .source
    }

    /// The WGSL text.
    ///
    /// # Errors
    /// Only if the parts contradict themselves; a test composes every variant.
    pub fn wgsl(&self, forms: Forms, dialect: Dialect) -> Result<String, ComposeError> {
        self.source(forms).compose(dialect)
    }
}

fn matmul(forms: Forms, w: TensorType, put: Put, tile: Tile) -> Builder {
    let cut = |kernel, tm, tn| Builder::new(kernel, forms).u32("TM", tm).u32("TN", tn);
    let mut builder = match tile {
        Tile::Float { tm, tn } => cut("kernels/matmul", tm, tn),
        Tile::Int { tm, tn } => cut("kernels/matmul_int", tm, tn),
        Tile::Coop { size, subgroup } => Builder::new("kernels/matmul_coop", forms)
            .u32("SG", subgroup)
            .slot("coop", if size == 8 { "lib/coop8" } else { "lib/coop16" }),
    };
    let is_float = matches!(tile, Tile::Float { .. });
    builder.source.coop = matches!(tile, Tile::Coop { .. });
    builder.source.f16 = builder.source.coop || (is_float && forms.f16 && fits_f16(w));
    let tile_part = if builder.source.f16 { "lib/tile_f16" } else { "lib/tile_f32" };
    builder
        .bool("HALVES", has_half_scales(w))
        .slot("quant_a", quant_part(w))
        .slot("tile", tile_part)
        .put(put)
}
