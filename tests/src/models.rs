//! Whole models, seeded: a [`Spec`] says what the file is like, [`Spec::bytes`] makes it.
//!
//! Shapes are as small as the formats allow (rows of 256 for K-quants, anything for the others), so
//! a model is a few hundred kilobytes and a test can make dozens. The text they write is noise;
//! what they are for is that every player, host and file variant gives the same noise.

use gguf::{Metadata, Value, Writer};
use quant::TensorType;

use crate::encoders;
use crate::rng::Stream;
use crate::vocab::Vocabulary;
use crate::weights;

/// A ChatML template of our own.
pub const TEMPLATE: &str = "{{- bos_token }}{% for m in messages %}\
    {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}";

/// How rope frequencies are changed for longer contexts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rope {
    /// Not at all.
    Plain,
    /// `rope.scaling.type = linear` with this factor.
    Linear(f32),
    /// `rope.scaling.type = yarn` with this factor.
    Yarn(f32),
    /// A `rope_freqs.weight` tensor of divisors, as Llama 3.1 has.
    Factors,
    /// Two tensors of divisors, the second for contexts of more than 64 tokens, as Phi 3 has.
    Long,
}

/// Sizes of a decoder, named as in the papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the field's own")]
pub struct Shape {
    pub dim: usize,
    pub ffn_dim: usize,
    pub n_layers: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
    pub n_ctx: usize,
}

/// What a test model is like.
#[derive(Debug, Clone)]
pub struct Spec {
    /// `llama`, `qwen2`, `qwen3`, `gemma3`, or one of [`encoders::ARCHITECTURES`]; any other name
    /// gives llama's tensors.
    pub architecture: &'static str,
    /// Its sizes.
    pub shape: Shape,
    /// Type of the weight matrices, the embedding included.
    pub ty: TensorType,
    /// Whether the embedding is the output matrix too.
    pub tied: bool,
    /// Its tokenizer.
    pub vocabulary: Vocabulary,
    /// Its chat template.
    pub template: Option<String>,
    /// Rope scaling.
    pub rope: Rope,
    /// `pooling_type`, of models that embed texts.
    pub pooling: Option<u32>,
    /// What its weights follow from.
    pub seed: u64,
    /// Whether one norm weight of the last layer is NaN.
    pub nan: bool,
}

/// A tensor of a model: name, type, dimensions with the contiguous one first.
pub type Tensor = (String, TensorType, Vec<u64>);

impl Spec {
    /// A small model of an architecture in F32 with tied embeddings: about 200 KiB.
    #[must_use]
    pub fn tiny(architecture: &'static str) -> Spec {
        let gemma = architecture == "gemma3";
        let shape = Shape {
            dim: 64,
            ffn_dim: 96,
            // Seven layers are one round of gemma3's pattern, five or six local and one global.
            n_layers: if gemma { 7 } else { 2 },
            n_heads: 4,
            n_kv_heads: if gemma { 1 } else { 2 },
            head_dim: if gemma { 32 } else { 16 },
            n_ctx: 256,
        };
        Spec {
            architecture,
            shape,
            ty: TensorType::F32,
            tied: true,
            vocabulary: if gemma { Vocabulary::Spm } else { Vocabulary::Bpe("llama-bpe") },
            template: Some(TEMPLATE.to_owned()),
            rope: Rope::Plain,
            pooling: None,
            seed: 7,
            nan: false,
        }
    }

    /// A model whose matrices have the type `ty`: rows of 256 where its blocks need them.
    #[must_use]
    pub fn quantized(architecture: &'static str, ty: TensorType) -> Spec {
        let mut spec = match encoders::is_encoder(architecture) {
            true => encoders::tiny(architecture),
            false => Spec::tiny(architecture),
        };
        spec.ty = ty;
        if ty.block_len() > 32 {
            spec.shape.dim = 256;
            spec.shape.ffn_dim = 256;
            // The output projection's rows are all heads together.
            spec.shape.head_dim = 64;
            spec.shape.n_layers = spec.shape.n_layers.min(7);
        }
        spec
    }

    /// The file's metadata.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        let (arch, shape) = (self.architecture, &self.shape);
        metadata.insert("general.architecture", arch);
        metadata.insert("general.name", format!("{arch} test model {}", self.seed));
        let mut number = |key: &str, value: usize| {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            metadata.insert(format!("{arch}.{key}"), value);
        };
        number("context_length", shape.n_ctx);
        number("embedding_length", shape.dim);
        number("block_count", shape.n_layers);
        number("feed_forward_length", shape.ffn_dim);
        number("attention.head_count", shape.n_heads);
        number("attention.head_count_kv", shape.n_kv_heads);
        number("attention.key_length", shape.head_dim);
        number("attention.value_length", shape.head_dim);
        number("rope.dimension_count", shape.head_dim);
        number("vocab_size", self.vocabulary.len());
        if arch == "gemma3" {
            // Small enough that a test of a few dozen tokens leaves the window.
            number("attention.sliding_window", 16);
        }
        let mut put = |key: &str, value: Value| metadata.insert(format!("{arch}.{key}"), value);
        if !encoders::is_encoder(arch) {
            put("attention.layer_norm_rms_epsilon", Value::F32(1e-6));
        }
        put("rope.freq_base", Value::F32(10_000.0));
        let scaling = match self.rope {
            Rope::Linear(factor) => Some(("linear", factor)),
            Rope::Yarn(factor) => Some(("yarn", factor)),
            Rope::Plain | Rope::Factors | Rope::Long => None,
        };
        if self.rope == Rope::Long {
            put("rope.scaling.original_context_length", Value::U32(64));
            put("rope.scaling.attn_factor", Value::F32(1.25));
        }
        if let Some((kind, factor)) = scaling {
            put("rope.scaling.type", Value::String(kind.to_owned()));
            put("rope.scaling.factor", Value::F32(factor));
            put("rope.scaling.original_context_length", Value::U32(64));
        }
        if encoders::is_encoder(arch) {
            encoders::metadata(self, &mut metadata);
        }
        if let Some(pooling) = self.pooling {
            metadata.insert(format!("{arch}.pooling_type"), pooling);
        }
        self.vocabulary.write(&mut metadata);
        if let Some(template) = &self.template {
            metadata.insert("tokenizer.chat_template", template.as_str());
        }
        metadata
    }

    /// The file's tensors in file order.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        if encoders::is_encoder(self.architecture) {
            return encoders::tensors(self);
        }
        let shape = &self.shape;
        let (dim, ffn) = (shape.dim as u64, shape.ffn_dim as u64);
        let (q, kv) = (shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim);
        let (q, kv, n_vocab) = (q as u64, kv as u64, self.vocabulary.len() as u64);
        let mut out = Vec::new();
        let mut matrix = |name: &str, cols: u64, rows: u64| {
            out.push((format!("{name}.weight"), self.ty, vec![cols, rows]));
        };
        matrix("token_embd", dim, n_vocab);
        if !self.tied {
            matrix("output", dim, n_vocab);
        }
        for layer in 0..shape.n_layers {
            let mut matrix = |name: &str, cols: u64, rows: u64| {
                out.push((format!("blk.{layer}.{name}.weight"), self.ty, vec![cols, rows]));
            };
            let is_fused = self.architecture == "phi3";
            if is_fused {
                matrix("attn_qkv", dim, q + 2 * kv);
            } else {
                matrix("attn_q", dim, q);
                matrix("attn_k", dim, kv);
                matrix("attn_v", dim, kv);
            }
            matrix("attn_output", q, dim);
            if !is_fused {
                matrix("ffn_gate", dim, ffn);
            }
            matrix("ffn_up", dim, if is_fused { 2 * ffn } else { ffn });
            matrix("ffn_down", ffn, dim);
            let mut vector = |name: &str, len: u64| {
                out.push((format!("blk.{layer}.{name}"), TensorType::F32, vec![len]));
            };
            vector("attn_norm.weight", dim);
            vector("ffn_norm.weight", dim);
            if self.architecture == "qwen2" {
                vector("attn_q.bias", q);
                vector("attn_k.bias", kv);
                vector("attn_v.bias", kv);
            }
            if matches!(self.architecture, "qwen3" | "gemma3") {
                vector("attn_q_norm.weight", shape.head_dim as u64);
                vector("attn_k_norm.weight", shape.head_dim as u64);
            }
            if self.architecture == "gemma3" {
                vector("post_attention_norm.weight", dim);
                vector("post_ffw_norm.weight", dim);
            }
        }
        out.push(("output_norm.weight".to_owned(), TensorType::F32, vec![dim]));
        let factors: &[&str] = match self.rope {
            Rope::Factors => &["rope_freqs"],
            Rope::Long => &["rope_factors_long", "rope_factors_short"],
            _ => &[],
        };
        for name in factors {
            let len = (shape.head_dim / 2) as u64;
            out.push((format!("{name}.weight"), TensorType::F32, vec![len]));
        }
        out
    }

    /// The bytes of one tensor.
    #[must_use]
    pub fn data(&self, tensor: &Tensor) -> Vec<u8> {
        let (name, ty, dims) = tensor;
        let stream = Stream::new(self.seed, name);
        let n = usize::try_from(dims.iter().product::<u64>()).unwrap_or(0);
        let divisor = match name.as_str() {
            "rope_freqs.weight" => Some(8.0),
            "rope_factors_long.weight" => Some(4.0),
            "rope_factors_short.weight" => Some(1.5),
            _ => None,
        };
        if let Some(divisor) = divisor {
            // High frequencies stay, low ones are divided.
            let half = n as u64 / 2;
            return weights::f32s(n, |i| if i < half { 1.0 } else { divisor });
        }
        if name.ends_with(".bias") {
            return weights::f32s(n, |i| 0.2 * stream.normal(i));
        }
        if name.ends_with("norm.weight") {
            let broken = self.nan && name == "output_norm.weight";
            let value = |i| 1.0 + 0.1 * stream.normal(i);
            return weights::f32s(n, |i| if broken && i == 0 { f32::NAN } else { value(i) });
        }
        let columns = dims.first().copied().unwrap_or(1);
        // 1/sqrt keeps the size of activations; embeddings are small, as trained ones are.
        let is_table = name.ends_with("_embd.weight") || name == "token_types.weight";
        let sigma = if is_table { 0.05 } else { 1.0 / (columns as f32).sqrt() };
        weights::random(*ty, n, sigma, stream)
    }

    /// The whole file.
    ///
    /// # Panics
    /// If the shape does not fit the type's blocks.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.write(self.metadata(), &self.tensors())
    }

    /// The file with other metadata: for tests of missing and wrong keys.
    ///
    /// # Panics
    /// If the shape does not fit the type's blocks.
    #[must_use]
    pub fn bytes_with(&self, change: impl FnOnce(&mut Metadata)) -> Vec<u8> {
        let mut metadata = self.metadata();
        change(&mut metadata);
        self.write(metadata, &self.tensors())
    }

    /// The file without the keys and tensors whose names start with one of `prefixes`.
    ///
    /// # Panics
    /// If the shape does not fit the type's blocks.
    #[must_use]
    pub fn bytes_without(&self, prefixes: &[&str]) -> Vec<u8> {
        let keep = |name: &str| !prefixes.iter().any(|prefix| name.starts_with(prefix));
        let mut metadata = Metadata::new();
        for (key, value) in self.metadata().iter().filter(|(key, _)| keep(key)) {
            metadata.insert(key, value.clone());
        }
        let tensors: Vec<Tensor> =
            self.tensors().into_iter().filter(|tensor| keep(&tensor.0)).collect();
        self.write(metadata, &tensors)
    }

    /// The model in `n` parts, named as their files must be.
    ///
    /// # Panics
    /// If the shape does not fit the type's blocks.
    #[must_use]
    pub fn split(&self, stem: &str, n: u16) -> Vec<(String, Vec<u8>)> {
        let tensors = self.tensors();
        let per_part = tensors.len().div_ceil(usize::from(n)).max(1);
        let mut parts = tensors.chunks(per_part);
        (0..n)
            .map(|no| {
                let mut metadata = if no == 0 { self.metadata() } else { Metadata::new() };
                metadata.insert("split.no", Value::U16(no));
                metadata.insert("split.count", Value::U16(n));
                let count = i32::try_from(tensors.len()).unwrap_or(i32::MAX);
                metadata.insert("split.tensors.count", Value::I32(count));
                let part = parts.next().unwrap_or(&[]);
                (format!("{stem}-{:05}-of-{n:05}.gguf", no + 1), self.write(metadata, part))
            })
            .collect()
    }

    fn write(&self, metadata: Metadata, tensors: &[Tensor]) -> Vec<u8> {
        let attempt = || -> Result<Vec<u8>, gguf::WriteError> {
            let mut writer = Writer::new(metadata);
            for (name, ty, dims) in tensors {
                writer.tensor(name, *ty, dims)?;
            }
            let mut data = writer.start(Vec::new())?;
            for tensor in tensors {
                data.write_tensor(&tensor.0, &self.data(tensor))?;
            }
            data.finish()
        };
        match attempt() {
            Ok(bytes) => bytes,
            Err(error) => panic!("the test model {self:?} cannot be written: {error}"),
        }
    }
}

/// Every architecture with the variants its code has: tied and untied heads, rope scaling.
#[must_use]
pub fn catalog() -> Vec<(String, Spec)> {
    let mut out = Vec::new();
    for architecture in ["llama", "qwen2", "qwen3", "gemma3"] {
        let tied = Spec::tiny(architecture);
        let untied = Spec { tied: false, ..tied.clone() };
        out.push((format!("{architecture} tied"), tied.clone()));
        out.push((format!("{architecture} untied"), untied));
        for (name, rope) in
            [("linear", Rope::Linear(4.0)), ("yarn", Rope::Yarn(4.0)), ("factors", Rope::Factors)]
        {
            out.push((format!("{architecture} {name}"), Spec { rope, ..tied.clone() }));
        }
    }
    let phi3 = Spec::tiny("phi3");
    out.push(("phi3 long".to_owned(), Spec { rope: Rope::Long, ..phi3.clone() }));
    out.push(("phi3 untied".to_owned(), Spec { tied: false, ..phi3 }));
    out.push(("phi3 Q4_K".to_owned(), Spec::quantized("phi3", TensorType::Q4_K)));
    for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
        out.push((format!("llama {ty}"), Spec::quantized("llama", ty)));
    }
    out.push(("llama spm".to_owned(), Spec { vocabulary: Vocabulary::Spm, ..Spec::tiny("llama") }));
    out.push(("gemma3 Q4_K".to_owned(), Spec::quantized("gemma3", TensorType::Q4_K)));
    out
}
