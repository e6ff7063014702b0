//! What is said about a plan, and about a file that was made.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use quant::TensorType;
use quantize::{Imatrix, Plan};
use serde_json::{Value, json};

use super::super::bench::memory;
use super::super::{human, print_json};
use super::notes;
use crate::args::Format;
use crate::failure::Failure;
use crate::term;

/// `--dry-run`.
pub fn planned(plan: &Plan, imatrix: Option<&Imatrix>, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return print_json(&as_json(plan, imatrix, true));
    }
    let mut rows = vec![["TENSOR", "SHAPE", "FROM", "TO", "SIZE"].map(str::to_owned).to_vec()];
    rows.extend(plan.steps.iter().map(|step| {
        let dims: Vec<String> = step.dims.iter().map(u64::to_string).collect();
        let to = match step.instead_of {
            Some(wanted) => format!("{} (not {wanted})", step.to),
            None => step.to.to_string(),
        };
        let size = term::bytes(step.new_bytes);
        vec![step.name.clone(), dims.join(" x "), step.from.to_string(), to, size]
    }));
    term::text_out(&human::table("", &rows))?;
    term::line(&format!("would be {}", sizes(plan, plan.new_bytes())))?;
    term::line(&types(plan))?;
    notes(plan, imatrix);
    Ok(())
}

/// The end of a run.
pub fn done(
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    output: &Path,
    n_bytes: u64,
    took: Duration,
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        let mut value = as_json(plan, imatrix, false);
        value["file"] = output.to_string_lossy().into();
        value["file_bytes"] = n_bytes.into();
        value["seconds"] = took.as_secs_f64().into();
        value["peak_memory_bytes"] = memory::of_process().into();
        return print_json(&value);
    }
    notes(plan, imatrix);
    let name = output.to_string_lossy();
    let seconds = took.as_secs_f64();
    term::line(&format!("{}  {} in {seconds:.1} s", term::clean(&name), sizes(plan, n_bytes)))?;
    term::line(&types(plan))
}

/// "808 MB, 5.18 bits per weight (was 2.47 GB, 16.00)".
pub fn sizes(plan: &Plan, n_bytes: u64) -> String {
    format!(
        "{}, {:.2} bits per weight (was {}, {:.2})",
        term::bytes(n_bytes),
        bits(plan, plan.new_bytes()),
        term::bytes(plan.old_bytes()),
        bits(plan, plan.old_bytes())
    )
}

fn bits(plan: &Plan, n_bytes: u64) -> f64 {
    n_bytes as f64 * 8.0 / plan.n_elements().max(1) as f64
}

/// How many tensors are of which type.
fn counts(plan: &Plan) -> BTreeMap<TensorType, usize> {
    let mut counts = BTreeMap::new();
    plan.steps.iter().for_each(|step| *counts.entry(step.to).or_insert(0) += 1);
    counts
}

pub fn types(plan: &Plan) -> String {
    let mut counts: Vec<(TensorType, usize)> = counts(plan).into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let named: Vec<String> = counts.iter().map(|(ty, n)| format!("{n} x {ty}")).collect();
    format!("{}: {}", plan.file_type, named.join(", "))
}

fn as_json(plan: &Plan, imatrix: Option<&Imatrix>, with_tensors: bool) -> Value {
    let types: BTreeMap<String, usize> =
        counts(plan).into_iter().map(|(ty, n)| (ty.to_string(), n)).collect();
    let mut value = json!({
        "type": plan.file_type.name(),
        "old_bytes": plan.old_bytes(),
        "new_bytes": plan.new_bytes(),
        "elements": plan.n_elements(),
        "bits_per_weight": bits(plan, plan.new_bytes()),
        "tensor_types": types,
        "fallbacks": plan.steps.iter().filter(|step| step.instead_of.is_some()).count(),
    });
    if let Some(imatrix) = imatrix {
        let missing: Vec<&str> = super::without_importance(plan, imatrix).collect();
        value["without_importance"] = json!(missing);
    }
    if with_tensors {
        let tensors = plan.steps.iter().map(|step| {
            json!({
                "name": step.name,
                "dims": step.dims,
                "from": step.from.name(),
                "to": step.to.name(),
                "instead_of": step.instead_of.map(|ty| ty.name()),
                "bytes": step.new_bytes,
            })
        });
        value["tensors"] = tensors.collect();
    }
    value
}
