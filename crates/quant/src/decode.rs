//! One entry for all types: whole blocks of bytes in, values out.
//!
//! The type is data (it comes from a file), so this is a table and not a generic function; a caller
//! who knows the type uses [`Block::decode`] on the struct.

use bytemuck::Pod;

use crate::types::TensorType;
use crate::{floats, iq4, k_quants, legacy, mxfp4};

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A type that is known by name and size only.
    Unsupported(TensorType),
    /// The bytes are no whole blocks, or the output has another length than they have values.
    Size {
        /// Type asked for.
        ty: TensorType,
        /// Bytes given.
        n_bytes: usize,
        /// Room for this many values.
        n_values: usize,
    },
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Unsupported(ty) => write!(
                f,
                "tensors of type {ty} cannot be used: get the model quantized as Q4_K_M or Q8_0"
            ),
            DecodeError::Size { ty, n_bytes, n_values } => write!(
                f,
                "{n_bytes} bytes are not {n_values} values of type {ty}, which has {} bytes for \
                 every {} values",
                ty.block_bytes(),
                ty.block_len()
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A block as it lies in the file.
pub trait Block: Pod {
    /// The type in the file.
    const TYPE: TensorType;

    /// The values of the block; `out` has [`TensorType::block_len`] elements.
    fn decode(&self, out: &mut [f32]);
}

/// Decodes whole blocks of any supported type.
///
/// `bytes` may have any alignment; `out.len()` must be the number of values they hold.
///
/// # Errors
/// [`DecodeError::Unsupported`] for types outside [`TensorType::is_supported`],
/// [`DecodeError::Size`] if the lengths do not fit together.
pub fn decode(ty: TensorType, bytes: &[u8], out: &mut [f32]) -> Result<(), DecodeError> {
    match ty {
        TensorType::F32 => decode_blocks::<floats::BlockF32>(bytes, out),
        TensorType::F16 => decode_blocks::<floats::BlockF16>(bytes, out),
        TensorType::BF16 => decode_blocks::<floats::BlockBF16>(bytes, out),
        TensorType::Q4_0 => decode_blocks::<legacy::BlockQ4_0>(bytes, out),
        TensorType::Q4_1 => decode_blocks::<legacy::BlockQ4_1>(bytes, out),
        TensorType::Q5_0 => decode_blocks::<legacy::BlockQ5_0>(bytes, out),
        TensorType::Q5_1 => decode_blocks::<legacy::BlockQ5_1>(bytes, out),
        TensorType::Q8_0 => decode_blocks::<legacy::BlockQ8_0>(bytes, out),
        TensorType::Q2_K => decode_blocks::<k_quants::BlockQ2_K>(bytes, out),
        TensorType::Q3_K => decode_blocks::<k_quants::BlockQ3_K>(bytes, out),
        TensorType::Q4_K => decode_blocks::<k_quants::BlockQ4_K>(bytes, out),
        TensorType::Q5_K => decode_blocks::<k_quants::BlockQ5_K>(bytes, out),
        TensorType::Q6_K => decode_blocks::<k_quants::BlockQ6_K>(bytes, out),
        TensorType::IQ4_NL => decode_blocks::<iq4::BlockIQ4_NL>(bytes, out),
        TensorType::IQ4_XS => decode_blocks::<iq4::BlockIQ4_XS>(bytes, out),
        TensorType::MXFP4 => decode_blocks::<mxfp4::BlockMXFP4>(bytes, out),
        other => Err(DecodeError::Unsupported(other)),
    }
}

/// Decodes whole blocks of a type known when this is compiled.
///
/// # Errors
/// [`DecodeError::Size`] if the lengths do not fit together.
pub fn decode_blocks<B: Block>(bytes: &[u8], out: &mut [f32]) -> Result<(), DecodeError> {
    let (block_bytes, block_len) = (B::TYPE.block_bytes(), B::TYPE.block_len());
    let n_blocks = bytes.len() / block_bytes;
    let whole = bytes.len().is_multiple_of(block_bytes);
    if !whole || n_blocks.checked_mul(block_len) != Some(out.len()) {
        let (n_bytes, n_values) = (bytes.len(), out.len());
        return Err(DecodeError::Size { ty: B::TYPE, n_bytes, n_values });
    }
    for (block, values) in bytes.chunks_exact(block_bytes).zip(out.chunks_exact_mut(block_len)) {
        bytemuck::pod_read_unaligned::<B>(block).decode(values);
    }
    Ok(())
}

/// Size of the struct equals that of the file's block.
macro_rules! assert_block {
    ($($block:ident: $ty:ident),* $(,)?) => {$(
        const _: () = assert!(
            size_of::<$block>() == $crate::types::TensorType::$ty.block_bytes(),
            concat!(stringify!($block), " is not laid out as in the file")
        );
    )*};
}
pub(crate) use assert_block;
