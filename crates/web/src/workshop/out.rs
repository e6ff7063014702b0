//! What goes out: plain objects, shaped like the types of the package.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gguf::{DEFAULT_ALIGNMENT, KEY_ALIGNMENT, Writer, align_up};
use quant::TensorType;
use quantize::{FileType, GgufSource, Plan, Source};
use serde::Serialize;
use store::Model;

use super::order::Order;
use crate::error::EdgeError;

/// `QuantizePlan`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanOut {
    source: String,
    name: String,
    #[serde(rename = "type")]
    file_type: &'static str,
    old_bytes: u64,
    new_bytes: u64,
    file_bytes: u64,
    elements: u64,
    bits_per_weight: f64,
    fallbacks: usize,
    types: Vec<TypeOut>,
    tensors: Vec<TensorOut>,
}

#[derive(Serialize)]
struct TypeOut {
    #[serde(rename = "type")]
    ty: &'static str,
    tensors: usize,
    bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TensorOut {
    name: String,
    dims: Vec<u64>,
    from: &'static str,
    to: &'static str,
    instead_of: Option<&'static str>,
    bytes: u64,
}

/// `QuantizeChoices`.
#[derive(Serialize)]
pub struct ChoicesOut {
    source: String,
    /// The type of most bytes.
    #[serde(rename = "type")]
    ty: &'static str,
    bytes: u64,
    elements: u64,
    quantized: bool,
    choices: Vec<ChoiceOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChoiceOut {
    #[serde(rename = "type")]
    file_type: &'static str,
    about: &'static str,
    file_bytes: Option<u64>,
    bits_per_weight: Option<f64>,
    /// Why it cannot be made.
    problem: Option<String>,
}

impl PlanOut {
    pub fn of(order: &Order, plan: &Plan) -> Result<PlanOut, EdgeError> {
        let mut types: BTreeMap<TensorType, (usize, u64)> = BTreeMap::new();
        for step in &plan.steps {
            let (n, bytes) = types.entry(step.to).or_default();
            *n += 1;
            *bytes += step.new_bytes;
        }
        let mut types: Vec<TypeOut> = types
            .into_iter()
            .map(|(ty, (tensors, bytes))| TypeOut { ty: ty.name(), tensors, bytes })
            .collect();
        types.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        let tensors = plan.steps.iter().map(|step| TensorOut {
            name: step.name.clone(),
            dims: step.dims.clone(),
            from: step.from.name(),
            to: step.to.name(),
            instead_of: step.instead_of.map(TensorType::name),
            bytes: step.new_bytes,
        });
        Ok(PlanOut {
            source: order.source.to_string(),
            name: order.name.to_string(),
            file_type: order.file_type.name(),
            old_bytes: plan.old_bytes(),
            new_bytes: plan.new_bytes(),
            file_bytes: head_bytes(plan)? + placed_bytes(plan),
            elements: plan.n_elements(),
            bits_per_weight: bits_per_weight(plan),
            fallbacks: plan.steps.iter().filter(|step| step.instead_of.is_some()).count(),
            types,
            tensors: tensors.collect(),
        })
    }
}

impl ChoicesOut {
    pub fn new(model: &Model, source: &GgufSource, choices: Vec<ChoiceOut>) -> ChoicesOut {
        let mut bytes: BTreeMap<TensorType, u64> = BTreeMap::new();
        for tensor in source.tensors() {
            *bytes.entry(tensor.ty).or_default() += tensor.n_bytes().unwrap_or(0);
        }
        let main = bytes.iter().max_by_key(|(_, bytes)| **bytes).map(|(ty, _)| *ty);
        ChoicesOut {
            source: model.name.to_string(),
            ty: main.map_or("unknown", TensorType::name),
            bytes: source.gguf().file_bytes().sum(),
            elements: source.tensors().iter().map(quantize::Tensor::n_elements).sum(),
            quantized: bytes.keys().any(|ty| ty.block_len() > 1),
            choices,
        }
    }
}

impl ChoiceOut {
    /// `head` is the length of the file's head, once it is known: the same for all types.
    pub fn of(
        file_type: FileType,
        plan: Result<Plan, EdgeError>,
        head: &mut Option<u64>,
    ) -> Result<ChoiceOut, EdgeError> {
        let (name, about) = (file_type.name(), file_type.about());
        let mut out = ChoiceOut {
            file_type: name,
            about,
            file_bytes: None,
            bits_per_weight: None,
            problem: None,
        };
        match plan {
            Ok(plan) => {
                let head = match head {
                    Some(head) => *head,
                    None => *head.insert(head_bytes(&plan)?),
                };
                out.file_bytes = Some(head + placed_bytes(&plan));
                out.bits_per_weight = Some(bits_per_weight(&plan));
            }
            Err(error) => out.problem = Some(error.sentence()),
        }
        Ok(out)
    }
}

fn bits_per_weight(plan: &Plan) -> f64 {
    plan.new_bytes() as f64 * 8.0 / plan.n_elements().max(1) as f64
}

/// Bytes of the file before its tensors: they are written to nowhere.
fn head_bytes(plan: &Plan) -> Result<u64, EdgeError> {
    let failed = |error: gguf::WriteError| EdgeError::from(quantize::Error::Write(error));
    let mut writer = Writer::new(plan.metadata.clone());
    for step in &plan.steps {
        writer.tensor(step.name.as_str(), step.to, &step.dims).map_err(failed)?;
    }
    let mut head = Counted(0);
    writer.start(&mut head).map_err(failed)?;
    Ok(head.0)
}

/// Bytes of the tensors in their places.
pub fn placed_bytes(plan: &Plan) -> u64 {
    let alignment = plan.metadata.u32(KEY_ALIGNMENT).ok().flatten();
    let alignment = alignment.map_or(DEFAULT_ALIGNMENT, u64::from);
    let place = |bytes| align_up(bytes, alignment).unwrap_or(bytes);
    plan.steps.iter().map(|step| place(step.new_bytes)).sum()
}

/// A place that keeps nothing but a number of bytes.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
