//! Why a model was not analyzed, as one sentence for a person: what, why, what to do.

use quant::TensorType;

/// An analysis that cannot be made, or a budget that cannot be met.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum Error {
    /// Reading the text failed.
    #[error(transparent)]
    Measure(#[from] measure::Error),

    /// The recipe is not possible.
    #[error(transparent)]
    Quantize(#[from] quantize::Error),

    /// The host could not open the model again.
    #[error("the model could not be opened again: {reason}")]
    Open { reason: String },

    /// No type was asked for that a tensor could be given.
    #[error(
        "no tensor of this model can be given one of the types asked for: name others with --types"
    )]
    NothingToChoose,

    /// The text's logits do not fit.
    #[error(
        "the model's answers to {windows} windows take {need} bytes, {max} may be used: read fewer \
         with --chunks, or give more with --max-memory"
    )]
    Memory { windows: usize, need: u64, max: u64 },

    /// A size that is too small.
    #[error(
        "{max} bytes are too few: with the coarsest types asked for the file has {least}; name \
         smaller types with --types, or a larger size"
    )]
    TooSmall { max: u64, least: u64 },

    /// A divergence that is too small.
    #[error(
        "a divergence of {max} cannot be kept to: with the finest types asked for it is \
         {least:.6}; name larger types with --types, or allow more"
    )]
    TooFine { max: f64, least: f64 },

    /// A quality that was not measured.
    #[error("without divergences there is no --max-kl: leave out --kl none, or name a size")]
    NoDivergence,

    /// A row that could not be encoded.
    #[error("tensor \"{}\" cannot be rounded to {ty}: {reason}", .tensor.escape_debug())]
    Round { tensor: String, ty: TensorType, reason: String },

    /// A thread ended in the middle of its work.
    #[error("a thread of this program ended unexpectedly: report it with the command you gave")]
    ThreadLost,
}

impl Error {
    /// True if somebody stopped it.
    pub fn is_cancelled(&self) -> bool {
        use measure::Error::{Cancelled, Engine};
        matches!(self, Error::Measure(Cancelled | Engine(engine::Error::LoadCancelled)))
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Error {
        Error::Measure(error.into())
    }
}

impl From<gguf::Error> for Error {
    fn from(error: gguf::Error) -> Error {
        Error::Measure(measure::Error::Engine(error.into()))
    }
}
