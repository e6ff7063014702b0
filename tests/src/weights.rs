//! Random weights in every supported block format.
//!
//! A float tensor gets the values themselves. A quantized tensor gets random blocks: every bit
//! pattern of a block's integers is valid, so only the scales are chosen, such that the weights
//! have the wanted size. Encoding real values is another crate's work and would test less: random
//! blocks reach every code, sign and scale.

use half::{bf16, f16};
use quant::TensorType;

use crate::rng::Stream;

/// The bytes of `n` weights of type `ty` with a standard deviation of about `sigma`.
///
/// `n` must be a multiple of the block length. Types without a decoder give random bytes.
#[must_use]
pub fn random(ty: TensorType, n: usize, sigma: f32, stream: Stream) -> Vec<u8> {
    let values = (0..n as u64).map(|i| stream.normal(i) * sigma);
    match ty {
        TensorType::F32 => values.flat_map(f32::to_le_bytes).collect(),
        TensorType::F16 => values.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect(),
        TensorType::BF16 => values.flat_map(|x| bf16::from_f32(x).to_le_bytes()).collect(),
        _ => blocks(ty, n / ty.block_len(), sigma, stream),
    }
}

/// The bytes of the values `f(0), f(1), …` as F32.
#[must_use]
pub fn f32s(n: usize, f: impl Fn(u64) -> f32) -> Vec<u8> {
    (0..n as u64).flat_map(|i| f(i).to_le_bytes()).collect()
}

fn blocks(ty: TensorType, n: usize, sigma: f32, stream: Stream) -> Vec<u8> {
    let size = ty.block_bytes();
    let words = size.div_ceil(8) as u64;
    let mut out = Vec::with_capacity(n * size);
    for block in 0..n as u64 {
        let start = out.len();
        let random = (0..words).flat_map(|word| stream.bits(block * words + word).to_le_bytes());
        out.extend(random.take(size));
        if let Some(bytes) = out.get_mut(start..) {
            // Blocks differ in scale, as real ones do.
            let scale = sigma * (0.75 + 0.5 * stream.unit(u64::MAX - block));
            set_scales(ty, bytes, scale);
        }
    }
    out
}

/// Writes the block's scales so that its values have a standard deviation of about `sigma`.
///
/// The divisors are the standard deviations of the integers under uniformly random bits; offsets
/// (`m`, `dmin`) bring the mean to zero.
fn set_scales(ty: TensorType, block: &mut [u8], sigma: f32) {
    let mut put = |at: usize, value: f32| {
        let bytes = f16::from_f32(value).to_le_bytes();
        for (slot, byte) in block.iter_mut().skip(at).zip(bytes) {
            *slot = byte;
        }
    };
    match ty {
        TensorType::Q4_0 => put(0, sigma / 4.6),
        TensorType::Q4_1 => {
            put(0, sigma / 4.6);
            put(2, -7.5 * sigma / 4.6);
        }
        TensorType::Q5_0 => put(0, sigma / 9.2),
        TensorType::Q5_1 => {
            put(0, sigma / 9.2);
            put(2, -15.5 * sigma / 9.2);
        }
        TensorType::Q8_0 => put(0, sigma / 74.0),
        TensorType::Q2_K => {
            put(80, sigma / 14.0);
            put(82, 1.5 * sigma / 14.0);
        }
        TensorType::Q3_K => put(108, sigma / 42.0),
        TensorType::Q4_K => {
            put(0, sigma / 270.0);
            put(2, 7.5 * sigma / 270.0);
        }
        TensorType::Q5_K => {
            put(0, sigma / 540.0);
            put(2, 15.5 * sigma / 540.0);
        }
        TensorType::Q6_K => {
            put(208, sigma / 170.0);
            // 8-bit scales would need a factor below f16's range: keep their upper bits.
            for scale in block.iter_mut().skip(192).take(16) {
                *scale = (scale.cast_signed() >> 3).cast_unsigned();
            }
        }
        TensorType::IQ4_NL => put(0, sigma / 70.0),
        TensorType::IQ4_XS => put(0, sigma / 1300.0),
        TensorType::MXFP4 => {
            // One power of two; e = 126 makes the largest code 6.0 · 2^-1, deviation about 1.6.
            let half_steps =
                (0..40).take_while(|&n| 1.6 / f32::from(1u16 << (n / 2)) > sigma).count();
            let exponent = 126usize.saturating_sub(half_steps / 2);
            if let Some(byte) = block.first_mut() {
                *byte = u8::try_from(exponent).unwrap_or(126);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn every_format_gives_finite_weights_of_the_wanted_size() {
        let supported = TensorType::ALL.iter().copied().filter(|ty| ty.is_supported());
        for ty in supported {
            let n = 256 * 64;
            let bytes = random(ty, n, 0.05, Stream::new(3, "w"));
            let mut values = vec![0.0; n];
            quant::decode(ty, &bytes, &mut values).unwrap();
            assert!(values.iter().all(|x| x.is_finite()), "{ty}");
            let mean: f64 = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
            let square: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
            let deviation = (square - mean * mean).sqrt();
            assert!((0.02..0.12).contains(&deviation), "{ty}: {deviation}");
            assert!(mean.abs() < 0.01, "{ty}: mean {mean}");
        }
    }
}
