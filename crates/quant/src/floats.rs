//! Plain numbers: F32, F16 and BF16, one value a "block".
//!
//! | type | bytes | bits, high to low                       |
//! |------|-------|-----------------------------------------|
//! | F32  | 4     | sign 1, exponent 8, fraction 23         |
//! | F16  | 2     | sign 1, exponent 5, fraction 10         |
//! | BF16 | 2     | sign 1, exponent 8, fraction 7: the upper half of an F32 |

use bytemuck::{Pod, Zeroable};
use half::{bf16, f16};

use crate::decode::{Block, assert_block};
use crate::types::TensorType;

macro_rules! float_block {
    ($name:ident: $ty:ident, $number:ty, $convert:expr) => {
        #[doc = concat!("One ", stringify!($ty), " number.")]
        #[derive(Clone, Copy, Debug, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(pub $number);

        impl Block for $name {
            const TYPE: TensorType = TensorType::$ty;

            fn decode(&self, out: &mut [f32]) {
                let convert: fn($number) -> f32 = $convert;
                out.fill(convert(self.0));
            }
        }
    };
}

float_block!(BlockF32: F32, f32, |x| x);
float_block!(BlockF16: F16, f16, f16::to_f32);
float_block!(BlockBF16: BF16, bf16, bf16::to_f32);

assert_block!(BlockF32: F32, BlockF16: F16, BlockBF16: BF16);
