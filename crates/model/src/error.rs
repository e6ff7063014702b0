//! Why a well-formed GGUF file is not a model we can run.

use quant::TensorType;

/// Why no Plan could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key is missing or has the wrong type.
    #[error(transparent)]
    Metadata(#[from] gguf::Error),
    /// Not in [`crate::arch::TABLE`].
    #[error("unsupported model architecture '{name}'; supported are {supported}")]
    Architecture {
        /// What the file says, escaped and shortened.
        name: String,
        /// Names of the table.
        supported: String,
    },
    /// A hyper-parameter no model can have.
    #[error(
        "the key '{key}' is {value}, which cannot be: {why}; \
         the file is damaged or was made by a faulty converter"
    )]
    HyperParam {
        /// Full key name.
        key: String,
        /// What the file says.
        value: String,
        /// What is allowed.
        why: String,
    },
    /// A feature of the architecture this program does not compute.
    #[error("the model needs {what}, which this version does not support")]
    Unsupported {
        /// "a mixture of 8 experts"
        what: String,
    },
    /// A tensor the architecture needs.
    #[error(
        "the tensor '{name}' is missing; the file is incomplete (is it one part of a split model?)"
    )]
    MissingTensor {
        /// Name in the file.
        name: String,
    },
    /// A tensor of another shape.
    #[error(
        "the tensor '{name}' has the shape {got:?} where the model needs {want:?}; \
         the file is damaged or was made by a faulty converter"
    )]
    Shape {
        /// Name in the file.
        name: String,
        /// Needed, fastest dimension first.
        want: Vec<u64>,
        /// Found, fastest dimension first.
        got: Vec<u64>,
    },
    /// A tensor of a type that cannot be computed with.
    #[error("the tensor '{name}' has the type {ty}, which is not supported {place}; {advice}")]
    TensorType {
        /// Name in the file.
        name: String,
        /// Found.
        ty: TensorType,
        /// "here" or "for norms and biases".
        place: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Vocabulary and embedding disagree.
    #[error(
        "the vocabulary has {tokens} tokens but the embedding has {rows} rows; \
         the file is damaged or was made by a faulty converter"
    )]
    Vocab {
        /// `tokenizer.ggml.tokens`
        tokens: usize,
        /// Rows of `token_embd.weight`
        rows: usize,
    },
}
