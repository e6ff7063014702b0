//! `ingle imatrix`: which weights matter, measured on a text, kept, combined and looked at.

mod statistics;

use std::path::Path;

use gguf::WriteError;
use measure::{Collected, Cut, ImportanceSettings, Windows};
use quantize::ImatrixSums;
use serde_json::json;

use super::measured::{self, Progress};
use super::print_json;
use super::quantize::part::PartFile;
use crate::args::{DEFAULT_CTX, Device, Format, ImatrixArgs, ImatrixFormat, LoadArgs};
use crate::failure::Failure;
use crate::{interrupt, source, term};

pub fn run(args: &ImatrixArgs) -> Result<(), Failure> {
    interrupt::listen();
    let n_ctx = args.load.ctx.unwrap_or(DEFAULT_CTX);
    let mut before = ImatrixSums::default();
    for file in &args.in_file {
        before.add(&read(file, n_ctx)?)?;
    }
    let Some(output) = &args.output else { return statistics::show(&before, args.format) };
    match (&args.model, &args.text.text) {
        (Some(model), Some(text)) => measure(args, model, text, output, before),
        (None, None) if !args.in_file.is_empty() => {
            write(&before, output, args.output_format)?;
            say(&before, None, output, args.format)
        }
        _ => Err(Failure::Usage(
            "there is nothing to measure; give a model and a text with -f, or files to combine \
             with --in-file"
                .to_owned(),
        )),
    }
}

fn measure(
    args: &ImatrixArgs,
    model: &Path,
    text: &Path,
    output: &Path,
    mut before: ImatrixSums,
) -> Result<(), Failure> {
    let n_ctx = args.load.ctx.unwrap_or(DEFAULT_CTX);
    let dataset = measured::text_name(text);
    let mut skip = args.from_chunk;
    if args.resume && output.exists() {
        let own = read(output, n_ctx)?;
        check_same(&own, &dataset, n_ctx, output)?;
        skip = own.n_chunks as usize;
        before.add(&own)?;
        term::note(&format!("going on behind window {skip}"));
    }
    let opened = measured::open(model)?;
    let cut = Cut {
        skip,
        n_windows: args.text.chunks.map(|n| if args.resume { n.saturating_sub(skip) } else { n }),
        parse_special: args.text.parse_special,
        ..Cut::new(n_ctx)
    };
    let windows = Windows::new(&opened.tokenizer, &measured::text(text)?, cut)?;
    // Of a model on two devices nothing can be seen: with --gpu-layers the CPU refuses.
    let device = match args.load.device {
        Device::Auto => Device::Cpu,
        device => device,
    };
    let load = LoadArgs { device, ..args.load.clone() };
    let (mut session, plan) = measured::load(opened, &load, windows.n_ctx())?;
    let settings = ImportanceSettings {
        process_output: args.process_output,
        with_perplexity: !args.no_ppl,
        keep_every: args.save_frequency,
        dataset,
    };
    let mut progress = Progress::new("measuring", args.format == Format::Text);
    let mut failure = None;
    let keep = |sums: &ImatrixSums| {
        let written =
            joined(&before, sums).and_then(|sums| write(&sums, output, args.output_format));
        written.map_err(|error| {
            failure = Some(error);
            measure::Error::Cancelled
        })
    };
    let work = measure::collect(&mut session, &plan, &windows, &settings, &mut progress, keep);
    let collected = pollster::block_on(work).map_err(|error| failure.unwrap_or(error.into()))?;
    progress.finish()?;
    let sums = joined(&before, &collected.sums)?;
    if collected.sums.n_chunks > 0 {
        write(&sums, output, args.output_format)?;
    }
    if collected.is_whole {
        return say(&sums, Some(&collected), output, args.format);
    }
    term::note(&format!(
        "stopped after {} windows, which are kept; --resume goes on",
        sums.n_chunks
    ));
    Err(Failure::Interrupted)
}

/// Refuses to go on with another text or other windows.
fn check_same(own: &ImatrixSums, dataset: &str, n_ctx: usize, path: &Path) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::File { path: path.to_owned(), reason });
    match own.datasets.as_slice() {
        [one] if one == dataset => {}
        all => {
            let all = all.join(", ");
            return refuse(format!(
                "it was measured on \"{all}\" and not on \"{dataset}\" alone; write elsewhere, and \
                 add it with --in-file"
            ));
        }
    }
    match own.chunk_size as usize == n_ctx {
        true => Ok(()),
        false => refuse(format!("it was measured with --ctx {}", own.chunk_size)),
    }
}

fn joined(before: &ImatrixSums, now: &ImatrixSums) -> Result<ImatrixSums, Failure> {
    let mut all = before.clone();
    all.add(now)?;
    Ok(all)
}

fn read(path: &Path, n_ctx: usize) -> Result<ImatrixSums, Failure> {
    let refuse = |reason: String| Failure::File { path: path.to_owned(), reason };
    let file = source::open_regular(path).map_err(refuse)?;
    let n_ctx = u32::try_from(n_ctx).unwrap_or(u32::MAX);
    ImatrixSums::open(Box::new(file), n_ctx).map_err(|error| refuse(error.to_string()))
}

/// All or nothing.
fn write(sums: &ImatrixSums, output: &Path, format: ImatrixFormat) -> Result<(), Failure> {
    // What is not numbers would be refused when it is read.
    sums.means("")?;
    let n_values: usize = sums.entries.values().map(|entry| entry.squares.len()).sum();
    let need = 4 * n_values as u64;
    let part = PartFile::create(output, need)?;
    let out = part.writer()?;
    let written = match format {
        ImatrixFormat::Gguf => sums.write_gguf(out).map(drop),
        ImatrixFormat::Dat => sums.write_legacy(out).map(drop).map_err(WriteError::Io),
    };
    written.map_err(|error| part.explain(error.into(), need))?;
    part.sync()?;
    part.finish()
}

fn say(
    sums: &ImatrixSums,
    collected: Option<&Collected>,
    output: &Path,
    format: Format,
) -> Result<(), Failure> {
    let estimate = collected.map(|collected| collected.estimate).filter(|e| e.n() > 0);
    let name = output.to_string_lossy();
    if format == Format::Json {
        let perplexity = estimate.map(|estimate| estimate.perplexity());
        return print_json(&json!({
            "file": name,
            "entries": sums.entries.len(),
            "chunks": sums.n_chunks,
            "chunk_size": sums.chunk_size,
            "datasets": sums.datasets,
            "perplexity": perplexity.map(super::perplexity::value),
        }));
    }
    if let Some(estimate) = estimate {
        let value = estimate.perplexity();
        term::line(&format!("Final estimate: PPL = {:.4} +/- {:.5}", value.value, value.error))?;
    }
    term::line(&format!(
        "{}  {} tensors, {} windows of {} tokens",
        term::clean(&name),
        sums.entries.len(),
        sums.n_chunks,
        sums.chunk_size
    ))
}
