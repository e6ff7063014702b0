//! Numbers of files as float32, and float32 as bytes.

use gguf::SourceError;
use quant::TensorType;

/// The types of numbers a checkpoint may hold weights in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F64,
    F32,
    F16,
    BF16,
}

impl Float {
    pub const fn n_bytes(self) -> u64 {
        match self {
            Float::F64 => 8,
            Float::F32 => 4,
            Float::F16 | Float::BF16 => 2,
        }
    }

    /// The type a matrix of it keeps: GGUF has float64, and nothing computes with it.
    pub const fn tensor_type(self) -> TensorType {
        match self {
            Float::F64 | Float::F32 => TensorType::F32,
            Float::F16 => TensorType::F16,
            Float::BF16 => TensorType::BF16,
        }
    }
}

/// Numbers of `float` as float32; rounded where they are wider.
pub(crate) fn to_f32(float: Float, bytes: &[u8], out: &mut [f32]) -> Result<(), SourceError> {
    let failed = |error: quant::DecodeError| SourceError::new(error.to_string());
    match float {
        Float::F32 => quant::decode(TensorType::F32, bytes, out).map_err(failed),
        Float::F16 => quant::decode(TensorType::F16, bytes, out).map_err(failed),
        Float::BF16 => quant::decode(TensorType::BF16, bytes, out).map_err(failed),
        Float::F64 => {
            for (bytes, out) in bytes.as_chunks::<8>().0.iter().zip(out) {
                *out = f64::from_le_bytes(*bytes) as f32;
            }
            Ok(())
        }
    }
}

/// Numbers as the bytes of a float type; `out` has room for exactly them.
pub(crate) fn from_f32(ty: TensorType, numbers: &[f32], out: &mut [u8]) {
    match ty {
        TensorType::F16 => {
            for (x, out) in numbers.iter().zip(out.as_chunks_mut::<2>().0) {
                *out = half::f16::from_f32(*x).to_le_bytes();
            }
        }
        TensorType::BF16 => {
            for (x, out) in numbers.iter().zip(out.as_chunks_mut::<2>().0) {
                *out = half::bf16::from_f32(*x).to_le_bytes();
            }
        }
        _ => {
            for (x, out) in numbers.iter().zip(out.as_chunks_mut::<4>().0) {
                *out = x.to_le_bytes();
            }
        }
    }
}
