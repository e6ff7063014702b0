//! Compiles tests once, runs each test program, and counts what it says.
//!
//! `cargo test` would do both, but prints counts only for people and hides what passing tests say.
//! Here one build of the whole workspace (one choice of features, so nothing is compiled twice)
//! lists the test programs; each is then run in its crate's folder with a time limit, and its lines
//! `SKIPPED name: reason` are collected, so that an idle test is never counted as passed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::report::Tally;

/// Longest time one test program may take; the slowest one needs a few minutes on two cores.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// One program that cargo built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Crate, then target: `gguf`, `tests/golden`.
    pub name: String,
    /// Folder of the crate's manifest, where its tests expect to run.
    pub folder: PathBuf,
    pub path: PathBuf,
    pub is_test: bool,
}

/// Builds with `cargo ARGS --message-format=…` and returns the programs that came of it.
///
/// # Errors
/// If anything did not compile; cargo has then shown why.
pub fn build(args: &[&str]) -> Result<Vec<Program>> {
    build_with(args, &[])
}

/// As [`build`], with environment variables for cargo.
pub fn build_with(args: &[&str], envs: &[(&str, &str)]) -> Result<Vec<Program>> {
    let mut command = process::cargo();
    command.args(args).arg("--message-format=json-render-diagnostics");
    command.envs(envs.iter().copied());
    command.stderr(Stdio::inherit());
    let text = process::stdout_of(&mut command)?;
    Ok(text.lines().filter_map(artifact).filter_map(|value| program(&value)).collect())
}

/// Files of the library target `name` that `cargo ARGS` built, for modules without an executable.
pub fn library_files(args: &[&str], envs: &[(&str, String)], name: &str) -> Result<Vec<PathBuf>> {
    let mut command = process::cargo();
    command.args(args).arg("--message-format=json-render-diagnostics");
    command.envs(envs.iter().map(|(key, value)| (key, value)));
    let text = process::stdout_of(&mut command)?;
    let files = text
        .lines()
        .filter_map(artifact)
        .filter(|value| value["target"]["name"] == name)
        .flat_map(|value| value["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from));
    Ok(files.collect())
}

fn artifact(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    (value["reason"] == "compiler-artifact").then_some(value)
}

fn program(value: &Value) -> Option<Program> {
    let path = PathBuf::from(value["executable"].as_str()?);
    let manifest = Path::new(value["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_path_buf();
    let package = folder.file_name()?.to_str()?.to_string();
    let target = value["target"]["name"].as_str()?;
    let is_test = value["profile"]["test"].as_bool()?;
    let is_plain = target == package || target == "ingle";
    let name = if is_plain { package } else { format!("{package}/{target}") };
    Some(Program { name, folder, path, is_test })
}

/// Runs one test program and counts; its output is shown if something failed.
pub fn run(program: &Program, envs: &[(String, PathBuf)]) -> Result<Tally> {
    let mut command = process::program(&program.path);
    command.envs(envs.iter().map(|(key, value)| (key, value)));
    run_as(program, command)
}

/// As [`run`], by a command that starts the program.
pub fn run_as(program: &Program, mut command: Command) -> Result<Tally> {
    let start = Instant::now();
    command.current_dir(&program.folder).arg("--show-output");
    let captured = process::capture(&mut command, LIMIT)
        .with_context(|| format!("running the tests of {}", program.name))?;
    let mut tally = count(&program.name, &captured.text);
    if !captured.success {
        println!("{}", captured.text);
        if tally.failed.is_empty() {
            tally.failed.push(format!("{}: the test program ended early", program.name));
        }
    }
    if tally != Tally::default() {
        let seconds = start.elapsed().as_secs_f64();
        let (failed, skipped) = (tally.failed.len(), tally.skipped.len());
        let Tally { passed, .. } = tally;
        println!(
            "   {:<28} {passed:>4} passed {failed:>3} failed {skipped:>3} skipped {seconds:>7.1} s",
            program.name
        );
    }
    Ok(tally)
}

/// Reads the output of a Rust test program run with `--show-output`.
pub fn count(name: &str, text: &str) -> Tally {
    let mut tally = Tally::default();
    let mut idle_tests = 0;
    let mut idle_here = false;
    for line in text.lines() {
        if line.starts_with("---- ") {
            idle_here = false;
        }
        if let Some(skip) = skip_line(line) {
            tally.skipped.push(format!("{name}: {skip}"));
            idle_tests += usize::from(!idle_here);
            idle_here = true;
        } else if let Some(test) = line.strip_prefix("test ") {
            match test.rsplit_once(" ... ") {
                Some((_, "ok")) => tally.passed += 1,
                Some((test, "FAILED")) => tally.failed.push(format!("{name}: {test}")),
                _ => {}
            }
        }
    }
    tally.passed = tally.passed.saturating_sub(idle_tests);
    tally
}

/// The text behind `SKIPPED `, if the line is one.
pub fn skip_line(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("SKIPPED ")
}

/// The scripts of a folder, by name; without any the folder is not what it was.
pub fn scripts(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let name = process::base_name(folder);
    let entries = fs::read_dir(folder).with_context(|| format!("the folder {name} is missing"))?;
    let mut scripts: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    scripts.sort();
    ensure!(!scripts.is_empty(), "the folder {name} has no script (*.{extension})");
    Ok(scripts)
}

/// Runs a test script that prints one line per case, and shows what it printed.
pub fn run_script(name: &str, command: &mut Command, limit: Duration) -> Result<Tally> {
    let captured = process::capture(command, limit)?;
    print!("{}", captured.text);
    let mut tally = count_lines(name, &captured.text);
    if !captured.success && tally.failed.is_empty() {
        tally.failed.push(format!("{name}: the script ended early"));
    }
    Ok(tally)
}

/// Reads lines of the form `ok NAME`, `FAILED NAME: reason` and `SKIPPED NAME: reason`.
pub fn count_lines(name: &str, text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        if let Some(skip) = skip_line(line) {
            tally.skipped.push(format!("{name}: {skip}"));
        } else if let Some(test) = line.strip_prefix("FAILED ") {
            tally.failed.push(format!("{name}: {test}"));
        } else if line.starts_with("ok ") {
            tally.passed += 1;
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ok

successes:

---- b stdout ----
SKIPPED b: no fixtures
SKIPPED b/2: no fixtures

---- d stdout ----
looked at 3 files

failures:
---- c stdout ----
assertion failed
";

    #[test]
    fn a_test_that_skipped_has_not_passed() {
        let tally = count("x", OUTPUT);
        assert_eq!(tally.passed, 2);
        assert_eq!(tally.failed, ["x: c"]);
        assert_eq!(tally.skipped, ["x: b: no fixtures", "x: b/2: no fixtures"]);
    }

    #[test]
    fn lines_of_a_script() {
        let tally =
            count_lines("web", "ok one\nFAILED two: 3 != 4\n  at x\nSKIPPED three: no GPU\nnoise");
        assert_eq!(tally.passed, 1);
        assert_eq!(tally.failed, ["web: two: 3 != 4"]);
        assert_eq!(tally.skipped, ["web: three: no GPU"]);
    }

    #[test]
    fn artifacts_are_named_by_folder_and_target() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/r/tests/Cargo.toml",
            "target":{"name":"golden"},"profile":{"test":true},"executable":"/t/golden-1"}"#;
        let value = artifact(&line.replace('\n', "")).and_then(|value| program(&value));
        assert_eq!(value.map(|program| program.name), Some("tests/golden".into()));
        assert_eq!(artifact("not json"), None);
    }
}
