//! What is said about an analysis and the recipe made of it: a table, JSON, a page.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use quant::TensorType;
use quantize::{FileType, GgufSource, Imatrix, Options, Plan, Source};
use sensitivity::{About, Analysis, Measured, Recipe, Tensor};
use serde_json::{Value, json};

use super::super::quantize::report as plans;
use super::super::{human, measured, print_json};
use super::{Found, Work};
use crate::args::{AnalyzeArgs, Format};
use crate::failure::Failure;
use crate::term;

/// Fixed mixes that others are compared with.
const MIXES: [FileType; 10] = [
    FileType::Q2_K,
    FileType::Q3_K_S,
    FileType::Q3_K_M,
    FileType::Q3_K_L,
    FileType::Q4_K_S,
    FileType::Q4_K_M,
    FileType::Q5_K_S,
    FileType::Q5_K_M,
    FileType::Q6_K,
    FileType::Q8_0,
];

/// Points of the curve in JSON at most.
const POINTS: usize = 100;

/// A file that was made.
pub struct Written {
    pub file: PathBuf,
    pub n_bytes: u64,
}

/// Everything that is said.
pub struct Report {
    analysis: Analysis,
    about: About,
    settings: String,
    kl: &'static str,
    model_sha256: Option<String>,
    seconds: f64,
    is_cached: bool,
    recipe: Option<(Recipe, f64)>,
    written: Option<Written>,
}

impl Report {
    pub fn of(
        args: &AnalyzeArgs,
        work: &Work,
        found: &Found,
        source: &GgufSource,
        imatrix: &Imatrix,
    ) -> Result<Report, Failure> {
        let options = args.options();
        let mut mixes = Vec::new();
        for file_type in MIXES {
            let options = Options { file_type, ..options.clone() };
            let plan = Plan::new(source.metadata(), source.tensors(), &options, Some(imatrix));
            let Ok(plan) = plan else { continue };
            let expected = sensitivity::expected(&found.analysis, &plan);
            mixes.extend(expected.map(|cost| (file_type.to_string(), plan.new_bytes(), cost)));
        }
        let about = About {
            model: work.model_name.clone(),
            text: work.text_name.clone(),
            made: measured::made(),
            curve: sensitivity::curve(&found.analysis, source, &options)?,
            mixes,
            chosen: None,
            measured: None,
        };
        Ok(Report {
            analysis: found.analysis.clone(),
            about,
            settings: work.line.clone(),
            kl: work.kl,
            model_sha256: work.model_sha256.clone(),
            seconds: found.seconds,
            is_cached: found.is_cached,
            recipe: None,
            written: None,
        })
    }

    /// The recipe that was chosen, with its measured divergence, and the file made by it.
    pub fn chosen(&mut self, recipe: Recipe, kl: f64, written: Option<Written>) {
        let types: BTreeMap<String, TensorType> =
            recipe.plan.steps.iter().map(|step| (step.old_name.clone(), step.to)).collect();
        self.about.chosen = Some((recipe.plan.new_bytes(), recipe.expected, types));
        self.about.measured = Some(kl);
        self.recipe = Some((recipe, kl));
        self.written = written;
    }

    /// Prints and saves.
    pub fn give(&self, args: &AnalyzeArgs) -> Result<(), Failure> {
        if let Some(path) = &args.report {
            let failed = |error| Failure::output(path.display().to_string(), error);
            fs::write(path, sensitivity::html(&self.analysis, &self.about)).map_err(failed)?;
            term::note(&format!("saved {}", path.display()));
        }
        match args.format {
            Format::Json => print_json(&self.object()),
            Format::Text => term::text_out(&self.text()),
        }
    }

    fn chosen_type(&self, tensor: &Tensor) -> Option<TensorType> {
        let (.., types) = self.about.chosen.as_ref()?;
        types.get(&tensor.name).copied()
    }

    fn text(&self) -> String {
        let mut types: Vec<TensorType> = Vec::new();
        for measured in self.analysis.tensors.iter().flat_map(|tensor| &tensor.types) {
            if !types.contains(&measured.ty) {
                types.push(measured.ty);
            }
        }
        let mut head = vec!["TENSOR".to_owned()];
        head.extend(types.iter().map(|ty| ty.to_string()));
        let mut rows = vec![head];
        for tensor in &self.analysis.tensors {
            let mut row = vec![tensor.name.clone()];
            row.extend(types.iter().map(|ty| {
                let mark = if self.chosen_type(tensor) == Some(*ty) { " <" } else { "" };
                tensor.get(*ty).map_or_else(String::new, |measured| cell(measured) + mark)
            }));
            rows.push(row);
        }
        let what = match self.kl {
            "none" => "error of what each matrix gives; without divergences",
            _ => "KL divergence with one tensor rounded; (in brackets) from another type's",
        };
        let mut out = format!("{what}\n{}", human::table("", &rows));
        let mut rows =
            vec![["RECIPE", "TENSORS", "EXPECTED", "MEASURED"].map(str::to_owned).to_vec()];
        rows.extend(self.about.mixes.iter().map(|(name, n_bytes, cost)| {
            vec![name.clone(), term::bytes(*n_bytes), short(*cost), String::new()]
        }));
        if let Some((recipe, kl)) = &self.recipe {
            let (n_bytes, cost) = (recipe.plan.new_bytes(), recipe.expected);
            rows.push(vec!["chosen".into(), term::bytes(n_bytes), short(cost), short(*kl)]);
        }
        out += &format!("\n{}", human::table("", &rows));
        if let Some((recipe, _)) = &self.recipe {
            let plan = &recipe.plan;
            let written = self.written.as_ref();
            let name = written.map_or_else(
                || "would be".to_owned(),
                |written| term::clean(&written.file.to_string_lossy()).into_owned(),
            );
            let n_bytes = written.map_or(plan.new_bytes(), |written| written.n_bytes);
            out += &format!("{name}  {}\n{}\n", plans::sizes(plan, n_bytes), plans::types(plan));
        }
        out
    }

    fn object(&self) -> Value {
        let (n_windows, n_ctx) = self.analysis.windows;
        let mixes = self.about.mixes.iter().map(
            |(name, n_bytes, cost)| json!({ "type": name, "bytes": n_bytes, "expected": cost }),
        );
        let every = self.about.curve.len().div_ceil(POINTS).max(1);
        let curve = self.about.curve.iter().step_by(every);
        json!({
            "model": self.about.model,
            "model_sha256": self.model_sha256,
            "text": self.about.text,
            "settings": self.settings,
            "ctx": n_ctx,
            "chunks": n_windows,
            "tokens_scored": self.analysis.n_scored,
            "perplexity": self.analysis.perplexity,
            "kl": self.kl,
            "seconds": self.seconds,
            "cached": self.is_cached,
            "tensors": self.analysis.tensors.iter().map(tensor).collect::<Value>(),
            "mixes": mixes.collect::<Value>(),
            "curve": curve.map(|(n, cost)| json!([n, cost])).collect::<Value>(),
            "recipe": self.recipe.as_ref().map(|(recipe, kl)| json!({
                "type": recipe.plan.file_type.name(),
                "bytes": recipe.plan.new_bytes(),
                "expected": recipe.expected,
                "measured": kl,
                "tensors": recipe.plan.steps.iter().map(|step| {
                    (step.name.clone(), Value::from(step.to.name()))
                }).collect::<serde_json::Map<_, _>>(),
            })),
            "file": self.written.as_ref().map(|written| written.file.to_string_lossy()),
            "file_bytes": self.written.as_ref().map(|written| written.n_bytes),
        })
    }
}

fn tensor(tensor: &Tensor) -> Value {
    let of_type = |measured: &Measured| {
        json!({
            "type": measured.ty.name(),
            "bytes": measured.n_bytes,
            "error": measured.error,
            "kl": measured.kl,
            "scaled": measured.is_scaled,
        })
    };
    json!({
        "name": tensor.name,
        "dims": tensor.dims,
        "from": tensor.from.name(),
        "inputs": tensor.n_inputs,
        "rows": tensor.n_rows,
        "types": tensor.types.iter().map(of_type).collect::<Value>(),
    })
}

fn cell(measured: &Measured) -> String {
    match (measured.kl, measured.is_scaled) {
        (None, _) => format!("{:.3} %", 100.0 * measured.error.sqrt()),
        (Some(kl), false) => short(kl),
        (Some(kl), true) => format!("({})", short(kl)),
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        ..0.001 => format!("{value:.2e}"),
        _ => format!("{value:.5}"),
    }
}
