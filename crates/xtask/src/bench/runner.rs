//! Who is measured: the native program, the engine package in Chromium, and peers.
//!
//! Each is a program of its own that loads the file, warms up, measures and ends, so that none
//! finds the memory or the threads of another.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Args, http};
use crate::process::{self, program};
use crate::web::{self, Form};
use crate::{harness, setup};

/// Where `npm install --prefix` puts the browser peer, from the repository's root.
const WLLAMA: &str = "target/peers/node_modules/@wllama/wllama";
const WLLAMA_INSTALL: &str = "npm install --prefix target/peers @wllama/wllama@3.8.1";

/// What measures the browser engines, from the repository's root.
const BROWSER_SCRIPT: &str = "tests/bench/browser.mjs";

/// Tokens per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub prefill: f64,
    pub decode: f64,
}

/// What every program is asked to do.
pub struct Sizes {
    prompt: String,
    n_tokens: String,
    threads: String,
    reps: String,
    device: String,
}

impl Sizes {
    pub fn of(args: &Args) -> Sizes {
        Sizes {
            prompt: args.prompt.to_string(),
            n_tokens: args.n_tokens.to_string(),
            threads: args.threads.to_string(),
            reps: args.reps.to_string(),
            device: args.device.clone(),
        }
    }
}

/// One program that can be measured.
pub enum Runner {
    /// `ingle`, built in release form.
    Native { ingle: PathBuf },
    /// The same program as a server.
    Http { ingle: PathBuf },
    /// llama.cpp behind a script; see the README, "Benchmarks".
    Script { script: PathBuf },
    /// The engine package in Chromium.
    Page,
    /// wllama in Chromium.
    Wllama { folder: PathBuf },
}

/// Ours first, then the peers that are here; those that are not are named.
pub fn find(args: &Args) -> Result<Vec<Runner>> {
    let built = harness::build(&["build", "--release", "-p", "native-host"])?;
    let ingle = built.first().context("cargo built no native program")?.path.clone();
    if !args.browser {
        let mut runners = vec![Runner::Native { ingle: ingle.clone() }];
        if args.serve {
            runners.push(Runner::Http { ingle });
        }
        match env::var_os("INGLE_PEER") {
            Some(script) if args.peers => runners.push(Runner::Script { script: script.into() }),
            None if args.peers => println!(
                "SKIPPED llama.cpp: pip install llama-cpp-python, and name a script in INGLE_PEER \
                 that answers `bench` (README, benchmarks)"
            ),
            _ => {}
        }
        return Ok(runners);
    }
    setup::chromium().context("no Chromium was found; CHROMIUM=path names one")?;
    if !args.built {
        web::build(Form::Release, None)?;
    }
    let mut runners = vec![Runner::Page];
    let folder = process::root().join(WLLAMA);
    if args.peers && folder.is_dir() {
        runners.push(Runner::Wllama { folder });
    } else if args.peers {
        println!("SKIPPED wllama: {WLLAMA_INSTALL}");
    }
    runners.push(Runner::Native { ingle });
    Ok(runners)
}

impl Runner {
    pub fn name(&self) -> &'static str {
        match self {
            Runner::Native { .. } => "ingle",
            Runner::Http { .. } => "http",
            Runner::Script { .. } => "llama.cpp",
            Runner::Page => "ingle in Chromium",
            Runner::Wllama { .. } => "wllama",
        }
    }

    /// For the result file: a version if the program has one, else which commit it was built from.
    pub fn version(&self) -> String {
        let words = match self {
            Runner::Native { .. } | Runner::Http { .. } | Runner::Page => {
                process::stdout_of(program("git").args(["rev-parse", "--short", "HEAD"]))
            }
            Runner::Script { .. } => {
                let ask = "from importlib.metadata import version; \
                    print('llama-cpp-python', version('llama-cpp-python'))";
                process::stdout_of(program(python()).args(["-c", ask]))
            }
            Runner::Wllama { folder } => std::fs::read_to_string(folder.join("package.json"))
                .map_err(anyhow::Error::from)
                .and_then(|text| Ok(serde_json::from_str::<Value>(&text)?))
                .map(|package| package["version"].as_str().unwrap_or_default().to_string()),
        };
        words.map_or_else(|_| "unknown".to_string(), |words| words.trim().to_string())
    }

    /// One measurement.
    pub fn measure(&self, sizes: &Sizes, file: &Path) -> Result<Rates> {
        let Sizes { prompt, n_tokens, threads, reps, device } = sizes;
        let mut command = match self {
            Runner::Native { ingle } => {
                // Two calls: a depth is meant for every test of a call, and only decoding has one.
                let run = |test: [&str; 6]| {
                    let mut command = program(ingle);
                    command.arg("bench").arg(file).args([
                        "--no-peaks",
                        "--format",
                        "json",
                        "-r",
                        reps,
                    ]);
                    command.args(["-t", threads, "--device", device]).args(test);
                    printed(&mut command, tests_of)
                };
                let prefill = run(["-p", prompt, "-n", "0", "-d", "0"])?;
                let decode = run(["-p", "0", "-n", n_tokens, "-d", prompt])?;
                return Ok(Rates { prefill, decode });
            }
            Runner::Http { ingle } => {
                let number = |text: &String| text.parse::<usize>();
                let sizes = http::Sizes {
                    prompt: number(prompt)?,
                    n_tokens: number(n_tokens)?,
                    threads: number(threads)?,
                    reps: number(reps)?,
                };
                return http::measure(ingle, device, &sizes, file);
            }
            Runner::Script { script } => {
                let mut command = program(python());
                command.arg(script).arg("bench").arg(file);
                command
            }
            Runner::Page => node("ingle", file),
            Runner::Wllama { folder } => {
                let mut command = node("wllama", file);
                command.arg("--wllama").arg(folder);
                command
            }
        };
        command.args(["-p", prompt, "-n", n_tokens, "--threads", threads, "--reps", reps]);
        printed(&mut command, rates_of)
    }
}

fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

fn node(engine: &str, file: &Path) -> Command {
    let mut command = program("node");
    command.arg(BROWSER_SCRIPT).arg(engine).arg(file);
    if let Some(chromium) = setup::chromium() {
        command.env("CHROMIUM", chromium);
    }
    command
}

/// Runs the command and reads what it printed; what it says besides (llama.cpp says a lot) is
/// shown only if that failed.
fn printed<T>(command: &mut Command, read: fn(&str) -> Option<T>) -> Result<T> {
    let name = process::shown(command);
    let output = command.output().with_context(|| format!("cannot start `{name}`"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("`{name}` ended with {} and no rates:\n{text}{said}", output.status)
    })
}

/// `ingle bench` prints a list of tests; here it was asked for one.
fn tests_of(text: &str) -> Option<f64> {
    let tests: Value = serde_json::from_str(text.trim()).ok()?;
    tests.get(0)?.get("median_ts")?.as_f64()
}

/// The scripts print one object, on the last line.
fn rates_of(text: &str) -> Option<Rates> {
    let value: Value = serde_json::from_str(text.trim().lines().last()?).ok()?;
    let rate = |name: &str| value.get(name)?.as_f64();
    Some(Rates { prefill: rate("prefill_tok_s")?, decode: rate("decode_tok_s")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_json() {
        let line = "loading\n{\"prefill_tok_s\": 10.0, \"decode_tok_s\": 2.5}\n";
        assert_eq!(rates_of(line), Some(Rates { prefill: 10.0, decode: 2.5 }));
        assert_eq!(rates_of("{}"), None);
        assert_eq!(rates_of(""), None);
        assert_eq!(tests_of(r#"[{"test": "pp8", "median_ts": 10.5}]"#), Some(10.5));
        assert_eq!(tests_of("[]"), None);
    }
}
