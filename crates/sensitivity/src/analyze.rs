//! Measuring a model: one reading for inputs and answers, then errors, then divergences.
//!
//! A divergence is that of the whole model with one tensor rounded ([`rounded`](crate::rounded)),
//! so the model is loaded once per measurement and is in memory once. What an interrupted run left
//! with the host is not measured again.

use std::collections::BTreeSet;
use std::sync::Arc;

use gguf::Gguf;
use measure::Windows;
use quant::TensorType;
use quantize::{GgufSource, Imatrix, Options};

use crate::candidates::{Candidate, candidates};
use crate::output_error::{Input, Question, errors};
use crate::reading::{Part, Read, divergence, read, step};
use crate::rounded::Change;
use crate::{Analysis, Error, Finding, Host, Kl, Measured, Settings, Stage, Tensor};

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
    let work = Work { source, candidates, importance, windows, settings };
    let runs = runs(&work.candidates, settings.kl);
    let kept = work.kept(host, &read, &runs);
    let mut tensors = work.errors(host, &read, kept)?;
    work.divergences(host, &read, &runs, &mut tensors).await?;
    tensors.iter_mut().for_each(scale);
    Ok(Analysis {
        asked: settings.types.clone(),
        tensors,
        perplexity: read.reading.perplexity,
        windows: (windows.len(), windows.n_ctx()),
        n_scored: read.n_scored,
        sums: read.seen.sums,
    })
}

/// What is measured with what.
struct Work<'a> {
    source: GgufSource,
    candidates: Vec<Candidate>,
    importance: Imatrix,
    windows: &'a Windows,
    settings: &'a Settings,
}

impl Work<'_> {
    /// Tensors whose errors, and perhaps divergences, an earlier run has found, by candidate.
    fn kept(
        &self,
        host: &mut impl Host,
        read: &Read,
        runs: &[(usize, usize)],
    ) -> Vec<Option<Tensor>> {
        let findings = host.kept(read.reading);
        let kept: Vec<Option<Tensor>> =
            self.candidates.iter().map(|candidate| found(candidate, &findings)).collect();
        let is_read = |&&(tensor, at): &&(usize, usize)| {
            let tensor = kept.get(tensor).and_then(Option::as_ref);
            tensor.and_then(|tensor| tensor.types.get(at)).is_some_and(|it| it.kl.is_some())
        };
        let done = kept.iter().flatten().count() + runs.iter().filter(is_read).count();
        if done > 0 {
            host.goes_on(done, self.candidates.len() + runs.len());
        }
        kept
    }

    fn errors(
        &self,
        host: &mut impl Host,
        read: &Read,
        kept: Vec<Option<Tensor>>,
    ) -> Result<Vec<Tensor>, Error> {
        let rows = lookups(self.windows);
        let mut tensors = Vec::new();
        for (candidate, kept) in self.candidates.iter().zip(kept) {
            step(host, Stage::Errors, tensors.len() as f64, self.candidates.len())?;
            if let Some(kept) = kept {
                tensors.push(kept);
                continue;
            }
            let importance = importance_of(&self.importance, candidate);
            let sample = read.seen.samples.get(&candidate.name);
            let input = sample.map_or(Input::Lookup(&rows), |sample| Input::Sample(sample));
            let (gguf, n_threads) = (self.source.gguf(), self.settings.n_threads);
            let tensor = tensor(gguf, candidate, input, importance.as_deref(), n_threads)?;
            tensor.types.iter().for_each(|measured| host.keep(finding(&tensor, measured)));
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    async fn divergences(
        &self,
        host: &mut impl Host,
        read: &Read,
        runs: &[(usize, usize)],
        tensors: &mut [Tensor],
    ) -> Result<(), Error> {
        for (i, &(at, ty)) in runs.iter().enumerate() {
            let found = self.candidates.get(at).zip(tensors.get_mut(at));
            let Some((candidate, tensor)) = found else { continue };
            let Some(measured) = tensor.types.get_mut(ty).filter(|it| it.kl.is_none()) else {
                continue;
            };
            let importance = importance_of(&self.importance, candidate).map(Arc::from);
            let tensors = &self.source.gguf().tensors;
            let Some(info) = tensors.get(candidate.index) else { continue };
            let changes = [Change::new(info, measured.ty, importance)];
            let part = Part { stage: Stage::Divergences, done: i, total: runs.len() };
            let n_threads = self.settings.n_threads;
            let all = divergence(host, &read.base, &changes, n_threads, part).await?;
            measured.kl = Some((all.kl().value - read.reading.floor).max(0.0));
            let measured = measured.clone();
            host.keep(finding(tensor, &measured));
        }
        Ok(())
    }
}

/// What is kept of a tensor in one type.
fn finding(tensor: &Tensor, measured: &Measured) -> Finding {
    Finding {
        tensor: tensor.name.clone(),
        ty: measured.ty,
        n_inputs: tensor.n_inputs,
        n_rows: tensor.n_rows,
        error: measured.error,
        kl: measured.kl,
    }
}

/// The tensor as it was found before; none unless all of its types were.
fn found(candidate: &Candidate, findings: &[Finding]) -> Option<Tensor> {
    let ours = || findings.iter().filter(|finding| finding.tensor == candidate.name);
    let measured = |&(ty, n_bytes): &(TensorType, u64)| {
        let finding = ours().find(|finding| finding.ty == ty)?;
        let (error, kl) = (finding.error, finding.kl);
        Some(Measured { ty, n_bytes, error, kl, is_scaled: false })
    };
    let first = ours().next()?;
    Some(Tensor {
        name: candidate.name.clone(),
        dims: candidate.dims.clone(),
        from: candidate.from,
        n_inputs: first.n_inputs,
        n_rows: first.n_rows,
        types: candidate.types.iter().map(measured).collect::<Option<_>>()?,
    })
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
fn runs(candidates: &[Candidate], kl: Kl) -> Vec<(usize, usize)> {
    let of = |(i, candidate): (usize, &Candidate)| -> Vec<(usize, usize)> {
        // What a tensor is already costs nothing, and is not read.
        let types = candidate.types.iter().enumerate();
        let others: Vec<usize> =
            types.filter(|(_, (ty, _))| *ty != candidate.from).map(|(at, _)| at).collect();
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
    candidates.iter().enumerate().flat_map(of).collect()
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

    fn candidate(types: &[TensorType]) -> Candidate {
        let types = types.iter().map(|&ty| (ty, 1)).collect();
        Candidate { index: 0, name: "t".into(), dims: vec![256], from: F16, types }
    }

    #[test]
    fn a_tensor_is_known_when_all_of_its_types_are() {
        let two = candidate(&[Q2_K, Q8_0]);
        let mut measured = tensor(&[(Q2_K, 0.4), (Q8_0, 0.001)]);
        measured.types[1].kl = Some(0.25);
        let mut findings: Vec<Finding> =
            measured.types.iter().map(|it| finding(&measured, it)).collect();
        assert_eq!(found(&two, &findings).as_ref(), Some(&measured));
        assert_eq!(found(&candidate(&[Q2_K, Q4_K]), &findings), None);
        findings[0].tensor = "another".into();
        assert_eq!(found(&two, &findings), None);
    }

    #[test]
    fn what_is_read_is_what_the_mode_says() {
        let all = [candidate(&[Q2_K, Q4_K, Q6_K, Q8_0]), candidate(&[Q8_0, F16])];
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
