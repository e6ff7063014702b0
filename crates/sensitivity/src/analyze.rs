//! Measuring a model: one reading for inputs and answers, then errors, then divergences.
//!
//! A divergence is that of the whole model with one tensor rounded ([`rounded`](crate::rounded)),
//! so the model is loaded once per measurement and is in memory once. Base answers are kept in 16
//! bits; how far the unchanged model is from its own kept answers is measured, too, and
//! subtracted.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use engine::{Opened, Session};
use gguf::Gguf;
use kernels::Plan;
use measure::{Base, Divergence, Watch, Windows};
use quant::TensorType;
use quantize::{GgufSource, Imatrix, Options};

use crate::candidates::{Candidate, candidates};
use crate::inputs::{InputsTap, Seen, n_cols};
use crate::output_error::{Input, Question, errors};
use crate::rounded::{Change, rounded};
use crate::{Analysis, Error, Kl, Measured, Tensor};

/// Rows of inputs of a matrix that are kept, if memory allows.
const INPUTS: u64 = 64;

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

/// Measures a model.
///
/// # Errors
/// [`Error`]; [`measure::Error::Cancelled`] within it if the host says so.
pub async fn analyze(
    host: &mut impl Host,
    windows: &Windows,
    settings: &Settings,
) -> Result<Analysis, Error> {
    let source = GgufSource::new(host.open()?);
    let options = Options::new(quantize::FileType::Q8_0);
    let candidates = candidates(&source, &options, &settings.types)?;
    let read = read(host, windows, settings).await?;
    let importance = match &settings.importance {
        Some(given) => given.clone(),
        None => read.seen.sums.means("")?,
    };
    let rows = lookups(windows);
    let mut analysis = Analysis {
        asked: settings.types.clone(),
        tensors: Vec::new(),
        perplexity: read.perplexity,
        windows: (windows.len(), windows.n_ctx()),
        n_scored: read.n_scored,
        sums: read.seen.sums,
    };
    for (i, candidate) in candidates.iter().enumerate() {
        step(host, Stage::Errors, i as f64, candidates.len())?;
        let importance = importance_of(&importance, candidate);
        let sample = read.seen.samples.get(&candidate.name);
        let input = sample.map_or(Input::Lookup(&rows), |sample| Input::Sample(sample));
        let n_threads = settings.n_threads;
        let tensor = tensor(source.gguf(), candidate, input, importance.as_deref(), n_threads)?;
        analysis.tensors.push(tensor);
    }
    let runs = runs(&analysis.tensors, settings.kl);
    for (i, &(tensor, at)) in runs.iter().enumerate() {
        let found = candidates.get(tensor).zip(analysis.tensors.get_mut(tensor));
        let Some((candidate, tensor)) = found else { continue };
        let Some(measured) = tensor.types.get_mut(at) else { continue };
        let importance = importance_of(&importance, candidate).map(Arc::from);
        let Some(info) = source.gguf().tensors.get(candidate.index) else { continue };
        let changes = [Change::new(info, measured.ty, importance)];
        let part = Part { stage: Stage::Divergences, done: i, total: runs.len() };
        let all = divergence(host, &read.base, &changes, settings.n_threads, part).await?;
        measured.kl = Some((all.kl().value - read.floor).max(0.0));
    }
    analysis.tensors.iter_mut().for_each(scale);
    Ok(analysis)
}

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
    seen: Seen,
    /// The model's answers.
    pub base: Base,
    /// The divergence of the model from its own kept answers.
    pub floor: f64,
    perplexity: f64,
    n_scored: u64,
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
        floor: own.kl().value,
        perplexity: estimate.perplexity().value,
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

fn step(host: &mut impl Host, stage: Stage, done: f64, total: usize) -> Result<(), Error> {
    match host.watch(stage, done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(measure::Error::Cancelled.into()),
    }
}

/// Importances of a tensor, where there are as many as it has columns.
pub fn importance_of(imatrix: &Imatrix, candidate: &Candidate) -> Option<Vec<f32>> {
    let values = imatrix.get(&candidate.name)?;
    let n_cols = candidate.dims.first().copied().unwrap_or(1);
    (values.len() as u64 == n_cols).then(|| values.to_vec())
}

/// Numbers of the rows of an embedding that the text looks up, each once.
fn lookups(windows: &Windows) -> Vec<u64> {
    let ids: BTreeSet<u32> = (0..windows.len()).flat_map(|i| windows.get(i)).collect();
    ids.into_iter().map(u64::from).collect()
}

fn tensor(
    gguf: &Gguf,
    candidate: &Candidate,
    input: Input<'_>,
    importance: Option<&[f32]>,
    n_threads: usize,
) -> Result<Tensor, Error> {
    let types: Vec<TensorType> = candidate.types.iter().map(|(ty, _)| *ty).collect();
    let info = gguf.tensors.get(candidate.index).ok_or(Error::NothingToChoose)?;
    let n_inputs = match &input {
        Input::Sample(sample) => sample.n_rows(),
        Input::Lookup(_) => 0,
    };
    let question = Question { info, input, types: &types, importance };
    let (errors, n_rows) = errors(gguf, &question, n_threads)?;
    let measured = candidate.types.iter().zip(errors).map(|(&(ty, n_bytes), error)| Measured {
        ty,
        n_bytes,
        error,
        kl: None,
        is_scaled: false,
    });
    Ok(Tensor {
        name: candidate.name.clone(),
        dims: candidate.dims.clone(),
        from: candidate.from,
        n_inputs,
        n_rows,
        types: measured.collect(),
    })
}

/// Which tensor in which of its types is read.
fn runs(tensors: &[Tensor], kl: Kl) -> Vec<(usize, usize)> {
    let of = |(i, tensor): (usize, &Tensor)| -> Vec<(usize, usize)> {
        // What a tensor is already costs nothing, and is not read.
        let is_other = |at: &usize| tensor.types.get(*at).is_some_and(|m| m.ty != tensor.from);
        let others: Vec<usize> = (0..tensor.types.len()).filter(is_other).collect();
        let chosen = match kl {
            Kl::None => Vec::new(),
            Kl::Each => others,
            Kl::Probe => {
                let middle = others.len().saturating_sub(1) / 2;
                others.get(middle).copied().into_iter().collect()
            }
        };
        chosen.into_iter().map(|at| (i, at)).collect()
    };
    tensors.iter().enumerate().flat_map(of).collect()
}

/// Divergences of types that were not read, from that of one that was; by the ratio of errors.
fn scale(tensor: &mut Tensor) {
    let probe = tensor.types.iter().find_map(|measured| Some((measured.error, measured.kl?)));
    let Some((error, kl)) = probe else { return };
    for measured in tensor.types.iter_mut().filter(|measured| measured.kl.is_none()) {
        let ratio = if error > 0.0 { measured.error / error } else { 0.0 };
        measured.kl = Some(kl * ratio);
        measured.is_scaled = measured.ty != tensor.from;
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

#[cfg(test)]
mod tests {
    use super::*;
    use TensorType::{F16, Q2_K, Q4_K, Q6_K, Q8_0};

    fn tensor(types: &[(TensorType, f64)]) -> Tensor {
        let measured = |&(ty, error): &(TensorType, f64)| Measured {
            ty,
            n_bytes: 1,
            error,
            kl: None,
            is_scaled: false,
        };
        let types = types.iter().map(measured).collect();
        Tensor { name: "t".into(), dims: vec![256], from: F16, n_inputs: 1, n_rows: 1, types }
    }

    #[test]
    fn what_is_read_is_what_the_mode_says() {
        let four = tensor(&[(Q2_K, 0.4), (Q4_K, 0.1), (Q6_K, 0.01), (Q8_0, 0.001)]);
        let kept = tensor(&[(Q8_0, 0.001), (F16, 0.0)]);
        let all = [four, kept];
        assert_eq!(runs(&all, Kl::Probe), [(0, 1), (1, 0)]);
        assert_eq!(runs(&all, Kl::Each), [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]);
        assert!(runs(&all, Kl::None).is_empty());
    }

    #[test]
    fn divergences_go_with_errors() {
        let mut one = tensor(&[(Q2_K, 0.4), (Q4_K, 0.1), (Q8_0, 0.001)]);
        one.types[1].kl = Some(0.02);
        scale(&mut one);
        let kl: Vec<f64> = one.types.iter().filter_map(|measured| measured.kl).collect();
        assert!((kl[0] - 0.08).abs() < 1e-12 && (kl[2] - 0.0002).abs() < 1e-12, "{kl:?}");
        assert_eq!(one.types.iter().map(|m| m.is_scaled).collect::<Vec<_>>(), [true, false, true]);
        // Nothing measured, nothing made up.
        let mut none = tensor(&[(Q2_K, 0.4)]);
        scale(&mut none);
        assert_eq!(none.types[0].kl, None);
    }
}
