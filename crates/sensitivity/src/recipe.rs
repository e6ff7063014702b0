//! From what was measured to a recipe: a type for each tensor, within a budget.
//!
//! The result is what a person could have typed: options with one `--tensor-type` per tensor, so
//! the quantizer knows nothing of analyses. What the options say already (types of the head,
//! patterns, tensors that are left) is kept to, and counted as it is.

use std::io::Write;

use gguf::{WriteError, Writer};
use quant::TensorType;
use quantize::{FileType, Imatrix, Options, Plan, Source};
use regex_lite::Regex;

use crate::candidates::candidates;
use crate::frontier::{Choice, Frontier};
use crate::{Analysis, Error};

/// Data of a tensor begins at a multiple of this where a file says nothing else.
const ALIGNMENT: u64 = 32;

/// What a recipe must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Bytes of the whole file.
    File(u64),
    /// Bytes of all tensors.
    Tensors(u64),
    /// Sum of the tensors' divergences in nats.
    Kl(f64),
}

/// A type for each tensor.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What the quantizer is told.
    pub options: Options,
    /// What it will do.
    pub plan: Plan,
    /// Sum of the tensors' divergences; of their errors, where no divergence was measured.
    pub expected: f64,
}

/// Tensors with their possible choices, and what the rest takes.
struct Lists {
    names: Vec<String>,
    types: Vec<Vec<TensorType>>,
    choices: Vec<Vec<Choice>>,
    /// Bytes of tensors without a choice.
    rest: u64,
}

impl Lists {
    fn new(analysis: &Analysis, source: &dyn Source, options: &Options) -> Result<Lists, Error> {
        let mut lists =
            Lists { names: Vec::new(), types: Vec::new(), choices: Vec::new(), rest: 0 };
        let first = analysis.asked.first().copied().ok_or(Error::NothingToChoose)?;
        let plan = crate::candidates::plan_of(source, options, first)?;
        let all = candidates(source, options, &analysis.asked)?;
        for step in &plan.steps {
            let tensor = analysis.tensors.iter().find(|tensor| tensor.name == step.old_name);
            let candidate = all.iter().find(|candidate| candidate.name == step.old_name);
            let (Some(tensor), Some(candidate)) = (tensor, candidate) else {
                lists.rest += step.new_bytes.next_multiple_of(ALIGNMENT);
                continue;
            };
            let known = candidate.types.iter().filter_map(|&(ty, n_bytes)| {
                let cost = tensor.get(ty)?.cost();
                Some((ty, Choice { n_bytes: n_bytes.next_multiple_of(ALIGNMENT), cost }))
            });
            let (types, choices): (Vec<_>, Vec<_>) = known.unzip();
            if types.is_empty() {
                // A person wants it in a type that was not measured.
                lists.rest += step.new_bytes.next_multiple_of(ALIGNMENT);
                continue;
            }
            lists.names.push(step.name.clone());
            lists.types.push(types);
            lists.choices.push(choices);
        }
        match lists.names.is_empty() {
            true => Err(Error::NothingToChoose),
            false => Ok(lists),
        }
    }

    /// Bytes and cost of a pick.
    fn sums(&self, pick: &[usize]) -> (u64, f64) {
        let chosen = self.choices.iter().zip(pick).filter_map(|(list, at)| list.get(*at));
        chosen.fold((self.rest, 0.0), |(n, cost), one| (n + one.n_bytes, cost + one.cost))
    }
}

/// The best recipe within a budget, beside what `options` say already; their file type is set to
/// one that describes it. `imatrix` is what the file will be made with.
///
/// # Errors
/// [`Error::TooSmall`], [`Error::TooFine`], [`Error::NoDivergence`]; options that do not fit the
/// model.
pub fn recipe(
    analysis: &Analysis,
    source: &dyn Source,
    options: &Options,
    imatrix: Option<&Imatrix>,
    budget: Budget,
) -> Result<Recipe, Error> {
    let lists = Lists::new(analysis, source, options)?;
    let frontier = Frontier::new(&lists.choices);
    let least = || frontier.points().next().map_or(0, |(n_bytes, _)| n_bytes) + lists.rest;
    let within = |max: u64, more: u64| {
        let left = max.checked_sub(lists.rest + more);
        let pick = left.and_then(|left| frontier.within_bytes(left));
        pick.ok_or_else(|| Error::TooSmall { max, least: least() + more })
    };
    let pick = match budget {
        Budget::Tensors(max) => within(max, 0)?,
        Budget::File(max) => {
            let plan = Plan::new(source.metadata(), source.tensors(), options, imatrix)?;
            within(max, header_bytes(&plan)?)?
        }
        Budget::Kl(max) => {
            let measured = analysis.tensors.iter().flat_map(|tensor| &tensor.types);
            if measured.into_iter().all(|measured| measured.kl.is_none()) {
                return Err(Error::NoDivergence);
            }
            let finest = || frontier.points().last().map_or(0.0, |(_, cost)| cost);
            let pick = frontier.within_cost(max);
            pick.ok_or_else(|| Error::TooFine { max, least: finest() })?
        }
    };
    let (_, expected) = lists.sums(&pick);
    let mut options = options.clone();
    let mut types = Vec::new();
    for ((name, list), at) in lists.names.iter().zip(&lists.types).zip(pick) {
        types.extend(list.get(at).map(|ty| (name, *ty)));
    }
    for (name, ty) in types {
        options.tensor_types.push((exactly(name)?, ty));
    }
    let plan = Plan::new(source.metadata(), source.tensors(), &options, imatrix)?;
    options.file_type = file_type(&plan, options.file_type);
    let plan = Plan::new(source.metadata(), source.tensors(), &options, imatrix)?;
    Ok(Recipe { options, plan, expected })
}

/// A pattern that finds this name and no other.
fn exactly(name: &str) -> Result<Regex, Error> {
    let mut text = String::from("^");
    for c in name.chars() {
        if !c.is_alphanumeric() && c.is_ascii() && c != '_' {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('$');
    Regex::new(&text).map_err(|error| {
        Error::Quantize(quantize::Error::Override { text, reason: error.to_string() })
    })
}

/// The file type that is named after the type of most numbers.
fn file_type(plan: &Plan, otherwise: FileType) -> FileType {
    let mut counts: Vec<(TensorType, u64)> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.from != step.to) {
        let n = step.dims.iter().product::<u64>();
        match counts.iter_mut().find(|(ty, _)| *ty == step.to) {
            Some((_, count)) => *count += n,
            None => counts.push((step.to, n)),
        }
    }
    let main = counts.into_iter().max_by_key(|(_, n)| *n);
    let named = |ty: TensorType| {
        let mixed = format!("{}_M", ty.name()).parse::<FileType>();
        mixed.or_else(|_| ty.name().parse()).ok().filter(|file| file.base().block_len() > 1)
    };
    main.and_then(|(ty, _)| named(ty)).unwrap_or(otherwise)
}

/// Bytes that the file of a plan has before its data.
///
/// # Errors
/// What no file can hold.
pub fn header_bytes(plan: &Plan) -> Result<u64, Error> {
    let failed = |error: WriteError| Error::Quantize(error.into());
    let mut writer = Writer::new(plan.metadata.clone());
    for step in &plan.steps {
        writer.tensor(step.name.as_str(), step.to, &step.dims).map_err(failed)?;
    }
    let mut counted = Counter(0);
    writer.start(&mut counted).map_err(failed)?;
    Ok(counted.0)
}

struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a plan is expected to cost; `None` if it has types that were not measured.
pub fn expected(analysis: &Analysis, plan: &Plan) -> Option<f64> {
    let changed = plan.steps.iter().filter(|step| step.from != step.to);
    let cost = |step: &quantize::Step| {
        let tensor = analysis.tensors.iter().find(|tensor| tensor.name == step.old_name)?;
        Some(tensor.get(step.to)?.cost())
    };
    changed.map(cost).sum()
}

/// Bytes of all tensors, and the least cost for them: points from the smallest to the finest.
///
/// # Errors
/// As [`recipe`].
pub fn curve(
    analysis: &Analysis,
    source: &dyn Source,
    options: &Options,
) -> Result<Vec<(u64, f64)>, Error> {
    let lists = Lists::new(analysis, source, options)?;
    let frontier = Frontier::new(&lists.choices);
    Ok(frontier.points().map(|(n_bytes, cost)| (n_bytes + lists.rest, cost)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_pattern_finds_one_name() {
        let pattern = exactly("blk.1.attn_q.weight").unwrap();
        assert!(pattern.is_match("blk.1.attn_q.weight"));
        for other in ["blk.11.attn_q.weight", "blkx1.attn_q.weight", "blk.1.attn_q.weights"] {
            assert!(!pattern.is_match(other), "{other}");
        }
    }
}
