//! The only place that computes a tensor's size and end.
//!
//! Loaders have been broken again and again by one unchecked product or padding in a row of checked
//! ones, so all of this arithmetic is here, in 128 bits, and its results are held to
//! [`MAX_EXTENT`]. Nothing else in the project multiplies dimensions of a file.

use quant::TensorType;

/// Largest size or end of anything: what a signed 64-bit file position can name (ggml's bound too).
pub const MAX_EXTENT: u64 = i64::MAX as u64;

/// `n` rounded up to a multiple of `align`; `None` above [`MAX_EXTENT`]. `align` 0 counts as 1.
pub fn align_up(n: u64, align: u64) -> Option<u64> {
    n.checked_next_multiple_of(align.max(1)).filter(|n| *n <= MAX_EXTENT)
}

/// Why a shape has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShapeError {
    Overflow(&'static str),
    BlockSize(u64),
}

/// Bytes of a tensor of this type and shape (ggml order, `dims[0]` contiguous).
///
/// No dimensions mean a scalar, a dimension of 0 an empty tensor. `None` when the rows are no whole
/// blocks or the size is above [`MAX_EXTENT`].
pub fn tensor_bytes(ty: TensorType, dims: &[u64]) -> Option<u64> {
    checked_bytes(ty, dims).ok()
}

pub(crate) fn checked_bytes(ty: TensorType, dims: &[u64]) -> Result<u64, ShapeError> {
    let bounded = |n: u128, what| {
        u64::try_from(n).ok().filter(|n| *n <= MAX_EXTENT).ok_or(ShapeError::Overflow(what))
    };
    let mut n_elements = 1;
    for dim in dims {
        let dim = bounded(u128::from(*dim), "dimension")?;
        n_elements =
            bounded(u128::from(n_elements).saturating_mul(u128::from(dim)), "element count")?;
    }
    let block_len = ty.block_len() as u64;
    let ne0 = dims.first().copied().unwrap_or(1);
    if !ne0.is_multiple_of(block_len) {
        return Err(ShapeError::BlockSize(ne0));
    }
    let n_blocks = u128::from(n_elements.checked_div(block_len).unwrap_or(0));
    bounded(n_blocks.saturating_mul(ty.block_bytes() as u128), "byte count")
}

/// Where tensor data lies, as offsets from the data start: the running padded sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    align: u64,
    end: u64,
}

impl Layout {
    pub(crate) fn new(align: u64) -> Self {
        Layout { align, end: 0 }
    }

    /// Where the next tensor must start.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Adds a tensor and its padding; `None` above [`MAX_EXTENT`].
    pub(crate) fn push(&mut self, n_bytes: u64) -> Option<()> {
        let padded = align_up(n_bytes, self.align)?;
        self.end = self.end.checked_add(padded).filter(|end| *end <= MAX_EXTENT)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn align_up_is_the_smallest_multiple_that_is_not_smaller() {
        for align in [1, 2, 4, 8, 16, 32] {
            for n in 0..200 {
                let up = align_up(n, align).unwrap();
                assert!(up >= n && up < n + align && up.is_multiple_of(align), "{n} {align} {up}");
            }
        }
        assert_eq!(align_up(u64::MAX, 32), None);
        assert_eq!(align_up(MAX_EXTENT, 32), None);
        assert_eq!(align_up(MAX_EXTENT - 31, 32), Some(MAX_EXTENT - 31));
    }

    #[test]
    fn sizes_of_ordinary_shapes() {
        assert_eq!(tensor_bytes(TensorType::F32, &[]), Some(4));
        assert_eq!(tensor_bytes(TensorType::F32, &[32]), Some(128));
        assert_eq!(tensor_bytes(TensorType::F32, &[0, 7]), Some(0));
        assert_eq!(tensor_bytes(TensorType::Q4_0, &[64, 3]), Some(3 * 36));
        assert_eq!(tensor_bytes(TensorType::Q4_0, &[33]), None);
        assert_eq!(
            tensor_bytes(TensorType::Q6_K, &[4096, 128_256]),
            Some(4096 / 256 * 210 * 128_256)
        );
    }

    #[test]
    fn sizes_equal_plain_arithmetic_wherever_it_fits() {
        // Powers of two and their neighbors around every boundary, two dimensions, all types.
        let edges: Vec<u64> = (0..64).flat_map(|i| [1u64 << i, (1 << i) - 1]).collect();
        let max = u128::from(MAX_EXTENT);
        for ty in TensorType::ALL {
            for a in &edges {
                for b in &edges {
                    let exact = u128::from(*a) * u128::from(*b);
                    // The products of two u64 and 292 bytes need more than 128 bits.
                    let bytes =
                        (exact / ty.block_len() as u128).saturating_mul(ty.block_bytes() as u128);
                    let whole = a.is_multiple_of(ty.block_len() as u64);
                    let small = [exact, bytes, (*a).into(), (*b).into()].iter().all(|n| *n <= max);
                    let want = (whole && small).then(|| u64::try_from(bytes).unwrap());
                    assert_eq!(tensor_bytes(*ty, &[*a, *b]), want, "{ty} {a} {b}");
                }
            }
        }
    }
}
