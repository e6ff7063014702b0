//! Where a model's numbers come from: metadata, a list of tensors, and rows on demand.
//!
//! Everything that can become a GGUF file is a [`Source`]: a GGUF, a folder of safetensors, a
//! PyTorch checkpoint, a model with an adapter merged into it. Rows are the unit, because blocks
//! never cross them and because a source that must compute its numbers (a rotation's order of rows,
//! `W + B·A`) can do so row by row. A source says one type per tensor and gives its rows in that
//! type's bytes, so that what is not quantized is copied bit for bit; a source that computes says
//! F32. Nothing here holds a tensor: a caller asks for as many rows as it has room for.

use gguf::{Gguf, Metadata, tensor_bytes};
use quant::TensorType;

pub use gguf::SourceError;

/// A tensor as its source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// GGUF's name for it: "blk.0.attn_q.weight".
    pub name: String,
    /// Type of the bytes [`Source::read_rows`] gives.
    pub ty: TensorType,
    /// Elements per dimension in ggml's order: `dims[0]` is contiguous. Empty for a scalar.
    pub dims: Vec<u64>,
}

impl Tensor {
    /// Elements of a row: `dims[0]`, 1 for a scalar.
    pub fn row_len(&self) -> u64 {
        self.dims.first().copied().unwrap_or(1)
    }

    /// Number of rows: the product of the other dimensions. It fits where the tensor came from a
    /// checked source; what does not fit is `u64::MAX`.
    pub fn n_rows(&self) -> u64 {
        self.dims.iter().skip(1).fold(1, |n, dim| n.saturating_mul(*dim))
    }

    /// Number of elements, `u64::MAX` where that does not fit.
    pub fn n_elements(&self) -> u64 {
        self.row_len().saturating_mul(self.n_rows())
    }

    /// Bytes of one row; `None` where a row is no whole blocks.
    pub fn row_bytes(&self) -> Option<u64> {
        tensor_bytes(self.ty, &[self.row_len()])
    }

    /// Bytes of all rows; `None` where there is no such size.
    pub fn n_bytes(&self) -> Option<u64> {
        tensor_bytes(self.ty, &self.dims)
    }
}

/// A model that can be read row by row.
///
/// Contract, which callers rely on and do not check again: names are different, every tensor has
/// [`Tensor::n_bytes`], and reading the same rows twice gives the same bytes.
pub trait Source {
    /// The keys of the file that is to be made. `general.file_type` and
    /// `general.quantization_version` are set by the writer; `split.*` is dropped by it.
    fn metadata(&self) -> &Metadata;

    /// The tensors, in any order.
    fn tensors(&self) -> &[Tensor];

    /// Fills `out` with rows of tensor `index` from `first_row` on: as many as `out` has room for,
    /// which is a whole number of [`Tensor::row_bytes`] inside of the tensor.
    ///
    /// # Errors
    /// [`SourceError`] in a sentence: the device failed, or the rows asked for are not there.
    fn read_rows(&self, index: usize, first_row: u64, out: &mut [u8]) -> Result<(), SourceError>;
}

/// A GGUF (one file or the files of a split model) as a source.
#[derive(Debug)]
pub struct GgufSource {
    gguf: Gguf,
    tensors: Vec<Tensor>,
}

impl GgufSource {
    /// Of an open model, with its arrays ([`Gguf::open`], not [`Gguf::open_outline`]).
    pub fn new(gguf: Gguf) -> Self {
        let tensor = |info: &gguf::TensorInfo| Tensor {
            name: info.name.clone(),
            ty: info.ty,
            dims: info.dims.clone(),
        };
        let tensors = gguf.tensors.iter().map(tensor).collect();
        GgufSource { gguf, tensors }
    }

    /// Lets go of the metadata, of which a plan has its own copy: rows are read without.
    #[must_use]
    pub fn without_metadata(mut self) -> Self {
        self.gguf.metadata = Metadata::new();
        self
    }

    /// The file behind it.
    pub fn gguf(&self) -> &Gguf {
        &self.gguf
    }
}

impl Source for GgufSource {
    fn metadata(&self) -> &Metadata {
        &self.gguf.metadata
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn read_rows(&self, index: usize, first_row: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let missing = || SourceError::new(format!("there is no tensor {index} in this model"));
        let info = self.gguf.tensors.get(index).ok_or_else(missing)?;
        let row_bytes = self.tensors.get(index).and_then(Tensor::row_bytes).unwrap_or(0);
        // Past the end of the tensor is past the end of the file's checks too.
        let start = first_row.saturating_mul(row_bytes);
        self.gguf.read_tensor(info, start, out).map_err(|error| SourceError::new(error.to_string()))
    }
}
