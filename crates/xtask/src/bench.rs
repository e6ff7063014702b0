//! `cargo xtask bench`: speed, measured in pairs.
//!
//! A single number says little on a machine that does other things too. Each pair runs `ingle` and
//! the peer right after each other (in turns: who goes first changes), and what is reported is the
//! median of the pairs' ratios with their spread, beside the medians of both. Without a peer the
//! same file is measured as often, alone.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness;
use crate::process::{self, program};

/// Where results are kept, to be committed with the change they belong to.
const RESULTS: &str = "tests/bench/results";

#[derive(clap::Args)]
pub struct Args {
    /// Model files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Tokens of the prompt.
    #[arg(short, long, default_value_t = 128)]
    prompt: usize,
    /// Tokens decoded one by one.
    #[arg(short = 'n', long, default_value_t = 24)]
    n_tokens: usize,
    /// Threads of both programs.
    #[arg(short, long, default_value_t = 2)]
    threads: usize,
    /// Player of `ingle`: cpu, gpu or reference.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// How often both are measured.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Print only; keep no result file.
    #[arg(long)]
    dry: bool,
}

/// Tokens per second of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rates {
    prefill: f64,
    decode: f64,
}

/// Measures every file and writes one result each.
pub fn run(args: &Args) -> Result<()> {
    let built = harness::build(&["build", "--release", "-p", "native-host"])?;
    let ingle = built.first().context("cargo built no native program")?;
    let peer = env::var_os("INGLE_PEER").map(PathBuf::from);
    if peer.is_none() {
        println!("no peer: INGLE_PEER names no script (see README, benchmarks)");
    }
    for file in &args.files {
        let file = file.canonicalize().with_context(|| format!("no file {}", file.display()))?;
        let result = measure(args, &ingle.path, peer.as_deref(), &file)?;
        println!("{result:#}");
        if !args.dry {
            keep(&result, &file)?;
        }
    }
    Ok(())
}

fn measure(args: &Args, ingle: &Path, peer: Option<&Path>, file: &Path) -> Result<Value> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..args.pairs.max(1) {
        // Whoever runs second finds the file in the cache and the processor warm: take turns.
        let is_ours_first = pair % 2 == 0;
        if is_ours_first {
            ours.push(rates(&mut our_command(args, ingle, file))?);
        }
        if let Some(script) = peer {
            theirs.push(rates(&mut peer_command(args, script, file))?);
        }
        if !is_ours_first {
            ours.push(rates(&mut our_command(args, ingle, file))?);
        }
        println!("   pair {}: ingle {:?}, peer {:?}", pair + 1, ours.last(), theirs.last());
    }
    let ratios = |pick: fn(&Rates) -> f64| -> Vec<f64> {
        ours.iter().zip(&theirs).map(|(our, their)| pick(our) / pick(their)).collect()
    };
    Ok(json!({
        "date": date(),
        "machine": machine(),
        "model": file_name(file),
        "command": format!(
            "cargo xtask bench {} -p {} -n {} -t {} --device {} --pairs {}",
            file_name(file), args.prompt, args.n_tokens, args.threads, args.device, args.pairs
        ),
        "ingle": summary(&ours),
        "peer": peer.map(|script| json!({
            "script": file_name(script),
            "rates": summary(&theirs),
            "prefill_ratio": spread(ratios(|rates| rates.prefill)),
            "decode_ratio": spread(ratios(|rates| rates.decode)),
        })),
    }))
}

fn our_command(args: &Args, ingle: &Path, file: &Path) -> Command {
    let mut command = program(ingle);
    command.arg("bench").arg(file).args(["-r", "1", "--format", "json"]);
    command.args(["--device", &args.device, "-t", &args.threads.to_string()]);
    command.args(["-p", &args.prompt.to_string(), "-n", &args.n_tokens.to_string()]);
    command
}

/// The peer's script takes the same sizes and prints one JSON object with the same two rates.
fn peer_command(args: &Args, script: &Path, file: &Path) -> Command {
    let mut command = program(if cfg!(windows) { "python" } else { "python3" });
    command.arg(script).arg("bench").arg(file).args(["--reps", "1"]);
    command.args(["--threads", &args.threads.to_string()]);
    command.args(["-p", &args.prompt.to_string(), "-n", &args.n_tokens.to_string()]);
    command
}

fn rates(command: &mut Command) -> Result<Rates> {
    let text = process::stdout_of(command)?;
    read_rates(&text)
        .with_context(|| format!("`{}` printed no rates but:\n{text}", process::shown(command)))
}

/// `ingle` prints a list of tests (as llama-bench does), the peer's script one object.
fn read_rates(text: &str) -> Option<Rates> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let Some(tests) = value.as_array() else {
        let rate = |name: &str| value.get(name)?.as_f64();
        return Some(Rates { prefill: rate("prefill_tok_s")?, decode: rate("decode_tok_s")? });
    };
    let rate = |unused: &str| {
        let test = tests.iter().find(|test| test[unused] == 0)?;
        test["avg_ts"].as_f64()
    };
    Some(Rates { prefill: rate("n_gen")?, decode: rate("n_prompt")? })
}

fn summary(rates: &[Rates]) -> Value {
    json!({
        "prefill_tok_s": spread(rates.iter().map(|rates| rates.prefill).collect()),
        "decode_tok_s": spread(rates.iter().map(|rates| rates.decode).collect()),
    })
}

/// Median, smallest and largest, with three digits behind the point.
fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let short = |value: f64| (value * 1000.0).round() / 1000.0;
    let half = values.len() / 2;
    let median = match values.as_slice() {
        [] => return Value::Null,
        values if values.len() % 2 == 0 => (values[half - 1] + values[half]) / 2.0,
        values => values[half],
    };
    let (min, max) = (values[0], values[values.len() - 1]);
    json!({ "median": short(median), "min": short(min), "max": short(max), "n": values.len() })
}

fn keep(result: &Value, file: &Path) -> Result<()> {
    let folder = process::root().join(RESULTS);
    fs::create_dir_all(&folder)?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let path = folder.join(format!("{}-{stem}.json", date()));
    fs::write(&path, format!("{result:#}\n"))?;
    println!("written to {RESULTS}/{}", file_name(&path));
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What the numbers belong to: processor, cores, system. No names of machines or people.
fn machine() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "cpu": cpu_name().unwrap_or_else(|| "unknown".into()),
        "cores": cores,
        "os": env::consts::OS,
        "arch": env::consts::ARCH,
    })
}

fn cpu_name() -> Option<String> {
    if cfg!(target_os = "macos") {
        let name = process::stdout_of(program("sysctl").args(["-n", "machdep.cpu.brand_string"]));
        return Some(name.ok()?.trim().to_string());
    }
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// Today in UTC, as `2026-01-31`.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    civil(seconds / 86_400)
}

/// The calendar day that is `days` after 1970-01-01 (Hinnant's algorithm for the Gregorian
/// calendar: years begin in March, so that the leap day is the last one).
fn civil(days: u64) -> String {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        let table = [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_818, "2026-12-31")];
        for (days, wanted) in table {
            assert_eq!(civil(days), wanted);
        }
    }

    #[test]
    fn spreads() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0])["median"], 2.0);
        assert_eq!(spread(vec![1.0, 2.0])["median"], 1.5);
        assert_eq!(spread(vec![]), Value::Null);
    }

    #[test]
    fn rates_are_read_from_json() {
        let flat = r#"{"prefill_tok_s": 10.0, "decode_tok_s": 2.5}"#;
        assert_eq!(read_rates(flat), Some(Rates { prefill: 10.0, decode: 2.5 }));
        let list = r#"[{"n_prompt": 8, "n_gen": 0, "avg_ts": 10.0},
            {"n_prompt": 0, "n_gen": 4, "avg_ts": 2.5}]"#;
        assert_eq!(read_rates(list), read_rates(flat));
        assert_eq!(read_rates("{}"), None);
    }
}
