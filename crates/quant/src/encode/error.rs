//! Why a row could not be encoded. Apart from the encoders, because a person reads these sentences.

use crate::types::TensorType;

/// Why a row could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EncodeError {
    /// A type this crate has no encoder for.
    Unsupported(TensorType),
    /// The row is no whole blocks, or the output has another length than they have bytes.
    Size {
        /// Type asked for.
        ty: TensorType,
        /// Values given.
        n_values: usize,
        /// Room for this many bytes.
        n_bytes: usize,
    },
    /// There is not one importance for each value.
    ImportanceSize {
        /// Values given.
        n_values: usize,
        /// Importances given.
        n_importances: usize,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// Its place in the row.
        index: usize,
        /// The value.
        value: f32,
    },
    /// An importance is negative, NaN, or above [`super::MAX_IMPORTANCE`].
    Importance {
        /// Its place in the row.
        index: usize,
        /// The importance.
        value: f32,
    },
    /// A block's values are too large for the scale of the type.
    TooLarge {
        /// Type asked for.
        ty: TensorType,
        /// Place in the row of the block's value of largest magnitude.
        index: usize,
        /// That value.
        value: f32,
    },
}

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EncodeError::Unsupported(ty) => {
                write!(f, "tensors cannot be quantized to {ty}: choose Q4_K, Q6_K or Q8_0 instead")
            }
            EncodeError::Size { ty, n_values, n_bytes } => write!(
                f,
                "a row of {n_values} values does not become {n_bytes} bytes of type {ty}, which \
                 has {} bytes for every {} values: choose a type whose blocks divide the row",
                ty.block_bytes(),
                ty.block_len()
            ),
            EncodeError::ImportanceSize { n_values, n_importances } => write!(
                f,
                "a row of {n_values} values came with {n_importances} importances: use the \
                 importance matrix of this model"
            ),
            EncodeError::NotFinite { index, value } => write!(
                f,
                "value {index} of the row is {value}, which no block can hold: the tensor is \
                 damaged, get the model again"
            ),
            EncodeError::Importance { index, value } => write!(
                f,
                "importance {index} of the row is {value}, which is not between 0 and {:e}: \
                 measure the importance matrix again",
                super::MAX_IMPORTANCE
            ),
            EncodeError::TooLarge { ty, index, value } => write!(
                f,
                "value {index} of the row is {value:e}, too large for a block of {ty}: keep this \
                 tensor as F32"
            ),
        }
    }
}

impl std::error::Error for EncodeError {}
