//! The recipe that was chosen, measured as a whole.
//!
//! Divergences add up while errors are small and do not know of each other. How well they did is
//! seen by reading the text once more with all tensors rounded; where a divergence was promised and
//! is not kept, or could be spent and is not, the sum is aimed at anew.

use std::sync::Arc;

use measure::Windows;
use quantize::{GgufSource, Imatrix, Options, Plan};

use crate::reading::{Part, divergence, read};
use crate::rounded::Change;
use crate::{Analysis, Budget, Error, Host, Recipe, Settings, Stage, recipe};

/// Readings at most.
const TRIES: usize = 6;

/// A divergence this near below its limit is near enough.
const NEAR: f64 = 0.92;

/// What is aimed at, as a part of the limit.
const AIM: f64 = 0.97;

/// The best recipe within the budget, and the divergence of the model made by it from the model as
/// it is. A [`Budget::Kl`] is one of the measured divergence.
///
/// # Errors
/// As [`recipe`] and [`analyze`](crate::analyze); [`Error::TooFine`] for a limit that was missed
/// again and again.
pub async fn verify(
    host: &mut impl Host,
    windows: &Windows,
    settings: &Settings,
    analysis: &Analysis,
    (options, imatrix): (&Options, &Imatrix),
    budget: Budget,
) -> Result<(Recipe, f64), Error> {
    let source = GgufSource::new(host.open()?);
    let base = read(host, windows, settings).await?;
    let mut aim = budget;
    let mut best: Option<(Recipe, f64)> = None;
    let mut least = f64::INFINITY;
    for done in 0..TRIES {
        let tried = match recipe(analysis, &source, options, Some(imatrix), aim) {
            Err(error) if best.is_none() => return Err(error),
            Err(_) => break,
            Ok(tried) => tried,
        };
        if best.as_ref().is_some_and(|(best, _)| best.plan.steps == tried.plan.steps) {
            break;
        }
        let part = Part { stage: Stage::Verify, done, total: TRIES };
        let changes = changes(&source, &tried.plan, imatrix);
        let all = divergence(host, &base.base, &changes, settings.n_threads, part).await?;
        let kl = (all.kl().value - base.reading.floor).max(0.0);
        let Budget::Kl(max) = budget else { return Ok((tried, kl)) };
        least = least.min(kl);
        let Budget::Kl(sum) = aim else { break };
        let is_smaller = best.as_ref().is_none_or(|(best, _)| is_smaller(&tried, best));
        if kl <= max && is_smaller {
            best = Some((tried, kl));
        }
        if kl <= max && kl >= NEAR * max {
            break;
        }
        // Twice as much or half at once: the ratio is measured and not known.
        let factor = if kl > 0.0 { AIM * max / kl } else { 2.0 };
        aim = Budget::Kl(sum * factor.clamp(0.5, 2.0));
    }
    match (best, budget) {
        (Some(best), _) => Ok(best),
        (None, Budget::Kl(max)) => Err(Error::TooFine { max, least }),
        (None, _) => Err(Error::NothingToChoose),
    }
}

fn is_smaller(a: &Recipe, b: &Recipe) -> bool {
    a.plan.new_bytes() < b.plan.new_bytes()
}

/// What a plan does to a model's tensors.
fn changes(source: &GgufSource, plan: &Plan, imatrix: &Imatrix) -> Vec<Change> {
    let changed = plan.steps.iter().filter(|step| step.from != step.to);
    let change = |step: &quantize::Step| {
        let info = source.gguf().tensors.get(step.index)?;
        let values = imatrix.get(&step.old_name);
        let values = values.filter(|values| values.len() as u64 == step.n_importances());
        Some(Change::new(info, step.to, values.map(Arc::from)))
    };
    changed.filter_map(change).collect()
}
