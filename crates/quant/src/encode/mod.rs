//! Rows of numbers into blocks: the quantization algorithms.
//!
//! [`encode_row`] takes one row and writes its blocks. Rows do not know of each other, so callers
//! use as many threads as they have, and stream. The bytes equal ggml's (`ggml_quantize_chunk`), so
//! a file written here is the file whose quality others measured; that is why every sum has ggml's
//! order and nothing is fused or reordered. Two things differ on purpose: what ggml would write as
//! an infinite scale is an error here, and so is a row with NaN in it.
//!
//! An *importance* says how much an error at a column costs (the mean square of what is multiplied
//! with that column; an "importance matrix" has one row per tensor). Types without a search (Q8_0,
//! MXFP4, TQ1_0, TQ2_0 and plain numbers) have no use for it, as in ggml.

mod error;
mod floats;
mod iq4;
mod k_minimum;
mod k_signed;
mod lanes;
mod legacy;
mod mxfp4;
mod pack;
mod round;
mod search;
mod ternary;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

pub use error::EncodeError;

use crate::decode::Block;
use crate::types::TensorType;
use crate::{
    floats as plain, iq4 as iq4s, k_quants, legacy as first, mxfp4 as mx, ternary as trits,
};

/// Importances above this are refused: the searches multiply them with values, integers and each
/// other in f32, where larger ones overflow to a scale that is no number. A mean square of
/// activations is far below it: f16 activations cannot exceed `65504² = 4.3e9`.
pub const MAX_IMPORTANCE: f32 = 1e15;

/// The largest value any type with an f16 scale can hold (Q6_K: `65504 · 128 · 32`). Above it the
/// searches would only meet infinities.
pub const MAX_SCALED: f32 = 65504.0 * 128.0 * 32.0;

/// What an encoder knows of the importance of its block.
#[derive(Clone, Copy)]
pub(crate) struct Importance<'a> {
    /// One for each value of the block.
    columns: &'a [f32],
    /// Mean square of the whole row's values.
    row_mean_square: f32,
}

/// A block that can be made of values.
pub(crate) trait Encode: Block {
    /// Values of larger magnitude fit no block.
    const MAX: f32 = MAX_SCALED;

    /// Its searches run side by side ([`lanes`]): wider vectors than every machine has are worth a
    /// second copy of the code.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "one width there"))]
    const LANES: bool = false;

    /// The block for as many finite values as it has.
    fn encode(x: &[f32], importance: Option<Importance<'_>>) -> Self;

    /// The scales are numbers: the values were not too large for them.
    fn is_finite(&self) -> bool;
}

/// True if [`encode_row`] writes this type.
pub fn is_encodable(ty: TensorType) -> bool {
    encoder(ty).is_some()
}

/// Encodes a row of `x.len()` values, a multiple of [`TensorType::block_len`], into
/// `x.len() / block_len · block_bytes` bytes of `out`.
///
/// `importance` has one number, at least 0, for each value.
///
/// Of bell-shaped values without outliers, the root mean square error is this part of theirs: Q2_K
/// 0.29, Q3_K 0.15, Q4_0 0.08, Q4_K 0.07, Q5_K 0.035, Q6_K 0.017, Q8_0 0.005.
///
/// # Errors
/// [`EncodeError`]: the lengths do not fit together, a number is not finite or out of range, or the
/// type has no encoder. `out` is then filled up to some block.
pub fn encode_row(
    ty: TensorType,
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    let encode = encoder(ty).ok_or(EncodeError::Unsupported(ty))?;
    encode(x, importance, out)
}

type Encoder = fn(&[f32], Option<&[f32]>, &mut [u8]) -> Result<(), EncodeError>;

fn encoder(ty: TensorType) -> Option<Encoder> {
    Some(match ty {
        TensorType::F32 => encode_blocks::<plain::BlockF32>,
        TensorType::F16 => encode_blocks::<plain::BlockF16>,
        TensorType::BF16 => encode_blocks::<plain::BlockBF16>,
        TensorType::Q4_0 => encode_blocks::<first::BlockQ4_0>,
        TensorType::Q4_1 => encode_blocks::<first::BlockQ4_1>,
        TensorType::Q5_0 => encode_blocks::<first::BlockQ5_0>,
        TensorType::Q5_1 => encode_blocks::<first::BlockQ5_1>,
        TensorType::Q8_0 => encode_blocks::<first::BlockQ8_0>,
        TensorType::Q2_K => encode_blocks::<k_quants::BlockQ2_K>,
        TensorType::Q3_K => encode_blocks::<k_quants::BlockQ3_K>,
        TensorType::Q4_K => encode_blocks::<k_quants::BlockQ4_K>,
        TensorType::Q5_K => encode_blocks::<k_quants::BlockQ5_K>,
        TensorType::Q6_K => encode_blocks::<k_quants::BlockQ6_K>,
        TensorType::IQ4_NL => encode_blocks::<iq4s::BlockIQ4_NL>,
        TensorType::IQ4_XS => encode_blocks::<iq4s::BlockIQ4_XS>,
        TensorType::MXFP4 => encode_blocks::<mx::BlockMXFP4>,
        TensorType::TQ1_0 => encode_blocks::<trits::BlockTQ1_0>,
        TensorType::TQ2_0 => encode_blocks::<trits::BlockTQ2_0>,
        _ => return None,
    })
}

fn encode_blocks<B: Encode>(
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    check::<B>(x, importance, out.len())?;
    #[cfg(target_arch = "x86_64")]
    if B::LANES && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { encode_checked_avx2::<B>(x, importance, out) };
    }
    encode_checked::<B>(x, importance, out)
}

/// The same code for vectors of 256 bits. Not with fused multiplications: they round once where
/// ggml's products and sums round twice.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn encode_checked_avx2<B: Encode>(
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    encode_checked::<B>(x, importance, out)
}

#[inline(always)]
fn encode_checked<B: Encode>(
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    let ty = B::TYPE;
    let row_mean_square = importance.map_or(0.0, |_| mean_square(x));
    let (len, n_bytes) = (ty.block_len(), ty.block_bytes());
    let blocks = x.chunks_exact(len).zip(out.chunks_exact_mut(n_bytes));
    for (i, (values, bytes)) in blocks.enumerate() {
        let start = i * len;
        let importance =
            importance.map(|all| Importance { columns: &all[start..start + len], row_mean_square });
        let block = B::encode(values, importance);
        if !block.is_finite() {
            let value = search::extreme(values);
            let index = start + values.iter().position(|x| *x == value).unwrap_or(0);
            return Err(EncodeError::TooLarge { ty, index, value });
        }
        bytes.copy_from_slice(bytemuck::bytes_of(&block));
    }
    Ok(())
}

/// Everything that is wrong with a row before its blocks are made.
fn check<B: Encode>(
    x: &[f32],
    importance: Option<&[f32]>,
    n_bytes: usize,
) -> Result<(), EncodeError> {
    let (ty, n_values) = (B::TYPE, x.len());
    let n_blocks = n_values / ty.block_len();
    let whole = n_values.is_multiple_of(ty.block_len());
    if !whole || n_blocks.checked_mul(ty.block_bytes()) != Some(n_bytes) {
        return Err(EncodeError::Size { ty, n_values, n_bytes });
    }
    // Without the sign, the bits of floats have the order of their magnitudes, then infinity, then
    // NaN; so one pass finds whether there is anything to find.
    let magnitude = |x: &f32| (x.to_bits() & 0x7fff_ffff).cast_signed();
    let largest = x.iter().fold(0, |largest, x| largest.max(magnitude(x)));
    if largest > magnitude(&B::MAX) {
        if let Some(index) = x.iter().position(|x| !x.is_finite()) {
            return Err(EncodeError::NotFinite { index, value: x[index] });
        }
        let index = x.iter().position(|x| magnitude(x) == largest).unwrap_or(0);
        return Err(EncodeError::TooLarge { ty, index, value: x[index] });
    }
    let Some(importance) = importance else { return Ok(()) };
    if importance.len() != n_values {
        let n_importances = importance.len();
        return Err(EncodeError::ImportanceSize { n_values, n_importances });
    }
    match importance.iter().position(|w| !(0.0..=MAX_IMPORTANCE).contains(w)) {
        Some(index) => Err(EncodeError::Importance { index, value: importance[index] }),
        None => Ok(()),
    }
}

fn square_sum(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |sum, x| sum + x * x)
}

fn mean_square(x: &[f32]) -> f32 {
    square_sum(x) / x.len() as f32
}

/// What the error at a value counts: its column's importance, times its own size where that stands
/// out of `mean_square`.
#[inline(always)]
fn weights<const N: usize>(x: &[f32; N], columns: &[f32; N], mean_square: f32) -> [f32; N] {
    std::array::from_fn(|i| columns[i] * (mean_square + x[i] * x[i]).sqrt())
}
