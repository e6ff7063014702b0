//! What the tests share. Not every test uses all of it.

#![allow(dead_code, reason = "each test file compiles this anew")]

pub mod shapes;

use gguf::Metadata;
use quantize::{Imatrix, Tensor};

/// An importance matrix in the first format: for each tensor as many numbers as `value` gives.
pub fn imatrix_bytes(entries: &[(String, Vec<f32>)]) -> Vec<u8> {
    let int = |n: usize| i32::try_from(n).unwrap().to_le_bytes();
    let mut out = Vec::from(int(entries.len()));
    for (name, values) in entries {
        out.extend(int(name.len()));
        out.extend(name.as_bytes());
        // Summed up over two pieces of text.
        out.extend(int(2));
        out.extend(int(values.len()));
        values.iter().for_each(|value| out.extend((value * 2.0).to_le_bytes()));
    }
    out.extend(int(2));
    out.extend(int(4));
    out.extend(b"text");
    out
}

/// Importances of one for all matrices.
pub fn even_imatrix(tensors: &[Tensor]) -> Imatrix {
    let n = |tensor: &Tensor| tensor.dims[0] * tensor.dims.get(2).copied().unwrap_or(1);
    let ones = |tensor: &Tensor| vec![1.0; usize::try_from(n(tensor)).unwrap()];
    let entries: Vec<(String, Vec<f32>)> =
        tensors.iter().map(|tensor| (tensor.name.clone(), ones(tensor))).collect();
    Imatrix::open(Box::new(imatrix_bytes(&entries)), "even.dat").unwrap()
}

/// Numbers that look like weights: a bell of this width, with a few large ones. By a formula, the
/// same every time.
pub fn weights(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let mut bell = || next() + next() + next() + next();
    (0..n).map(|i| 0.05 * bell() * if i % 97 == 0 { 8.0 } else { 1.0 }).collect()
}

/// The smallest metadata of a model.
pub fn llama(n_layer: u32) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("llama.block_count", n_layer);
    metadata.insert("llama.attention.head_count", 8u32);
    metadata.insert("llama.attention.head_count_kv", 2u32);
    metadata.insert("general.file_type", 0u32);
    metadata
}
