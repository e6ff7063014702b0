//! Why a model was not quantized, as one sentence for a person: what, why, what to do.

use quant::{EncodeError, TensorType};

use crate::source::SourceError;

/// A model that cannot be quantized, or not in the way that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum Error {
    /// The source failed.
    #[error("tensor \"{}\" could not be read: {source}", .tensor.escape_debug())]
    Read { tensor: String, source: SourceError },

    /// The destination failed.
    #[error("the quantized model could not be written: {0}")]
    Write(#[from] gguf::WriteError),

    /// There is nothing to quantize.
    #[error("this model has no tensors: get a file with weights, this one may be a vocabulary")]
    NoTensors,

    /// A tensor that is quantized already.
    #[error(
        "tensor \"{}\" is {from} already, and making it {to} would lose more than it saves: start \
         from the model in F16, BF16 or F32, or allow it with --allow-requantize",
        .tensor.escape_debug()
    )]
    Requantize { tensor: String, from: TensorType, to: TensorType },

    /// A tensor of a type that is not decoded.
    #[error(
        "tensor \"{}\" is {from}, which cannot be quantized again: start from the model in F16, \
         BF16 or F32",
        .tensor.escape_debug()
    )]
    Undecodable { tensor: String, from: TensorType },

    /// A tensor that no file can hold: rows that are no whole blocks of its own type, or too large.
    #[error(
        "tensor \"{}\" with rows of {columns} values cannot be {ty}: the file is damaged, get it \
         again",
        .tensor.escape_debug()
    )]
    Columns { tensor: String, columns: u64, ty: TensorType },

    /// A recipe that makes nonsense without an importance matrix.
    #[error(
        "{file_type} needs to know what matters in tensor \"{}\": give an importance matrix of \
         this model with `ingle quantize --imatrix FILE`, or choose Q2_K, which needs none",
        .tensor.escape_debug()
    )]
    NeedsImportance { tensor: String, file_type: crate::FileType },

    /// An importance matrix of another model.
    #[error(
        "the importance matrix has {got} numbers for tensor \"{}\", which has {want}: it is not \
         one of this model, measure it again",
        .tensor.escape_debug()
    )]
    ImportanceSize { tensor: String, want: u64, got: u64 },

    /// A file that is no importance matrix.
    #[error("this is no importance matrix that can be read: {reason}")]
    Imatrix { reason: String },

    /// A row that could not be encoded.
    #[error("row {row} of tensor \"{}\": {source}", .tensor.escape_debug())]
    Row { tensor: String, row: u64, source: EncodeError },

    /// Copied numbers that are none.
    #[error(
        "row {row} of tensor \"{}\" holds {value}, which no model can calculate with: the file is \
         damaged or its training failed, get it again",
        .tensor.escape_debug()
    )]
    NotFinite { tensor: String, row: u64, value: f32 },

    /// A block whose scale is no number.
    #[error(
        "row {row} of tensor \"{}\" has a {ty} block whose scale is no number: the file is \
         damaged, get it again",
        .tensor.escape_debug()
    )]
    Scale { tensor: String, row: u64, ty: TensorType },

    /// A budget below what the largest row takes.
    #[error(
        "{max} bytes of memory are too few for the rows of tensor \"{}\", which need {need}: give \
         more with --max-memory",
        .tensor.escape_debug()
    )]
    Memory { tensor: String, need: u64, max: u64 },

    /// A name that is no type for tensors.
    #[error("\"{}\" is no type for tensors: choose one of {}", .text.escape_debug(), encodable())]
    TensorTypeName { text: String },

    /// `--tensor-type` or `--override-kv` with something else than it takes.
    #[error("\"{}\" is not understood: {reason}", .text.escape_debug())]
    Override { text: String, reason: String },

    /// A layer to leave out that is not there.
    #[error("layer {layer} cannot be left out: this model has layers 0 to {last}")]
    NoLayer { layer: u64, last: u64 },

    /// Every layer is to be left out.
    #[error("all {n} layers would be left out: keep at least one")]
    NoLayersLeft { n: u64 },

    /// What was written is not what was meant.
    #[error(
        "the written file is not what was to be written ({reason}), so it was not kept: the \
         storage or the memory of this machine may be damaged, try again"
    )]
    Verify { reason: String },

    /// A thread ended in the middle of its work.
    #[error("a thread of this program ended unexpectedly: report it with the command you gave")]
    ThreadLost,

    /// Somebody stopped it.
    #[error("stopped; nothing was written")]
    Cancelled,
}

impl Error {
    /// Its name for machines, the same in the page and on the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Read { .. }
            | Error::NoTensors
            | Error::Columns { .. }
            | Error::Row { .. }
            | Error::NotFinite { .. }
            | Error::Scale { .. } => "model.damaged",
            Error::Imatrix { .. } => "file.type",
            Error::Undecodable { .. } => "model.unsupported",
            Error::Memory { .. } => "model.toobig",
            Error::Write(_) | Error::Verify { .. } => "store.failed",
            Error::ThreadLost => "quantize.failed",
            Error::Cancelled => "aborted",
            Error::Requantize { .. }
            | Error::NeedsImportance { .. }
            | Error::ImportanceSize { .. }
            | Error::TensorTypeName { .. }
            | Error::Override { .. }
            | Error::NoLayer { .. }
            | Error::NoLayersLeft { .. } => "request.invalid",
        }
    }
}

fn encodable() -> String {
    let all = TensorType::ALL.iter().filter(|ty| quant::is_encodable(**ty));
    all.map(|ty| ty.name()).collect::<Vec<_>>().join(", ")
}
