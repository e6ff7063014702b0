//! What is said about models that were compared: a table, JSON, a page.

use std::fs;
use std::path::{Path, PathBuf};

use engine::Opened;
use measure::validate::{About, Check, Compared, html};
use measure::{Value, Windows};
use serde_json::{Value as Json, json};

use super::super::{human, json_line, measured, perplexity};
use crate::args::{ReportFormat, ValidateArgs};
use crate::failure::Failure;
use crate::term;

/// What the others are compared with, and on what.
pub struct Baseline {
    about: About,
    main_type: String,
    n_windows: usize,
}

impl Baseline {
    pub fn of(path: &Path, opened: &Opened, windows: &Windows, text: String) -> Baseline {
        let info = opened.info();
        let about = About {
            baseline: measured::text_name(path),
            n_bytes: info.weight_bytes,
            text,
            n_ctx: windows.n_ctx(),
            made: measured::made(),
        };
        Baseline { about, main_type: info.main_type, n_windows: windows.len() }
    }
}

type All = [(Compared, Vec<Check>)];

/// Where a report goes.
pub struct Output {
    format: ReportFormat,
    file: Option<PathBuf>,
}

impl Output {
    /// What the flags ask for; fails now if the file cannot be written later.
    pub fn of(args: &ValidateArgs) -> Result<Output, Failure> {
        let format = super::format_of(args)?;
        if let Some(path) = &args.output {
            let failed = |error| Failure::output(path.display().to_string(), error);
            fs::OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        }
        Ok(Output { format, file: args.output.clone() })
    }

    /// Prints and saves.
    pub fn give(&self, baseline: &Baseline, all: &All) -> Result<(), Failure> {
        let text = match self.format {
            ReportFormat::Text => table(baseline, all),
            ReportFormat::Json => json_line(&object(baseline, all))? + "\n",
            ReportFormat::Html => html(all, &baseline.about),
        };
        let Some(path) = &self.file else {
            return match self.format {
                ReportFormat::Text => term::text_out(&text),
                _ => term::write_out(text.as_bytes()),
            };
        };
        let failed = |error| Failure::output(path.display().to_string(), error);
        fs::write(path, text).map_err(failed)?;
        term::text_out(&table(baseline, all))?;
        term::note(&format!("saved {}", path.display()));
        Ok(())
    }
}

fn object(baseline: &Baseline, all: &All) -> Json {
    let about = &baseline.about;
    let models = all.iter().map(|(model, checks)| {
        json!({
            "model": model.name,
            "weight_bytes": model.n_bytes,
            "main_type": model.main_type,
            "perplexity": perplexity::value(model.divergence.model.perplexity()),
            "tokens_scored": model.divergence.n(),
            "comparison": perplexity::comparison(&model.divergence),
            "layers": model.layers.iter().map(|layer| {
                json!({ "name": layer.name, "error": layer.error })
            }).collect::<Json>(),
            "tensors": model.tensors.iter().map(|tensor| json!({
                "name": tensor.name,
                "from": tensor.from,
                "to": tensor.to,
                "bytes": tensor.n_bytes,
                "error": tensor.error,
                "cosine": tensor.cosine,
            })).collect::<Json>(),
            "checks": checks.iter().map(|check| json!({
                "what": check.what,
                "value": check.value,
                "limit": check.limit,
                "passed": check.passed,
            })).collect::<Json>(),
            "passed": checks.iter().all(|check| check.passed),
        })
    });
    json!({
        "baseline": about.baseline,
        "weight_bytes": about.n_bytes,
        "main_type": baseline.main_type,
        "text": about.text,
        "ctx": about.n_ctx,
        "chunks": baseline.n_windows,
        "models": models.collect::<Json>(),
    })
}

fn table(baseline: &Baseline, all: &All) -> String {
    let head = ["MODEL", "SIZE", "PERPLEXITY", "RATIO", "MEAN KL", "99% KL", "SAME TOP", "LAYERS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let about = &baseline.about;
    let base = all.first().map(|(model, _)| model.divergence.base.perplexity());
    rows.push(vec![
        about.baseline.clone(),
        term::bytes(about.n_bytes),
        base.map_or_else(String::new, |value| pm(value, 4)),
    ]);
    for (model, _) in all {
        let all = &model.divergence;
        let worst = model.layers.iter().map(|layer| layer.error).fold(0.0, f64::max);
        let layers = format!("{:.2} %", 100.0 * worst);
        rows.push(vec![
            model.name.clone(),
            term::bytes(model.n_bytes),
            pm(all.model.perplexity(), 4),
            pm(all.ratio(), 4),
            pm(all.kl(), 5),
            format!("{:.5}", all.kl_percentiles().at(0.99)),
            format!("{:.2} %", 100.0 * all.same_top().value),
            if model.layers.is_empty() { "–".to_owned() } else { layers },
        ]);
    }
    let mut out = human::table("", &rows);
    for (model, checks) in all {
        for check in checks {
            let verdict = if check.passed { "kept" } else { "NOT KEPT" };
            let (name, what) = (term::clean(&model.name), check.what);
            let (value, limit) = (check.value, check.limit);
            out += &format!("{verdict}: {name}, {what} {value:.5} (limit {limit})\n");
        }
    }
    out
}

fn pm(value: Value, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", value.value, value.error)
}
