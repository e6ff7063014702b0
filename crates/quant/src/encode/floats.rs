//! Plain numbers: one conversion, ties to even. Denormal numbers are kept.

use half::{bf16, f16};

use super::{Encode, Importance};
use crate::floats::{BlockBF16, BlockF16, BlockF32};

macro_rules! float {
    ($block:ident, $convert:expr) => {
        impl Encode for $block {
            const MAX: f32 = f32::MAX;

            fn encode(x: &[f32], _: Option<Importance<'_>>) -> Self {
                $block($convert(x[0]))
            }

            fn is_finite(&self) -> bool {
                self.0.is_finite()
            }
        }
    };
}

float!(BlockF32, f32::from);
float!(BlockF16, f16::from_f32);
float!(BlockBF16, bf16::from_f32);
