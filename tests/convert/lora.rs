//! A seeded adapter for a seeded model, as a folder of `peft`.

use gguf::Gguf;
use serde_json::json;

use crate::hf::{self, Folder};

pub const RANK: usize = 4;
pub const ALPHA: f32 = 6.0;

/// Numbers that look like an adapter's.
fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0) * 0.1).collect()
}

/// As a file has them.
pub fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// What an adapter adds to a matrix, as `peft` defines it, in the rows of the GGUF file.
pub struct Delta {
    pub name: String,
    pub n_in: usize,
    pub n_out: usize,
    pub a: Vec<f32>,
    pub b: Vec<f32>,
}

/// For some matrices of each layer.
pub fn deltas(model: &Gguf) -> Vec<Delta> {
    let wanted = ["attn_q.weight", "attn_k.weight", "ffn_down.weight"];
    let chosen = model.tensors.iter().filter(|t| wanted.iter().any(|end| t.name.ends_with(end)));
    let delta = |(i, info): (usize, &gguf::TensorInfo)| {
        let (n_in, n_out) = (info.dims[0] as usize, info.dims[1] as usize);
        let (a, b) = (noise(RANK * n_in, i), noise(n_out * RANK, i + 100));
        Delta { name: info.name.clone(), n_in, n_out, a, b }
    };
    chosen.enumerate().map(delta).collect()
}

/// The folder of the adapter.
pub fn folder(model: &Gguf) -> Folder {
    let arch = model.metadata.str("general.architecture").unwrap().unwrap().to_owned();
    let head_dim = model.metadata.u32(&format!("{arch}.attention.key_length")).unwrap().unwrap();
    let mut tensors = Vec::new();
    for delta in deltas(model) {
        let module = delta.name.strip_suffix(".weight").unwrap();
        let there = format!("base_model.model.{}", hf::there(&arch, module));
        let mut b = bytes(&delta.b);
        if arch == "llama" && module.contains("attn_") {
            b = hf::halves(&b, head_dim as usize, delta.n_out);
        }
        let rank = RANK as u64;
        let (a, n_in, n_out) = (bytes(&delta.a), delta.n_in as u64, delta.n_out as u64);
        tensors.push((format!("{there}.lora_A.weight"), "F32", vec![rank, n_in], a));
        tensors.push((format!("{there}.lora_B.weight"), "F32", vec![n_out, rank], b));
    }
    let config = json!({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none"});
    vec![
        ("adapter_config.json".to_owned(), config.to_string().into_bytes()),
        ("adapter_model.safetensors".to_owned(), hf::safetensors(&tensors)),
    ]
}
