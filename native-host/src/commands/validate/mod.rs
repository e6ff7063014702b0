//! `ingle quantize --validate`: is the quantized model still the model it was made from?

mod report;

use std::path::Path;

use engine::Session;
use gguf::Gguf;
use kernels::Plan;
use measure::validate::{self, Check, Compared, Limits, Loaded};
use measure::{Cut, Windows};

use super::bars::Bars;
use super::measured::{self, Progress};
use crate::args::{DEFAULT_CTX, ReportFormat, ValidateArgs};
use crate::client;
use crate::failure::Failure;
use crate::{interrupt, term};
use report::{Baseline, Output};

/// Windows that are read where nobody says how many: minutes with a large model, and enough to tell
/// Q4_K_M from Q4_0.
const DEFAULT_CHUNKS: usize = 8;

pub fn run(args: &ValidateArgs) -> Result<(), Failure> {
    interrupt::listen();
    let output = Output::of(args)?;
    let (text, text_name) = match &args.text.text {
        Some(path) => (measured::text(path)?, measured::text_name(path)),
        None => (validate::TEXT.to_owned(), "ingle's own text".to_owned()),
    };
    let opened = measured::open(&args.baseline)?;
    let cut = Cut {
        n_windows: Some(args.text.chunks.unwrap_or(DEFAULT_CHUNKS)),
        parse_special: args.text.parse_special,
        ..Cut::new(args.load.ctx.unwrap_or(DEFAULT_CTX))
    };
    let windows = Windows::new(&opened.tokenizer, &text, cut)?;
    let load = measured::on_cpu_unless_asked(&args.load);
    let judged: Vec<&Path> =
        [Some(&args.quantized), args.diff.as_ref()].into_iter().flatten().map(|p| &**p).collect();
    let mut tensors = Vec::new();
    let mut others = Vec::new();
    for path in &judged {
        let other = measured::open(path)?;
        windows.check_tokens(&other.tokenizer, &text)?;
        tensors.push(match args.no_weights {
            true => Vec::new(),
            false => weights(&opened.gguf, &other.gguf, path)?,
        });
        others.push(other);
    }
    drop(text);
    let baseline = Baseline::of(&args.baseline, &opened, &windows, text_name);
    let (mut base, base_plan) = measured::load(opened, &load, windows.n_ctx())?;
    let limits = Limits { kl: args.threshold, ratio: args.max_ratio, same_top: args.min_same_top };
    let mut all: Vec<(Compared, Vec<Check>)> = Vec::new();
    for ((path, other), tensors) in judged.iter().zip(others).zip(tensors) {
        let (mut session, plan) = measured::load(other, &load, windows.n_ctx())?;
        let compared = compare((&mut base, &base_plan), (&mut session, &plan), &windows)?;
        let compared = Compared { name: measured::text_name(path), tensors, ..compared };
        let checks = limits.check(&compared);
        all.push((compared, checks));
    }
    output.give(&baseline, &all)?;
    verdict(&all)
}

fn compare(
    (base, base_plan): (&mut Session, &Plan),
    (session, plan): (&mut Session, &Plan),
    windows: &Windows,
) -> Result<Compared, Failure> {
    let mut progress = Progress::new("comparing", false);
    let baseline = Loaded { session: base, plan: base_plan };
    let quantized = Loaded { session, plan };
    let work = validate::validate(baseline, quantized, windows, &mut progress);
    let compared = pollster::block_on(work)?;
    progress.finish()?;
    Ok(compared)
}

fn weights(base: &Gguf, other: &Gguf, path: &Path) -> Result<Vec<validate::TensorError>, Failure> {
    let mut bars = Bars::new();
    let mut work = validate::Weights::new(base, other);
    while let Some((done, total)) = work.step()? {
        bars.update(&client::Progress {
            status: format!("comparing weights of {}", path.display()),
            digest: Some(path.display().to_string()),
            total: Some(total),
            completed: Some(done),
            retry: None,
        });
        if interrupt::pending() {
            return Err(measure::Error::Cancelled.into());
        }
    }
    Ok(work.finish())
}

/// An error for limits that were not kept.
fn verdict(all: &[(Compared, Vec<Check>)]) -> Result<(), Failure> {
    let broken = all.iter().flat_map(|(compared, checks)| {
        let broken = checks.iter().filter(|check| !check.passed);
        broken.map(move |check| {
            let name = term::clean(&compared.name);
            format!("{name}: {} is {:.5}, the limit is {}", check.what, check.value, check.limit)
        })
    });
    let broken: Vec<String> = broken.collect();
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Failure::Below(broken.join("; "))),
    }
}

/// The format a report is written in.
fn format_of(args: &ValidateArgs) -> Result<ReportFormat, Failure> {
    let ending = args.output.as_ref().and_then(|path| path.extension()?.to_str());
    match (args.format, &args.output, ending) {
        (Some(format), _, _) => Ok(format),
        (None, None, _) => Ok(ReportFormat::Text),
        (None, _, Some("json")) => Ok(ReportFormat::Json),
        (None, _, Some("html" | "htm")) => Ok(ReportFormat::Html),
        (None, _, Some("txt")) => Ok(ReportFormat::Text),
        (None, Some(path), _) => Err(Failure::Usage(format!(
            "{}: what to write is not clear; let the name end in txt, json or html, or give \
             --format",
            path.display()
        ))),
    }
}
