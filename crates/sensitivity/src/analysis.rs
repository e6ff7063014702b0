//! What was measured of a model.

use quant::TensorType;
use quantize::ImatrixSums;

/// Which divergences are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kl {
    /// One per tensor, at the middle one of its types; those of the others follow from the errors
    /// of what the matrix gives, because the divergence grows with the square of a small error.
    /// The coarsest type would be measured with less noise, but its errors are too large for that
    /// rule.
    #[default]
    Probe,
    /// One per tensor and type.
    Each,
    /// None: errors alone decide, as if all matrices mattered alike.
    None,
}

/// A model's tensors, each with what its types cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The types that were asked for.
    pub asked: Vec<TensorType>,
    /// Tensors whose type can be chosen, in the model's order.
    pub tensors: Vec<Tensor>,
    /// Squares of all matrices' inputs, which make importances.
    pub sums: ImatrixSums,
    /// Perplexity of the model as it is, on the text.
    pub perplexity: f64,
    /// Windows of the text that were read, and tokens of one.
    pub windows: (usize, usize),
    /// Tokens that were scored.
    pub n_scored: u64,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Elements per dimension, ggml's order.
    pub dims: Vec<u64>,
    /// Its type in the source.
    pub from: TensorType,
    /// Rows of inputs that the error was measured with; 0 for a table that is looked up.
    pub n_inputs: usize,
    /// Rows of the matrix that the error was measured with.
    pub n_rows: usize,
    /// Its types, the smallest first.
    pub types: Vec<Measured>,
}

/// A tensor in one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The type.
    pub ty: TensorType,
    /// Bytes of the tensor in it.
    pub n_bytes: u64,
    /// Square of the error of what the matrix gives, relative to the square of what it gives.
    pub error: f64,
    /// Mean divergence in nats of the model with this tensor in this type from the model as it is.
    pub kl: Option<f64>,
    /// The divergence follows from that of another type, see [`Kl::Probe`].
    pub is_scaled: bool,
}

impl Tensor {
    /// What is known of a type.
    pub fn get(&self, ty: TensorType) -> Option<&Measured> {
        self.types.iter().find(|measured| measured.ty == ty)
    }

    /// The layer it belongs to, if to one.
    pub fn layer(&self) -> Option<usize> {
        self.name.strip_prefix("blk.")?.split_once('.')?.0.parse().ok()
    }

    /// Its name within its layer: "attn_q".
    pub fn kind(&self) -> &str {
        let name = self.name.strip_suffix(".weight").unwrap_or(&self.name);
        match self.layer() {
            Some(_) => name.splitn(3, '.').nth(2).unwrap_or(name),
            None => name,
        }
    }
}

impl Measured {
    /// What choices go by: the divergence, or where none was measured the error.
    pub fn cost(&self) -> f64 {
        self.kl.unwrap_or(self.error)
    }
}
