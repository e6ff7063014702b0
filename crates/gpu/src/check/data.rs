//! Seeded inputs: numbers, and blocks of every format with scales of a usual size.

use kernels::shader::layout::{RowLayout, UNIT};
use quant::TensorType;

/// A small counter-based generator; good enough to be asymmetric and repeatable.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) as u32
    }

    /// Uniform in -1 .. 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() & 0xffff) as f32 / 32768.0 - 1.0
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.unit()).collect()
    }
}

/// A matrix as a file stores it, and its values.
pub struct Weights {
    pub layout: RowLayout,
    pub bytes: Vec<u8>,
    pub values: Vec<f32>,
    pub n_cols: usize,
}

/// f16 bits of about `value` (only the exponent and the top of the mantissa matter here).
fn half(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = ((bits >> 23) & 0xff) as i32 - 127 + 15;
    let mantissa = (bits >> 13) & 0x3ff;
    ((sign | ((exponent.clamp(1, 30) as u32) << 10) | mantissa) as u16).to_le_bytes()
}

/// Where a block's f16 scales stand.
fn scale_offsets(ty: TensorType) -> &'static [usize] {
    use TensorType as T;
    match ty {
        T::Q4_0 | T::Q5_0 | T::Q8_0 | T::IQ4_NL | T::IQ4_XS => &[0],
        T::Q4_1 | T::Q5_1 | T::Q4_K | T::Q5_K => &[0, 2],
        T::Q2_K => &[80, 82],
        T::Q3_K => &[108],
        T::Q6_K => &[208],
        _ => &[],
    }
}

fn block(ty: TensorType, random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..ty.block_bytes()).map(|_| random.bits() as u8).collect();
    match ty {
        TensorType::F32 => bytes.copy_from_slice(&random.unit().to_le_bytes()),
        TensorType::F16 => bytes.copy_from_slice(&half(random.unit())),
        TensorType::BF16 => bytes.copy_from_slice(&random.unit().to_le_bytes()[2..]),
        TensorType::MXFP4 => bytes[0] = 120 + (random.bits() % 8) as u8,
        _ => {}
    }
    for &at in scale_offsets(ty) {
        bytes[at..at + 2].copy_from_slice(&half(0.01 + 0.02 * random.unit().abs()));
    }
    bytes
}

impl Weights {
    /// `n_rows × n_cols` random weights; `None` if the type has no kernel.
    pub fn new(ty: TensorType, n_rows: usize, n_cols: usize, seed: u64) -> Option<Self> {
        let layout = RowLayout::new(ty, n_cols)?;
        let mut random = Random::new(seed);
        let n_blocks = n_rows * n_cols / ty.block_len();
        let bytes: Vec<u8> = (0..n_blocks).flat_map(|_| block(ty, &mut random)).collect();
        let mut values = vec![0.0; n_rows * n_cols];
        quant::decode(ty, &bytes, &mut values).ok()?;
        Some(Weights { layout, bytes, values, n_cols })
    }

    /// The rows as the kernels read them.
    pub fn on_gpu(&self) -> Vec<u8> {
        let n_rows = self.bytes.len() / self.layout.file_bytes;
        let mut out = vec![0; n_rows * self.layout.row_bytes];
        self.layout.repack(&self.bytes, &mut out);
        out
    }

    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_cols
    }

    /// `W·x` for one row of `x`.
    pub fn times(&self, x: &[f32]) -> Vec<f32> {
        self.values.chunks_exact(self.n_cols).map(|row| kernels::twin::dot(row, x)).collect()
    }
}

/// Rows padded with zeros to whole units, as activations lie on the GPU.
pub fn padded(rows: &[f32], width: usize) -> Vec<f32> {
    let stride = width.next_multiple_of(UNIT);
    let mut out = vec![0.0; rows.len() / width.max(1) * stride];
    for (to, from) in out.chunks_exact_mut(stride).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    out
}

/// Inputs as integer products see them: units of 32 as signed bytes with one scale.
pub fn quantized(x: &[f32]) -> Vec<f32> {
    let unit = |unit: &[f32]| -> Vec<f32> {
        let largest = unit.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let k = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        unit.iter().map(|v| (v * k).round_ties_even() * (largest / 127.0)).collect()
    };
    x.chunks(UNIT).flat_map(unit).collect()
}

/// `Σ(a−b)² / Σb²`; infinite if the lengths differ.
pub fn nmse(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let pairs = || got.iter().zip(want).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let error: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let power: f64 = pairs().map(|(_, b)| b * b).sum();
    error / power.max(f64::MIN_POSITIVE)
}
