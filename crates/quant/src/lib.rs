//! What the bytes of a block mean.
//!
//! A quantized tensor is rows of blocks: a few small integers under a shared scale. This crate has
//! the layout of each block as a plain struct with the field names of ggml, the integers and scales
//! it holds, and the values they stand for, in scalar code that is meant to be read. Everything
//! faster (SIMD, WGSL, integer dot products) is written elsewhere and checked against this, so
//! the decoders are not optimized, and nothing elsewhere is called from here. The other direction,
//! numbers into blocks, is [`mod@encode`]: the sums of a sub-block have an order that no
//! SIMD may change, so that it works on several sub-blocks at once.
//!
//! Source: ggml's block layouts and algorithms; values are bit-exact to gguf-py's `dequantize`,
//! blocks byte-exact to `ggml_quantize_chunk`.

#![deny(missing_docs)]

pub mod decode;
pub mod encode;
mod finite;
pub mod floats;
pub mod iq4;
pub mod k_quants;
pub mod legacy;
pub mod mxfp4;
pub mod ternary;
pub mod types;

pub use decode::{Block, DecodeError, decode, decode_blocks};
pub use encode::{EncodeError, encode_row, is_encodable};
pub use finite::first_not_finite;
pub use iq4::{BlockIQ4_NL, BlockIQ4_XS, KVALUES_IQ4_NL};
pub use k_quants::{BlockQ2_K, BlockQ3_K, BlockQ4_K, BlockQ5_K, BlockQ6_K, QK_K, scale_min_k4};
pub use legacy::{BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0, QK};
pub use mxfp4::{BlockMXFP4, KVALUES_MXFP4, e8m0_half};
pub use ternary::{BlockTQ1_0, BlockTQ2_0};
pub use types::TensorType;

// Structs are read straight from the file, which is little-endian.
const _: () = assert!(cfg!(target_endian = "little"), "a big-endian machine needs byte swaps");
