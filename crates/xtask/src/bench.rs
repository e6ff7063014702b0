//! `cargo xtask bench`: speed, measured in pairs.
//!
//! A single number says little on a machine that does other things too. Each round runs ours and
//! every peer right after each other (who goes first changes), and what is reported is the median
//! of the rounds' ratios with their spread. The memory is timed between the runs: where it was much
//! faster beside one run than beside the other, the pair compares two different machines and is
//! left out. All programs read the same file and decode at the same depth, behind the prompt.
//!
//! Without a peer the same is measured as often, alone.

mod calibrate;
mod http;
mod machine;
mod numbers;
mod quantize;
mod record;
mod rounds;
mod runner;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use record::{Record, Row};
use runner::Runner;

#[derive(clap::Args)]
pub struct Args {
    /// Model files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Also measure the peers that are installed: the script INGLE_PEER natively, wllama in a
    /// browser.
    #[arg(long)]
    peers: bool,
    /// Measure the engine package in Chromium, on the processor, and the native program as a peer.
    #[arg(long)]
    browser: bool,
    /// Also measure the same through `ingle serve`: what the HTTP path costs.
    #[arg(long, conflicts_with_all = ["browser", "peers"])]
    serve: bool,
    /// Measure `ingle quantize` to this type instead of reading and writing text.
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["browser", "serve"])]
    quantize: Option<String>,
    /// Tokens of the prompt; decoding starts behind them.
    #[arg(short, long, default_value_t = 128, value_parser = at_least(1))]
    prompt: u32,
    /// Tokens decoded one by one.
    #[arg(short = 'n', long, default_value_t = 32, value_parser = at_least(2))]
    n_tokens: u32,
    /// Threads of every program.
    #[arg(short, long, default_value_t = 2, value_parser = at_least(1))]
    threads: u32,
    /// Player of `ingle`: cpu, gpu or reference.
    #[arg(long, default_value = "cpu", conflicts_with = "browser")]
    device: String,
    /// How often all are measured, in turns.
    #[arg(long, default_value_t = 5, value_parser = at_least(1))]
    pairs: u32,
    /// Timed runs of each program per pair; their median counts.
    #[arg(long, default_value_t = 1, value_parser = at_least(1))]
    reps: u32,
    /// Add the pairs to what the result file has for the same settings, instead of replacing it.
    #[arg(long)]
    append: bool,
    /// Take the browser package as it was built last.
    #[arg(long, requires = "browser")]
    built: bool,
    /// Print only; keep no result file.
    #[arg(long)]
    dry: bool,
}

/// Numbers from here on.
fn at_least(n: i64) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(n..)
}

/// Measures every file; each is a row of the day's result file.
pub fn run(args: &Args) -> Result<()> {
    if let Some(file_type) = &args.quantize {
        return quantize::run(args, file_type);
    }
    let runners = runner::find(args)?;
    let mut record = Record::open(&record_name(&runners), machine::describe())?;
    for file in &args.files {
        let file = file.canonicalize().with_context(|| format!("no file {}", file.display()))?;
        let earlier = args.append.then(|| record.row(&settings(args, &file))).flatten();
        let row = measure(args, &runners, &file, earlier)?;
        row.print();
        record.put(row);
        if !args.dry {
            println!("   written to {}", record.write()?);
        }
    }
    Ok(())
}

/// "2026-01-31-llama.cpp": the first peer, or what was measured alone.
fn record_name(runners: &[Runner]) -> String {
    let name = runners.get(1).or(runners.first()).map_or("ingle", |runner| runner.name());
    let name = name.replace([' ', '/'], "-");
    format!("{}-{name}", machine::date())
}

/// What tells one row from another, and how to measure it again.
fn settings(args: &Args, file: &Path) -> String {
    let peers = match (args.peers, args.serve) {
        (true, _) => " --peers",
        (_, true) => " --serve",
        _ => "",
    };
    let place = match args.browser {
        true => " --browser".to_string(),
        false => format!(" --device {}", args.device),
    };
    format!(
        "cargo xtask bench {}{peers}{place} -p {} -n {} -t {} --reps {}",
        process::base_name(file),
        args.prompt,
        args.n_tokens,
        args.threads,
        args.reps
    )
}

fn measure(args: &Args, runners: &[Runner], file: &Path, earlier: Option<Row>) -> Result<Row> {
    let fresh = Row::new(process::base_name(file), runners);
    // Pairs of other versions are not more of the same.
    let mut row = earlier.filter(|row| row.engines == fresh.engines).unwrap_or(fresh);
    row.command = settings(args, file);
    println!("== {}", row.command);
    let sizes = runner::Sizes::of(args);
    for _ in 0..args.pairs {
        let round = rounds::round(runners, row.rounds.len(), args.threads, |runner| {
            runner.measure(&sizes, file)
        })?;
        println!("   {}", round.line(runners));
        row.rounds.push(round);
    }
    Ok(row)
}
