//! Who has the model, what is asked for, and what an interrupted run leaves to the next.
//!
//! An analysis of a large model takes hours, so everything that took a rounding or a reading is
//! given to the host at once. A later run reads the text again, which is two readings of hundreds
//! and gives what the samples and answers in memory were; what the host kept of the same reading
//! it takes as measured.

use std::future::Future;
use std::ops::ControlFlow;

use engine::{Opened, Session};
use gguf::Gguf;
use quant::TensorType;
use quantize::Imatrix;

use crate::{Error, Kl};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The text is read with the model as it is; in windows.
    Read,
    /// Matrices are rounded and multiplied; in tensors.
    Errors,
    /// The model is read with one tensor rounded; in readings.
    Divergences,
    /// The model is read with the recipe that was chosen; in readings.
    Verify,
}

/// Who has the model.
pub trait Host {
    /// The model, opened anew.
    ///
    /// # Errors
    /// [`Error::Open`].
    fn open(&mut self) -> Result<Gguf, Error>;

    /// Loads a model for the text's windows, on a device that shows its inputs.
    fn load(&mut self, opened: Opened) -> impl Future<Output = Result<Session, engine::Error>>;

    /// How far a stage is, of how much. Called often; [`ControlFlow::Break`] ends it with
    /// [`measure::Error::Cancelled`].
    fn watch(&mut self, stage: Stage, done: f64, total: usize) -> ControlFlow<()>;

    /// What earlier runs have given to [`keep`](Host::keep) with the same model, text and settings,
    /// after a reading that gave the same to the last bit.
    fn kept(&mut self, _reading: Reading) -> Vec<Finding> {
        Vec::new()
    }

    /// Of `total` roundings and readings so many need not be done; said if there are any.
    fn goes_on(&mut self, _done: usize, _total: usize) {}

    /// Takes what was found, in no particular order; a later one replaces an earlier one of the
    /// same tensor and type.
    fn keep(&mut self, _finding: Finding) {}
}

/// What the first reading of a text gives: another machine, program or device has other bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Perplexity of the model as it is.
    pub perplexity: f64,
    /// Its divergence from its own kept answers.
    pub floor: f64,
}

/// What was found about one tensor in one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The tensor.
    pub tensor: String,
    /// The type.
    pub ty: TensorType,
    /// Rows of inputs that the error was measured with.
    pub n_inputs: usize,
    /// Rows of the matrix that the error was measured with.
    pub n_rows: usize,
    /// As in [`Measured`](crate::Measured).
    pub error: f64,
    /// The divergence, if it was measured: none that follows from another type's.
    pub kl: Option<f64>,
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The types that tensors may get.
    pub types: Vec<TensorType>,
    /// Which divergences.
    pub kl: Kl,
    /// Importances that the file will be made with; those of the text if `None`.
    pub importance: Option<Imatrix>,
    /// Name of the text, as an importance matrix has it.
    pub dataset: String,
    /// Threads that round.
    pub n_threads: usize,
    /// Bytes for samples and answers together.
    pub max_memory: u64,
}
