//! Models that have names, shapes and metadata, and hardly any weights: what recipes look at.
//!
//! A formula makes them, so that the table of what llama.cpp does with them (`recipes.txt`) can be
//! made again from nothing: every matrix has two rows, whatever its real one would have.

use gguf::{Metadata, Value};
use quant::TensorType;
use quantize::Tensor;

/// A kind of model.
pub struct Shape {
    pub name: &'static str,
    pub architecture: &'static str,
    pub n_layer: u32,
    pub n_head: u32,
    pub n_head_kv: u32,
    pub n_expert: u32,
    /// Width of rows, and of the feed-forward part's.
    pub columns: u64,
    pub ff_columns: u64,
    pub has_output: bool,
    pub has_fused_qkv: bool,
}

const LLAMA: Shape = Shape {
    name: "llama",
    architecture: "llama",
    n_layer: 8,
    n_head: 32,
    n_head_kv: 8,
    n_expert: 0,
    columns: 256,
    ff_columns: 512,
    has_output: true,
    has_fused_qkv: false,
};

pub const SHAPES: &[Shape] = &[
    LLAMA,
    Shape { name: "tied", n_layer: 22, n_head_kv: 4, has_output: false, ..LLAMA },
    Shape { name: "ungrouped", n_layer: 32, n_head_kv: 32, ..LLAMA },
    Shape { name: "70b", n_layer: 80, n_head: 64, ..LLAMA },
    Shape { name: "65b", n_layer: 80, n_head: 64, n_head_kv: 64, ..LLAMA },
    Shape { name: "qwen2-72b", architecture: "qwen2", n_layer: 80, n_head: 64, ..LLAMA },
    Shape { name: "eight-experts", n_layer: 32, n_expert: 8, ..LLAMA },
    Shape { name: "many-experts", architecture: "qwen3moe", n_layer: 48, n_expert: 128, ..LLAMA },
    Shape {
        name: "falcon",
        architecture: "falcon",
        n_layer: 32,
        n_head: 71,
        n_head_kv: 1,
        has_fused_qkv: true,
        ..LLAMA
    },
    Shape {
        name: "phi3",
        architecture: "phi3",
        n_layer: 32,
        n_head_kv: 32,
        has_fused_qkv: true,
        ..LLAMA
    },
    Shape {
        name: "narrow",
        n_layer: 30,
        n_head: 9,
        n_head_kv: 3,
        columns: 576,
        ff_columns: 1536,
        has_output: false,
        ..LLAMA
    },
    Shape {
        name: "odd",
        n_layer: 5,
        n_head: 8,
        n_head_kv: 4,
        columns: 64,
        ff_columns: 172,
        ..LLAMA
    },
    Shape { name: "encoder", architecture: "bert", n_layer: 12, n_head_kv: 32, ..LLAMA },
];

impl Shape {
    pub fn metadata(&self) -> Metadata {
        let mut out = Metadata::new();
        out.insert("general.architecture", self.architecture);
        let mut number = |key: &str, value: u32| {
            out.insert(format!("{}.{key}", self.architecture), Value::U32(value));
        };
        number("context_length", 128);
        number("embedding_length", u32::try_from(self.columns).unwrap());
        number("block_count", self.n_layer);
        number("feed_forward_length", u32::try_from(self.ff_columns).unwrap());
        number("attention.head_count", self.n_head);
        number("attention.head_count_kv", self.n_head_kv);
        if self.n_expert > 0 {
            number("expert_count", self.n_expert);
            number("expert_used_count", 2);
            number("expert_feed_forward_length", u32::try_from(self.ff_columns).unwrap());
        }
        let epsilon = if self.architecture == "falcon" || self.architecture == "bert" {
            "attention.layer_norm_epsilon"
        } else {
            "attention.layer_norm_rms_epsilon"
        };
        out.insert(format!("{}.{epsilon}", self.architecture), 1e-5f32);
        out
    }

    /// All tensors, in an order that is not the new file's.
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut out = Vec::new();
        let mut matrix = |name: String, columns: u64, n: u64| {
            let dims = if n > 1 { vec![columns, 2, n] } else { vec![columns, 2] };
            out.push(Tensor { name, ty: TensorType::F16, dims });
        };
        for layer in 0..self.n_layer {
            let mut part = |name: &str, columns, n| {
                matrix(format!("blk.{layer}.{name}.weight"), columns, n);
            };
            let attention: &[&str] = match self.has_fused_qkv {
                true => &["attn_qkv", "attn_output"],
                false => &["attn_q", "attn_k", "attn_v", "attn_output"],
            };
            attention.iter().for_each(|name| part(name, self.columns, 1));
            let n = u64::from(self.n_expert);
            let exps = if n > 0 { "_exps" } else { "" };
            if n > 0 {
                part("ffn_gate_inp", self.columns, 1);
            }
            part(&format!("ffn_up{exps}"), self.columns, n);
            part(&format!("ffn_gate{exps}"), self.columns, n);
            part(&format!("ffn_down{exps}"), self.ff_columns, n);
        }
        matrix("token_embd.weight".to_owned(), self.columns, 1);
        if self.has_output {
            matrix("output.weight".to_owned(), self.columns, 1);
        }
        if self.architecture == "bert" {
            matrix("position_embd.weight".to_owned(), self.columns, 1);
            matrix("token_types.weight".to_owned(), self.columns, 1);
        }
        let norms = (0..self.n_layer).map(|layer| format!("blk.{layer}.attn_norm.weight"));
        let norm = |name| Tensor { name, ty: TensorType::F32, dims: vec![self.columns] };
        let norms: Vec<Tensor> = norms.chain(["output_norm.weight".to_owned()]).map(norm).collect();
        out.splice(0..0, norms);
        out
    }
}
