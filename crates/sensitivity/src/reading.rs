//! Reading the text: as the model is, for inputs and answers; and with tensors rounded, against
//! these.
//!
//! Base answers are kept in 16 bits; how far the unchanged model is from its own kept answers is
//! measured, too, and subtracted.

use std::ops::ControlFlow;

use kernels::Plan;
use measure::{Base, Divergence, Watch, Windows};

use crate::inputs::{InputsTap, Seen, n_cols};
use crate::rounded::{Change, rounded};
use crate::{Error, Host, Reading, Settings, Stage};

/// Rows of inputs of a matrix that are kept, if memory allows.
const INPUTS: u64 = 64;

/// Rows of inputs of each matrix that are kept beside the text's answers in so much memory: 64, if
/// there is room.
///
/// # Errors
/// [`Error::Memory`] if there is none.
pub fn n_inputs(plan: &Plan, windows: &Windows, max_memory: u64) -> Result<usize, Error> {
    let need = measure::base_bytes(plan.dims.n_vocab, windows);
    let left = max_memory.saturating_sub(need);
    match left {
        0 => Err(Error::Memory { windows: windows.len(), need, max: max_memory }),
        _ => Ok((left / (4 * n_cols(plan)).max(1)).clamp(1, INPUTS) as usize),
    }
}

/// What the first reading gives.
pub struct Read {
    /// Sums and samples.
    pub seen: Seen,
    /// The model's answers.
    pub base: Base,
    /// Perplexity, and the divergence of the model from its own kept answers.
    pub reading: Reading,
    /// Tokens that were scored.
    pub n_scored: u64,
}

/// Reads the text with the model as it is, twice: for its inputs and answers, and against these.
pub async fn read(
    host: &mut impl Host,
    windows: &Windows,
    settings: &Settings,
) -> Result<Read, Error> {
    let opened = engine::open(host.open()?)?;
    let plan = opened.model.plan.clone();
    let most = n_inputs(&plan, windows, settings.max_memory)?;
    let mut session = host.load(opened).await?;
    let (tap, inputs) = InputsTap::new(&plan, most);
    if !session.set_tap(Some(Box::new(tap)))? {
        return Err(measure::Error::NoTap { device: session.player_info().device }.into());
    }
    let mut part = Windowed { host, stage: Stage::Read, done: 0.0, share: 1.0 };
    let need = measure::base_bytes(plan.dims.n_vocab, windows);
    let answers = Vec::with_capacity(usize::try_from(need).unwrap_or(0));
    let (estimate, answers) =
        measure::write_base(&mut session, windows, answers, &mut part).await?;
    session.set_tap(None)?;
    let mut seen = inputs.take()?;
    seen.sums.datasets = vec![settings.dataset.clone()];
    seen.sums.n_chunks = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    seen.sums.chunk_size = u32::try_from(windows.n_ctx()).unwrap_or(u32::MAX);
    let base = Base::open(Box::new(answers))?;
    part.done = 1.0;
    let own = measure::compare(&mut session, &base, None, &mut part).await?;
    Ok(Read {
        seen,
        base,
        reading: Reading { perplexity: estimate.perplexity().value, floor: own.kl().value },
        n_scored: estimate.n(),
    })
}

/// One of several readings.
#[derive(Clone, Copy)]
pub struct Part {
    pub stage: Stage,
    pub done: usize,
    pub total: usize,
}

/// The model with these tensors rounded, against the answers of the model as it is.
pub async fn divergence(
    host: &mut impl Host,
    base: &Base,
    changes: &[Change],
    n_threads: usize,
    part: Part,
) -> Result<Divergence, Error> {
    step(host, part.stage, part.done as f64, part.total)?;
    let gguf = rounded(host.open()?, changes, n_threads);
    let mut session = host.load(engine::open(gguf)?).await?;
    let Part { stage, done, total } = part;
    let mut watch = OneOf { host, stage, done, total };
    Ok(measure::compare(&mut session, base, None, &mut watch).await?)
}

/// Says how far a stage is; an error if somebody stopped it.
pub fn step(host: &mut impl Host, stage: Stage, done: f64, total: usize) -> Result<(), Error> {
    match host.watch(stage, done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(measure::Error::Cancelled.into()),
    }
}

/// A reading of all windows that is `share` readings of a stage in windows.
struct Windowed<'a, H: Host> {
    host: &'a mut H,
    stage: Stage,
    done: f64,
    share: f64,
}

impl<H: Host> Watch for Windowed<'_, H> {
    fn pulse(&mut self, done: f64, n_windows: usize) -> ControlFlow<()> {
        let before = self.done * n_windows as f64;
        self.host.watch(self.stage, before + self.share * done, 2 * n_windows)
    }
}

/// A reading that is one of several.
struct OneOf<'a, H: Host> {
    host: &'a mut H,
    stage: Stage,
    done: usize,
    total: usize,
}

impl<H: Host> Watch for OneOf<'_, H> {
    fn pulse(&mut self, done: f64, n_windows: usize) -> ControlFlow<()> {
        let done = self.done as f64 + done / n_windows.max(1) as f64;
        self.host.watch(self.stage, done, self.total)
    }
}
