//! A small llama with seeded random weights of chosen types, made without any file.
#![allow(dead_code, reason = "each test uses its part")]

use kernels::{
    Activation, Dims, Heads, Linear, Loader, Mask, Norm, Op, Plan, Player, RopeId, RopeStyle,
    RopeTable, Weight, WeightId,
};
use quant::TensorType;

/// Sizes of the test model. `dim` fits super-blocks; the vocabulary is no whole number of strips.
pub const DIMS: Dims = Dims {
    n_vocab: 301,
    dim: 256,
    n_layers: 2,
    n_heads: 6,
    n_kv_heads: 2,
    head_dim: 32,
    ffn_dim: 512,
    n_ctx_train: 256,
};

struct Build {
    dims: Dims,
    weights: Vec<Weight>,
}

impl Build {
    fn weight(&mut self, ty: TensorType, n_rows: usize, n_cols: usize) -> WeightId {
        // Types of 256 columns fall back where a width is no multiple, as llama.cpp's recipes do.
        let ty = if n_cols.is_multiple_of(ty.block_len()) { ty } else { TensorType::Q8_0 };
        let name = format!("w{}", self.weights.len());
        self.weights.push(Weight { name, ty, n_rows, n_cols, first_row: 0 });
        WeightId(self.weights.len() - 1)
    }

    fn linear(&mut self, ty: TensorType, n_rows: usize, n_cols: usize) -> Linear {
        let w = self.weight(ty, n_rows, n_cols);
        Linear { w, bias: Some(self.weight(TensorType::F32, 1, n_rows)) }
    }

    fn norm(&mut self, n: usize) -> Norm {
        Norm::rms(self.weight(TensorType::F32, 1, n), 1e-5)
    }
}

/// A plan whose layers take the matrix types in turn. Embedding and head are one tensor.
pub fn plan(dims: Dims, types: &[TensorType], window: Option<usize>) -> Plan {
    let mut b = Build { dims, weights: Vec::new() };
    let heads =
        Heads { n_heads: dims.n_heads, n_kv_heads: dims.n_kv_heads, head_dim: dims.head_dim };
    let (q_width, kv_width) = (dims.n_heads * dims.head_dim, dims.n_kv_heads * dims.head_dim);
    let mut types = types.iter().copied().cycle();
    let mut next = || types.next().unwrap_or(TensorType::F32);
    let table = b.weight(next(), dims.n_vocab, dims.dim);
    let mut ops = vec![Op::Embed { table, scale: 1.0, encoder: None }];
    for kv in 0..dims.n_layers {
        let norm = Some(b.norm(dims.dim));
        let q = b.linear(next(), q_width, dims.dim);
        let k = b.linear(next(), kv_width, dims.dim);
        let v = b.linear(next(), kv_width, dims.dim);
        ops.push(Op::Qkv { norm, q, k, v });
        let (q_norm, k_norm) = (Some(b.norm(dims.head_dim)), Some(b.norm(dims.head_dim)));
        ops.push(Op::RopeKv { kv, heads, q_norm, k_norm, rope: Some(RopeId(0)) });
        let scale = (dims.head_dim as f32).sqrt().recip();
        let mask = Mask::Causal { window: window.filter(|_| kv % 2 == 0) };
        ops.push(Op::Attention { kv, heads, scale, mask });
        let w = b.linear(next(), dims.dim, q_width);
        ops.push(Op::Output { w, post: Some(b.norm(dims.dim)), after: None });
        let norm = Some(b.norm(dims.dim));
        let gate = Some(b.linear(next(), dims.ffn_dim, dims.dim));
        let up = b.linear(next(), dims.ffn_dim, dims.dim);
        let act = if kv % 2 == 0 { Activation::Silu } else { Activation::GeluTanh };
        ops.push(Op::GateUp { norm, gate, up, act });
        let w = b.linear(next(), dims.dim, dims.ffn_dim);
        ops.push(Op::Down { w, post: None, after: None });
    }
    let norm = b.norm(dims.dim);
    ops.push(Op::Head { norm, w: Linear { w: table, bias: None } });
    let inv_freq = (0..dims.head_dim / 2).map(|i| 10_000f64.powf(-(i as f64) / 16.0)).collect();
    let rope = RopeTable { style: RopeStyle::Halves, inv_freq, magnitude: 1.0, long: None };
    Plan { dims: b.dims, weights: b.weights, ropes: vec![rope], ops, n_kv_layers: dims.n_layers }
}

/// Seeded bytes of a tensor: random codes, scales that keep activations near 1.
pub fn bytes(weight: &Weight, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let n = weight.n_rows * weight.n_cols;
    let mut float = |size: f32| ((next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size;
    match weight.ty {
        TensorType::F32 => {
            // Vectors are gains and biases: near 1 does for both.
            let base = if weight.n_rows == 1 { 1.0 } else { 0.0 };
            return (0..n).flat_map(|_| (base + float(0.1)).to_le_bytes()).collect();
        }
        TensorType::F16 => {
            return (0..n).flat_map(|_| half::f16::from_f32(float(0.1)).to_le_bytes()).collect();
        }
        _ => {}
    }
    let (scales, size): (&[usize], f32) = match weight.ty {
        TensorType::Q4_0 | TensorType::IQ4_NL | TensorType::Q5_0 => (&[0], 0.01),
        TensorType::Q8_0 => (&[0], 0.001),
        TensorType::Q4_K | TensorType::Q5_K => (&[0, 2], 0.0003),
        TensorType::Q6_K => (&[208], 0.00003),
        other => unreachable!("no filler for {other}"),
    };
    let n_bytes = weight.n_bytes();
    let mut bytes: Vec<u8> = (0..n_bytes).map(|_| (float(1.0) * 1e6) as i32 as u8).collect();
    for block in bytes.chunks_exact_mut(weight.ty.block_bytes()) {
        for &at in scales {
            block[at..at + 2].copy_from_slice(&half::f16::from_f32(float(size)).to_le_bytes());
        }
    }
    bytes
}

/// As [`load`] where the loader reads what it can, in the engine's way.
#[allow(dead_code, reason = "each test uses its part")]
#[allow(clippy::expect_used, reason = "test model")]
pub fn load_by_pull(plan: &Plan, mut loader: Box<dyn Loader>) -> Box<dyn Player> {
    for (i, weight) in plan.weights.iter().enumerate() {
        let (bytes, row_bytes) = (bytes(weight, i as u64 + 1), weight.row_bytes());
        let read = |row: usize, buf: &mut [u8]| {
            buf.copy_from_slice(&bytes[row * row_bytes..][..buf.len()]);
            true
        };
        if !loader.pull(WeightId(i), 0..weight.n_rows, &read).expect("pull") {
            loader.write(WeightId(i), 0, &bytes).expect("write");
        }
    }
    loader.finish().expect("finish")
}

/// Writes every weight. Panics on a loader's error, since the plan is sound.
#[allow(clippy::expect_used, reason = "test model")]
pub fn load(plan: &Plan, mut loader: Box<dyn Loader>) -> Box<dyn Player> {
    for (i, weight) in plan.weights.iter().enumerate() {
        loader.write(WeightId(i), 0, &bytes(weight, i as u64 + 1)).expect("write");
    }
    loader.finish().expect("finish")
}
