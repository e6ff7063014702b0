//! `cargo xtask bench --quantize TYPE`: how long a smaller file takes, beside llama.cpp.
//!
//! In turns, as for speed: both read the file from the system's cache and write to the same folder.
//! Ours counts the second look at the written file too. The peer is the script of INGLE_PEER, which
//! answers `quant IN OUT TYPE` with its seconds; it uses the threads it was written for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::numbers::Spread;
use super::{Args, machine};
use crate::harness;
use crate::process::{self, program};

/// Where results are kept.
const RESULTS: &str = "tests/bench/results";

/// One file made by each.
struct Pair {
    ours: f64,
    peak_bytes: u64,
    peer: Option<f64>,
    /// The files are the same, where there are two.
    equal: Option<bool>,
}

/// Measures every file of the command line; each is a row of the day's result file.
pub fn run(args: &Args, file_type: &str) -> Result<()> {
    let built = harness::build(&["build", "--release", "-p", "native-host"])?;
    let ingle = built.first().context("cargo built no native program")?.path.clone();
    let peer = env::var_os("INGLE_PEER").filter(|_| args.peers).map(PathBuf::from);
    if args.peers && peer.is_none() {
        println!("SKIPPED llama.cpp: name a script in INGLE_PEER that answers `quant`");
    }
    let folder = env::temp_dir().join(format!("ingle-quantize-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let rows: Result<Vec<Value>> = args
        .files
        .iter()
        .map(|file| row(args, file_type, &ingle, peer.as_deref(), file, &folder))
        .collect();
    fs::remove_dir_all(&folder)?;
    let text: Vec<String> = rows?.iter().map(Value::to_string).collect();
    if !args.dry {
        let name = format!("{RESULTS}/{}-quantize.json", machine::date());
        let all = format!(
            "{{\"machine\":{},\n\"rows\":[\n{}\n]}}\n",
            machine::describe(),
            text.join(",\n")
        );
        fs::write(process::root().join(&name), all)?;
        println!("   written to {name}");
    }
    Ok(())
}

fn row(
    args: &Args,
    file_type: &str,
    ingle: &Path,
    peer: Option<&Path>,
    file: &Path,
    folder: &Path,
) -> Result<Value> {
    let (model, threads) = (process::base_name(file), args.threads);
    let peers = if peer.is_some() { " --peers" } else { "" };
    let command = format!("cargo xtask bench {model} --quantize {file_type}{peers} -t {threads}");
    println!("== {command}");
    let mut pairs = Vec::new();
    for i in 0..args.pairs {
        let (a, b) = (folder.join("ours.gguf"), folder.join("peer.gguf"));
        let theirs = || peer.map(|script| peer_time(script, file, &b, file_type)).transpose();
        // Who goes first changes.
        let first = if i % 2 == 1 { theirs()? } else { None };
        let (ours, peak_bytes) = our_time(ingle, file, &a, file_type, threads)?;
        let peer = if i % 2 == 1 { first } else { theirs()? };
        let equal = peer.map(|_| Ok::<_, anyhow::Error>(fs::read(&a)? == fs::read(&b)?));
        let pair = Pair { ours, peak_bytes, peer, equal: equal.transpose()? };
        println!("   {}", pair.line());
        pairs.push(pair);
    }
    let spread = |pick: &dyn Fn(&Pair) -> Option<f64>| {
        Spread::of(pairs.iter().filter_map(pick).collect()).map(|spread| spread.json())
    };
    Ok(json!({
        "command": command,
        "model": model,
        "seconds": spread(&|pair| Some(pair.ours)),
        "peer_seconds": spread(&|pair| pair.peer),
        "part_of_peers_time": spread(&|pair| Some(pair.ours / pair.peer?)),
        "peak_memory_bytes": pairs.iter().map(|pair| pair.peak_bytes).max(),
        "files_equal": pairs.iter().filter_map(|pair| pair.equal).reduce(|a, b| a && b),
    }))
}

impl Pair {
    fn line(&self) -> String {
        let Pair { ours, peak_bytes, peer, equal } = self;
        let ours = format!("{ours:.1} s, {} MB at most", peak_bytes / 1_000_000);
        match peer {
            Some(peer) => format!(
                "{ours}; llama.cpp {peer:.1} s, ours is {:.2} of that; the same file: {}",
                self.ours / peer,
                equal.unwrap_or(false)
            ),
            None => ours,
        }
    }
}

fn our_time(ingle: &Path, file: &Path, out: &Path, ty: &str, threads: u32) -> Result<(f64, u64)> {
    let mut command = program(ingle);
    command.arg("quantize").arg(file).arg(out).args([ty, "--force", "--format", "json", "-t"]);
    let text = process::stdout_of(command.arg(threads.to_string()))?;
    let value: Value = serde_json::from_str(text.trim())?;
    let seconds = value["seconds"].as_f64().context("ingle said no time")?;
    Ok((seconds, value["peak_memory_bytes"].as_u64().unwrap_or(0)))
}

fn peer_time(script: &Path, file: &Path, out: &Path, ty: &str) -> Result<f64> {
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut command = program(python);
    let text = process::stdout_of(command.arg(script).arg("quant").arg(file).arg(out).arg(ty))?;
    ensure!(out.is_file(), "the peer wrote no file: {text}");
    let seconds = text.split_whitespace().last().and_then(|word| word.parse().ok());
    seconds.with_context(|| format!("the peer said no time: {text}"))
}
