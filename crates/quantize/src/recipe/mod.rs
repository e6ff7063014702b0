//! From tensors and wishes to a [`Plan`]: which tensors the new file has, in which order and types.
//!
//! Nothing is read but names, shapes and metadata, so a plan is also what `--dry-run` shows. The
//! order is llama.cpp's, which the recipes' counters go by: tensors outside of layers, then layer
//! by layer, by name within. Files with the same order are comparable byte for byte.

mod facts;
mod file_type;
mod metadata;
mod options;
mod role;
mod rules;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use gguf::{Metadata, tensor_bytes};
use quant::TensorType;

pub use facts::Facts;
pub use file_type::{FileType, UnknownType};
pub use options::{Options, metadata_override, tensor_type, tensor_type_override};
pub use role::Role;

use crate::source::Tensor;
use crate::{Error, Imatrix};
use rules::{Rules, fallback, layer_of};

/// One tensor on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its index in the source.
    pub index: usize,
    /// Its name in the source, which importances go by.
    pub old_name: String,
    /// Its name in the new file.
    pub name: String,
    /// Elements per dimension, ggml's order.
    pub dims: Vec<u64>,
    /// The source's type.
    pub from: TensorType,
    /// The new file's.
    pub to: TensorType,
    /// The recipe's choice, where its blocks do not divide the rows and `to` is another.
    pub instead_of: Option<TensorType>,
    /// Bytes in the source.
    pub old_bytes: u64,
    /// Bytes in the new file.
    pub new_bytes: u64,
}

/// What the new file will be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its tensors, in order.
    pub steps: Vec<Step>,
    /// The recipe it is named after.
    pub file_type: FileType,
}

impl Plan {
    /// A plan for these tensors.
    ///
    /// # Errors
    /// [`Error`]: what was asked for cannot be done with this model.
    pub fn new(
        metadata: &Metadata,
        tensors: &[Tensor],
        options: &Options,
        imatrix: Option<&Imatrix>,
    ) -> Result<Plan, Error> {
        // A vocabulary is most of a page's memory here: copied only where something is set.
        let mut metadata = Cow::Borrowed(metadata);
        for (key, value) in &options.metadata {
            metadata.to_mut().insert(key.as_str(), value.clone());
        }
        let facts = Facts::of(&metadata);
        let numbers = renumbered(&facts, options)?;
        let mut kept: Vec<(usize, &Tensor, String)> = Vec::new();
        for (index, tensor) in tensors.iter().enumerate() {
            kept.extend(new_name(&tensor.name, &numbers).map(|name| (index, tensor, name)));
        }
        if kept.is_empty() {
            return Err(Error::NoTensors);
        }
        kept.sort_by(|a, b| by_layer(&a.1.name, &b.1.name));
        let mut rules = Rules {
            file_type: options.file_type,
            facts: &facts,
            has_output: kept.iter().any(|(.., name)| name == role::OUTPUT),
            has_importance: imatrix.is_some(),
            n_attention_v: 0,
            i_attention_v: 0,
            i_ffn_down: 0,
        };
        let is_v = |name: &str| u64::from(Role::of(name) == Role::AttentionV);
        rules.n_attention_v = kept.iter().map(|(.., name)| is_v(name)).sum();
        let steps: Result<Vec<Step>, Error> =
            kept.into_iter().map(|kept| step(kept, options, &mut rules)).collect();
        let plan = Plan {
            metadata: metadata::of(&metadata, &facts, options, &numbers, imatrix),
            steps: steps?,
            file_type: options.file_type,
        };
        plan.check(options, imatrix)?;
        Ok(plan)
    }

    /// Bytes of the tensors in the source.
    pub fn old_bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.old_bytes).sum()
    }

    /// Bytes of the tensors in the new file.
    pub fn new_bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.new_bytes).sum()
    }

    /// Numbers in the tensors.
    pub fn n_elements(&self) -> u64 {
        self.steps.iter().map(|step| step.dims.iter().product::<u64>()).sum()
    }

    /// Everything that would be noticed only after hours.
    fn check(&self, options: &Options, imatrix: Option<&Imatrix>) -> Result<(), Error> {
        for step in &self.steps {
            let tensor = || step.old_name.clone();
            if step.from != step.to {
                let is_plain = step.from.block_len() == 1;
                if !is_plain && !options.allow_requantize {
                    return Err(Error::Requantize {
                        tensor: tensor(),
                        from: step.from,
                        to: step.to,
                    });
                }
                if !step.from.is_supported() {
                    return Err(Error::Undecodable { tensor: tensor(), from: step.from });
                }
            }
            let is_given = imatrix.is_some_and(|imatrix| imatrix.get(&step.old_name).is_some());
            let needs = options.file_type == FileType::Q2_K_S
                && step.to == TensorType::Q2_K
                && step.from != step.to
                && !matches!(Role::of(&step.name), Role::TokenEmbedding | Role::Output);
            if needs && !is_given {
                return Err(Error::NeedsImportance {
                    tensor: tensor(),
                    file_type: options.file_type,
                });
            }
            if let Some(imatrix) = imatrix {
                step.check_importance(imatrix)?;
            }
        }
        Ok(())
    }
}

impl Step {
    /// Numbers of importance that fit: one for each column of each expert.
    pub fn n_importances(&self) -> u64 {
        let dim = |i: usize| self.dims.get(i).copied().unwrap_or(1);
        dim(0).saturating_mul(dim(2))
    }

    fn check_importance(&self, imatrix: &Imatrix) -> Result<(), Error> {
        let Some(values) = imatrix.get(&self.old_name) else { return Ok(()) };
        let (want, got) = (self.n_importances(), values.len() as u64);
        let is_table = Role::of(&self.name) == Role::TokenEmbedding;
        if self.from == self.to || want == got || is_table {
            return Ok(());
        }
        Err(Error::ImportanceSize { tensor: self.old_name.clone(), want, got })
    }
}

fn step(
    (index, tensor, name): (usize, &Tensor, String),
    options: &Options,
    rules: &mut Rules<'_>,
) -> Result<Step, Error> {
    let wanted = wanted(&name, tensor, options, rules);
    let columns = tensor.row_len();
    let refuse = |ty| Error::Columns { tensor: tensor.name.clone(), columns, ty };
    let to = fallback(wanted, columns);
    let old_bytes = tensor.n_bytes().ok_or_else(|| refuse(tensor.ty))?;
    let new_bytes = tensor_bytes(to, &tensor.dims).ok_or_else(|| refuse(to))?;
    Ok(Step {
        index,
        old_name: tensor.name.clone(),
        name,
        dims: tensor.dims.clone(),
        from: tensor.ty,
        to,
        instead_of: (wanted != to).then_some(wanted),
        old_bytes,
        new_bytes,
    })
}

fn wanted(name: &str, tensor: &Tensor, options: &Options, rules: &mut Rules<'_>) -> TensorType {
    let role = Role::of(name);
    let is_left = options.leave_output && name == role::OUTPUT;
    if is_left || !role::is_quantizable(name, &tensor.dims) {
        return tensor.ty;
    }
    let given = match role {
        Role::TokenEmbedding => options.token_embedding_type,
        Role::Output => options.output_type,
        _ => None,
    };
    if let Some(ty) = given {
        return ty;
    }
    let base = options.file_type.base();
    if base.block_len() == 1 {
        return base;
    }
    let manual = options.tensor_types.iter().find(|(pattern, _)| pattern.is_match(name));
    if let Some((_, ty)) = manual {
        return *ty;
    }
    if options.pure {
        return base;
    }
    let is_tied = role == Role::TokenEmbedding && !rules.has_output;
    options.output_type.filter(|_| is_tied).unwrap_or_else(|| rules.choose(name, &tensor.dims))
}

/// Old layer numbers to new ones; empty where nothing is left out.
fn renumbered(facts: &Facts, options: &Options) -> Result<BTreeMap<u64, u64>, Error> {
    let n = facts.n_layer;
    let Some(largest) = options.prune.last() else { return Ok(BTreeMap::new()) };
    if *largest >= n {
        return Err(Error::NoLayer { layer: *largest, last: n.saturating_sub(1) });
    }
    let kept: Vec<u64> = (0..n).filter(|layer| !options.prune.contains(layer)).collect();
    if kept.is_empty() {
        return Err(Error::NoLayersLeft { n });
    }
    Ok(kept.into_iter().zip(0..).collect())
}

/// The tensor's name in the new file; `None` if it is left out.
fn new_name(name: &str, numbers: &BTreeMap<u64, u64>) -> Option<String> {
    let Some(layer) = layer_of(name).filter(|_| !numbers.is_empty()) else {
        return Some(name.to_owned());
    };
    let number = numbers.get(&layer)?;
    let rest = name.splitn(3, '.').nth(2)?;
    Some(format!("blk.{number}.{rest}"))
}

fn by_layer(a: &str, b: &str) -> Ordering {
    layer_of(a).cmp(&layer_of(b)).then_with(|| a.cmp(b))
}
