//! `ingle quantize --analyze`, with budgets, and `ingle cache`. The numbers are checked in
//! `tests/measure`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quant::TensorType;
use serde_json::Value;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::exits::code_of;
use crate::program::{Run, ingle_env, program};

/// A small F16 model whose rows are whole K blocks, and a folder for caches.
struct Lab {
    scratch: Scratch,
    model: PathBuf,
}

impl Lab {
    fn new() -> Lab {
        let scratch = Scratch::new();
        let spec = Spec::quantized("llama", TensorType::Q4_K);
        let model = scratch.write("m-F16.gguf", &Spec { ty: TensorType::F16, ..spec }.bytes());
        Lab { scratch, model }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    fn cache(&self) -> PathBuf {
        self.path("caches/ingle/analyses.sqlite")
    }

    /// With its own cache, whatever the system calls that folder.
    fn run(&self, args: &[&str]) -> Run {
        self.run_in("caches", args)
    }

    fn run_in(&self, caches: &str, args: &[&str]) -> Run {
        let folder = self.path(caches);
        let folder = folder.to_str().unwrap();
        let names = ["XDG_CACHE_HOME", "LOCALAPPDATA"].map(|name| (name, folder));
        ingle_env(args, &names, b"")
    }

    fn analyze(&self, more: &[&str]) -> Run {
        let model = self.model.to_str().unwrap();
        self.run(&[&["quantize", model, "--analyze"], &SMALL[..], more].concat())
    }

    fn json(&self, more: &[&str]) -> Value {
        self.analyze(&[more, &["--format", "json"]].concat()).json()
    }
}

const SMALL: [&str; 8] =
    ["-c", "64", "--chunks", "2", "--threads", "2", "--types", "q2_k,q4_k,q8_0"];

/// Without what a second run says otherwise.
fn numbers(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    object.remove("cached");
    value
}

#[test]
fn what_was_measured_is_kept_carried_and_forgotten() {
    let lab = Lab::new();
    let first = lab.json(&[]);
    assert_eq!((&first["cached"], &first["chunks"]), (&false.into(), &2.into()));
    assert_eq!(first["tensors"].as_array().unwrap().len(), 15);
    let second = lab.json(&[]);
    assert_eq!(second["cached"], true);
    assert_eq!(numbers(second), numbers(first.clone()));
    // Another text, another setting, a changed byte of the model are other measurements.
    let text = lab.scratch.write("text.txt", &measure::validate::TEXT.as_bytes()[..9000]);
    assert_eq!(lab.json(&["-f", text.to_str().unwrap()])["cached"], false);
    assert_eq!(lab.json(&["--kl", "none"])["cached"], false);
    let bytes = std::fs::read(&lab.model).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&lab.model, changed).unwrap();
    assert_eq!(lab.json(&[])["cached"], false);
    std::fs::write(&lab.model, bytes).unwrap();
    assert_eq!(lab.json(&["--no-cache"])["cached"], false);
    let listed = lab.run(&["cache", "list", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    assert!(lab.run(&["cache", "list"]).text().contains("m-F16.gguf"));
    // On a machine that has measured nothing.
    let file = lab.path("carried.sqlite");
    let file = file.to_str().unwrap();
    assert!(lab.run(&["cache", "export", file]).text().starts_with("4 analyses"));
    assert_eq!(lab.run(&["cache", "export", file]).not_a_refusal("exists already"), None);
    let import = lab.run_in("elsewhere", &["cache", "import", file]);
    assert_eq!(import.text(), "4 analyses added\n");
    let model = lab.model.to_str().unwrap();
    let analyze = ["quantize", model, "--analyze", "--format", "json"];
    let there = lab.run_in("elsewhere", &[&analyze[..], &SMALL].concat()).json();
    assert_eq!(there["cached"], true);
    assert_eq!(numbers(there), numbers(first));
    assert_eq!(lab.run(&["cache", "clear"]).text(), "4 analyses forgotten\n");
    assert_eq!(lab.json(&["--kl", "none"])["cached"], false);
}

#[test]
fn a_damaged_cache_is_moved_aside_and_a_damaged_entry_measured_again() {
    let lab = Lab::new();
    let quick = ["--kl", "none"];
    assert_eq!(lab.json(&quick)["cached"], false);
    let whole = std::fs::read(lab.cache()).unwrap();
    // Anything in its place, half of it, a page of it overwritten: work goes on, with a sentence.
    let half = whole[..whole.len() / 2].to_vec();
    let mut page = whole.clone();
    page[4096..8192].fill(0xa5);
    for (what, bytes) in
        [("text", b"no database at all".repeat(99)), ("half", half), ("page", page)]
    {
        std::fs::write(lab.cache(), bytes).unwrap();
        let run = lab.analyze(&[&quick[..], &["--format", "json"]].concat());
        assert_eq!(run.json()["cached"], false, "{what}");
        assert!(run.stderr.contains("damaged"), "{what}: {}", run.stderr);
        assert!(lab.path("caches/ingle/analyses.sqlite.damaged").exists(), "{what}");
        assert_eq!(lab.json(&quick)["cached"], true, "{what}");
    }
    // A digit of a result.
    let text = b"\"perplexity\":";
    let mut changed = std::fs::read(lab.cache()).unwrap();
    let at = changed.windows(text.len()).position(|part| part == text).unwrap() + text.len();
    changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
    std::fs::write(lab.cache(), changed).unwrap();
    let run = lab.analyze(&[&quick[..], &["--format", "json"]].concat());
    assert_eq!(run.json()["cached"], false);
    assert!(run.stderr.contains("measured again"), "{}", run.stderr);
    assert_eq!(lab.json(&quick)["cached"], true);
    // What is no file of `export` is refused, and nothing changes.
    let junk = lab.scratch.write("junk.sqlite", &b"junk".repeat(2000));
    let empty = lab.scratch.write("empty.sqlite", b"");
    for file in [&junk, &empty] {
        let import = lab.run(&["cache", "import", file.to_str().unwrap()]);
        assert_eq!(code_of(&import).as_deref(), Ok("file.type"), "{}", import.stderr);
    }
    assert_eq!(lab.json(&quick)["cached"], true);
}

#[test]
fn a_file_within_a_budget_is_written() {
    let lab = Lab::new();
    let out = lab.path("out.gguf");
    let report = lab.path("report.html");
    let (name, page) = (out.to_str().unwrap(), report.to_str().unwrap());
    let model = lab.model.to_str().unwrap();
    let fit = |more: &[&str]| {
        lab.run(&[&["quantize", model, name, "--format", "json"], &SMALL[..], more].concat())
    };
    let made = fit(&["--target-size", "Q4_K_M", "--report", page]).json();
    let first = std::fs::read(&out).unwrap();
    let recipe = &made["recipe"];
    assert_eq!(made["file_bytes"].as_u64().unwrap(), first.len() as u64);
    assert!(recipe["measured"].as_f64().unwrap() > 0.0, "{recipe}");
    let mixes = made["mixes"].as_array().unwrap();
    assert!(recipe["bytes"].as_u64().unwrap() <= 600_000, "{mixes:?} {recipe}");
    let html = std::fs::read_to_string(&report).unwrap();
    for part in ["<svg", "Size against quality", "Error by layer", "blk.1.ffn_down.weight", "←"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("<script") && !html.contains("http"));
    // Again from what was kept: the same bytes. And it is a model.
    assert_eq!(fit(&["--target-size", "Q4_K_M"]).not_a_refusal("exists already"), None);
    let again = fit(&["--target-size", "Q4_K_M", "--force"]).json();
    assert_eq!(again["cached"], true);
    assert_eq!(std::fs::read(&out).unwrap(), first);
    assert_eq!(lab.run(&["show", name]).code, Some(0));
    // A size in bytes, a divergence, no file at all.
    let made = fit(&["--target-size", "450K", "--force"]).json();
    assert!(made["file_bytes"].as_u64().unwrap() <= 450_000, "{made}");
    let made = fit(&["--max-kl", "0.05", "--force"]).json();
    assert!(made["recipe"]["measured"].as_f64().unwrap() <= 0.05, "{made}");
    let before = std::fs::read(&out).unwrap();
    let dry = fit(&["--max-kl", "0.5", "--dry-run"]).json();
    assert_eq!((&dry["file"], std::fs::read(&out).unwrap()), (&Value::Null, before));
    let text = lab.analyze(&["--target-size", "450K"]);
    assert!(text.text().contains("chosen"), "{}", text.text());
    assert!(lab.path("m-Q4_K_M-fit.gguf").exists() || lab.path("m-Q2_K-fit.gguf").exists());
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let lab = Lab::new();
    let model = lab.model.to_str().unwrap();
    let quantized =
        lab.scratch.write("q.gguf", &Spec::quantized("llama", TensorType::Q4_K).bytes());
    let quantized = quantized.to_str().unwrap();
    let out = lab.path("out.gguf");
    let name = out.to_str().unwrap();
    for (about, args) in [
        ("too few", vec![model, name, "--target-size", "1K"]),
        ("cannot be kept to", vec![model, name, "--max-kl", "0.0000001"]),
        ("leave out --kl none", vec![model, name, "--max-kl", "0.1", "--kl", "none"]),
        ("allow it with", vec![quantized, name, "--target-size", "Q4_K_M"]),
        ("the model itself", vec![model, model, "--target-size", "Q4_K_M"]),
        ("with --chunks", vec![model, "--analyze", "--max-memory", "1K"]),
        ("no such file", vec![model, "--analyze", "-f", "/nowhere.txt"]),
        ("number with M or G", vec![model, "--target-size", "horse"]),
    ] {
        let run = lab.run(&[&["quantize"], &args[..], &SMALL].concat());
        // What was measured is kept; a line about that may come first.
        let said = run.stderr.lines().last().unwrap_or_default();
        assert!(code_of(&run).is_ok() && said.contains(about), "{args:?}: {}", run.stderr);
        assert!(!out.exists(), "{args:?}");
    }
}

/// Whether findings of an analysis that is not whole are kept. The program's own list says nothing
/// of them, so its file is read as the text they are in; while there is a journal they may yet be
/// taken back.
fn has_findings(lab: &Lab) -> bool {
    let bytes = std::fs::read(lab.cache()).unwrap_or_default();
    let name = b"ffn_down.weight";
    let is_there = bytes.windows(name.len()).any(|part| part == name);
    is_there && !lab.cache().with_extension("sqlite-journal").exists()
}

#[test]
fn a_killed_analysis_leaves_no_file_and_the_next_goes_on() {
    let lab = Lab::new();
    let out = lab.path("out.gguf");
    let (model, name) = (lab.model.to_str().unwrap(), out.to_str().unwrap());
    let folder = lab.path("caches");
    let types = ["--kl", "each", "--threads", "2", "-c", "64", "--chunks", "12"];
    let types = [&types[..], &["--types", "q2_k,q4_k,q8_0"]].concat();
    let args = [&["quantize", model, name, "--target-size", "Q4_K_M"], &types[..]].concat();
    let json = [&args[..], &["--force", "--format", "json"]].concat();
    let mut child = Command::new(program())
        .args(&args)
        .envs([("XDG_CACHE_HOME", &folder), ("LOCALAPPDATA", &folder)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    // When it has kept something.
    while !has_findings(&lab) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(start.elapsed() < Duration::from_secs(120), "nothing is kept");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!out.exists());
    let listed = lab.run(&["cache", "list", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 0, "{listed}");
    let mut found: Vec<PathBuf> = std::fs::read_dir(lab.scratch.folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    assert_eq!(found, [folder, lab.model.clone()]);
    // The next goes on and finds what one that nobody stopped finds, to the byte.
    let run = lab.run(&json);
    let (done, total) = said(&run.stderr).expect(&run.stderr);
    println!("{done} of {total} were measured before");
    assert!(done > 0 && done < total);
    let bytes = std::fs::read(&out).unwrap();
    let undisturbed = lab.run_in("elsewhere", &json);
    assert_eq!(said(&undisturbed.stderr), None);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    assert_eq!(without_time(run.json()), without_time(undisturbed.json()));
    // What is whole is kept as that, and nothing else.
    assert_eq!(lab.run(&json).json()["cached"], true);
}

/// The numbers of "12 of 90 measured before".
fn said(stderr: &str) -> Option<(usize, usize)> {
    let line = stderr.lines().find(|line| line.contains(" measured before"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let of = words.iter().position(|word| *word == "of")?;
    Some((words.get(of - 1)?.parse().ok()?, words.get(of + 1)?.parse().ok()?))
}

fn without_time(mut value: Value) -> Value {
    value.as_object_mut().unwrap().remove("seconds");
    value
}
