//! Which tensors may change their type, and to which: asked of the recipes, not known here.
//!
//! A plan in which every tensor is wanted in one type says for each what it would become: the type,
//! a fallback where rows are no whole blocks, or what it was where tensors of its kind are kept.

use quant::TensorType;
use quantize::{FileType, Options, Plan, Source};
use regex_lite::Regex;

use crate::Error;

/// A tensor with its possible types.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its index in the source.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Elements per dimension.
    pub dims: Vec<u64>,
    /// The source's type.
    pub from: TensorType,
    /// Types and bytes, the smallest first, each type once.
    pub types: Vec<(TensorType, u64)>,
}

/// The plan in which every tensor that `options` say nothing else of is wanted in `ty`.
pub fn plan_of(source: &dyn Source, options: &Options, ty: TensorType) -> Result<Plan, Error> {
    let mut options = options.clone();
    let any = Regex::new("").map_err(|error| {
        let (text, reason) = (String::new(), error.to_string());
        Error::Quantize(quantize::Error::Override { text, reason })
    })?;
    options.tensor_types.push((any, ty));
    // A file type of blocks, so that types of tensors count.
    options.file_type = FileType::Q8_0;
    options.pure = false;
    Ok(Plan::new(source.metadata(), source.tensors(), &options, None)?)
}

/// Tensors that change with the type that is asked for, or would get another one than they have.
pub fn candidates(
    source: &dyn Source,
    options: &Options,
    types: &[TensorType],
) -> Result<Vec<Candidate>, Error> {
    let mut all: Vec<Candidate> = Vec::new();
    for (i, &ty) in types.iter().enumerate() {
        let plan = plan_of(source, options, ty)?;
        for (at, step) in plan.steps.iter().enumerate() {
            if i == 0 {
                all.push(Candidate {
                    index: step.index,
                    name: step.old_name.clone(),
                    dims: step.dims.clone(),
                    from: step.from,
                    types: Vec::new(),
                });
            }
            let Some(candidate) = all.get_mut(at) else { continue };
            if !candidate.types.iter().any(|(known, _)| *known == step.to) {
                candidate.types.push((step.to, step.new_bytes));
            }
        }
    }
    all.retain(|candidate| candidate.types.iter().any(|(ty, _)| *ty != candidate.from));
    for candidate in &mut all {
        candidate.types.sort_by_key(|(ty, n_bytes)| (*n_bytes, *ty));
    }
    match all.is_empty() {
        true => Err(Error::NothingToChoose),
        false => Ok(all),
    }
}
