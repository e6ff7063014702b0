//! Whether blocks can be calculated with: a scale that is infinite or no number spoils its block,
//! and every answer after it.
//!
//! The scales' places are written down here once more, apart from the structs, so that one look at
//! raw bytes is enough; a test holds the two together.

use half::{bf16, f16};

use crate::types::TensorType;

/// Where the f16 scales (and minimums) of a block lie, in bytes from its start.
const fn scales(ty: TensorType) -> &'static [usize] {
    match ty {
        TensorType::Q4_1 | TensorType::Q5_1 | TensorType::Q4_K | TensorType::Q5_K => &[0, 2],
        TensorType::Q2_K => &[80, 82],
        TensorType::Q3_K => &[108],
        TensorType::Q6_K => &[208],
        TensorType::TQ1_0 => &[52],
        TensorType::TQ2_0 => &[64],
        TensorType::F16
        | TensorType::Q4_0
        | TensorType::Q5_0
        | TensorType::Q8_0
        | TensorType::IQ4_NL
        | TensorType::IQ4_XS
        | TensorType::IQ2_XXS
        | TensorType::IQ2_XS
        | TensorType::IQ2_S
        | TensorType::IQ3_XXS
        | TensorType::IQ3_S
        | TensorType::IQ1_S => &[0],
        _ => &[],
    }
}

/// The first block whose number or scale is infinite or NaN; bytes behind the last whole block are
/// not looked at. Types without such a scale have no such block.
pub fn first_not_finite(ty: TensorType, bytes: &[u8]) -> Option<usize> {
    match ty {
        TensorType::F32 => {
            let is_bad = |x: &[u8; 4]| !f32::from_le_bytes(*x).is_finite();
            bytes.as_chunks().0.iter().position(is_bad)
        }
        TensorType::F64 => {
            let is_bad = |x: &[u8; 8]| !f64::from_le_bytes(*x).is_finite();
            bytes.as_chunks().0.iter().position(is_bad)
        }
        TensorType::BF16 => {
            bytes.as_chunks().0.iter().position(|x| !bf16::from_le_bytes(*x).is_finite())
        }
        TensorType::F16 => {
            bytes.as_chunks().0.iter().position(|x| !f16::from_le_bytes(*x).is_finite())
        }
        // The exponent of all ones is "not a number".
        TensorType::MXFP4 => {
            bytes.chunks_exact(ty.block_bytes()).position(|block| block[0] == u8::MAX)
        }
        _ => bytes.chunks_exact(ty.block_bytes()).position(|block| {
            let is_bad = |at: &usize| !f16::from_le_bytes([block[*at], block[at + 1]]).is_finite();
            scales(ty).iter().any(is_bad)
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::decode::{Block, decode_blocks};
    use crate::*;

    /// A block of zeros but for one scale, which is infinite, has a value that is not finite.
    fn places<B: Block>() {
        let ty = B::TYPE;
        let mut values = vec![0.0; ty.block_len()];
        let good = vec![0; 2 * ty.block_bytes()];
        assert_eq!(first_not_finite(ty, &good), None, "{ty}");
        let mut found = Vec::new();
        for at in 0..ty.block_bytes() - 1 {
            // Some integers, so that no scale is multiplied with zero everywhere.
            let mut block = vec![0x11; ty.block_bytes()];
            block[at..at + 2].copy_from_slice(&[0, 0x7c]);
            decode_blocks::<B>(&block, &mut values).unwrap();
            if values.iter().any(|x| !x.is_finite()) {
                found.push(at);
                let both = [vec![0; ty.block_bytes()], block].concat();
                assert_eq!(first_not_finite(ty, &both), Some(1), "{ty} at {at}");
            }
        }
        assert_eq!(found, scales(ty), "{ty}");
    }

    #[test]
    fn the_places_are_where_the_decoders_find_scales() {
        places::<BlockQ4_0>();
        places::<BlockQ4_1>();
        places::<BlockQ5_0>();
        places::<BlockQ5_1>();
        places::<BlockQ8_0>();
        places::<BlockQ2_K>();
        places::<BlockQ3_K>();
        places::<BlockQ4_K>();
        places::<BlockQ5_K>();
        places::<BlockQ6_K>();
        places::<BlockIQ4_NL>();
        places::<BlockIQ4_XS>();
    }

    #[test]
    fn plain_numbers_and_other_scales() {
        let inf = f32::INFINITY.to_le_bytes();
        assert_eq!(first_not_finite(TensorType::F32, &[[0; 4], inf].concat()), Some(1));
        assert_eq!(first_not_finite(TensorType::F16, &[0, 0, 0xff, 0xff]), Some(1));
        assert_eq!(first_not_finite(TensorType::BF16, &[0, 0, 0x80, 0x7f]), Some(1));
        assert_eq!(first_not_finite(TensorType::BF16, &[0x7f, 0x7f]), None);
        let mut block = [0; 17];
        assert_eq!(first_not_finite(TensorType::MXFP4, &block), None);
        block[0] = 255;
        assert_eq!(first_not_finite(TensorType::MXFP4, &block), Some(0));
        for (ty, at) in [(TensorType::TQ1_0, 52), (TensorType::TQ2_0, 64)] {
            let mut block = vec![0; ty.block_bytes()];
            block[at + 1] = 0x7c;
            assert_eq!(first_not_finite(ty, &block), Some(0));
        }
        assert_eq!(first_not_finite(TensorType::I8, &[255; 9]), None);
    }
}
