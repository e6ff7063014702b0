//! What an answer of `ingle run` is made of: its prompt, its end, and who reads it.

use std::process::{Command, Stdio};

use serde_json::Value;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::program::{ingle, ingle_with, program};

fn model(spec: &Spec) -> (Scratch, String) {
    let scratch = Scratch::new();
    let path = scratch.write("model.gguf", &spec.bytes());
    let path = path.to_str().unwrap().to_owned();
    (scratch, path)
}

/// A greedy answer on the CPU, as JSON.
fn greedy(model: &str, more: &[&str], input: &str) -> Value {
    let mut args = vec!["run", model, "--temperature", "0", "--format", "json"];
    args.extend(["--device", "cpu", "--ignore-eos"]);
    args.extend(more);
    ingle_with(&args, input.as_bytes()).json()
}

#[test]
fn piped_input_comes_before_the_words() {
    let (_scratch, model) = model(&Spec::tiny("llama"));
    let words = greedy(&model, &["one two", "--raw", "-n", "3"], "");
    let both = greedy(&model, &["two", "--raw", "-n", "3"], "one");
    assert_eq!(words["tokens"], both["tokens"]);
}

#[test]
fn no_prompt_at_all_is_wrong_use() {
    let (_scratch, model) = model(&Spec::tiny("llama"));
    let run = ingle(&["run", &model, "--device", "cpu"]);
    assert_eq!((run.code, run.not_a_refusal("prompt")), (Some(2), None));
}

#[test]
fn stop_strings_end_the_answer_and_are_not_shown() {
    let (_scratch, model) = model(&Spec::tiny("llama"));
    let whole = greedy(&model, &["hello", "--raw", "-n", "40"], "");
    let whole = whole["text"].as_str().unwrap();
    let stop: String = whole.chars().skip(5).take(3).collect();
    let stopped = greedy(&model, &["hello", "--raw", "-n", "40", "--stop", &stop], "");
    assert_eq!(stopped["text"].as_str().unwrap(), whole.split(&stop).next().unwrap());
    assert_eq!(stopped["finish_reason"], "stop");
}

#[test]
fn prompt_and_answer_fill_the_context_exactly() {
    let (_scratch, model) = model(&Spec::tiny("llama"));
    let json = greedy(&model, &["hello", "--raw", "--ctx", "24"], "");
    let written = json["tokens"].as_array().unwrap().len() as u64;
    assert_eq!(written + json["prompt_tokens"].as_u64().unwrap(), 24);
}

#[test]
fn a_model_without_a_template_continues_the_prompt() {
    let (_scratch, model) = model(&Spec { template: None, ..Spec::tiny("llama") });
    let plain = greedy(&model, &["hello", "-n", "5"], "");
    let raw = greedy(&model, &["hello", "-n", "5", "--raw"], "");
    assert_eq!(plain["tokens"], raw["tokens"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (_scratch, model) = model(&Spec::tiny("llama"));
    let mut child = Command::new(program())
        .args(["run", &model, "hello", "--raw", "--ignore-eos", "--device", "cpu"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn nothing_of_a_file_reaches_the_terminal_raw() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let bytes = Spec::tiny("llama").bytes_with(|metadata| {
        metadata.insert("general.name", evil);
        metadata.insert("general.description", evil);
    });
    let scratch = Scratch::new();
    let path = scratch.write("evil.gguf", &bytes);
    let path = path.to_str().unwrap();
    let is_raw = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    assert!(!is_raw(ingle(&["show", path, "--tensors"]).text()));
    let json = ingle(&["show", path, "--format", "json"]);
    assert!(!is_raw(json.text()));
    assert_eq!(json.json()["metadata"]["general.name"], evil);
    let run = ingle(&["run", path, "hi", "--raw", "-n", "1", "--device", "cpu", "--verbose"]);
    assert!(run.code == Some(0) && !is_raw(&run.stderr), "{:?}", run.stderr);
}

#[test]
fn logits_can_go_to_standard_output() {
    let (scratch, model) = model(&Spec::tiny("llama"));
    let file = scratch.path("logits.f32");
    let file = file.to_str().unwrap();
    let write = |out: &str| {
        ingle(&["logits", &model, "--tokens", "5,6,7", "--device", "cpu", "--out", out])
    };
    assert_eq!(write(file).text(), "");
    assert_eq!(write("-").stdout, std::fs::read(file).unwrap());
}
