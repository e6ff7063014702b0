//! What `ingle` promises to scripts: commands, formats and sameness.

use serde_json::Value;
use tests::models::Spec;
use tests::scratch::Scratch;
use tests::vocab::{BPE_SPECIAL, Vocabulary};

use crate::program::{ingle, ingle_with};

/// A scratch folder with one model in it.
struct Model {
    scratch: Scratch,
    path: String,
    n_vocab: usize,
}

fn model(spec: &Spec) -> Model {
    let scratch = Scratch::new();
    let path = scratch.write("model.gguf", &spec.bytes());
    let path = path.to_str().unwrap().to_owned();
    Model { scratch, path, n_vocab: spec.vocabulary.len() }
}

#[test]
fn show_lists_what_the_file_contains() {
    let spec = Spec::tiny("qwen3");
    let m = model(&spec);
    let text = ingle(&["show", &m.path]).text().to_owned();
    for word in ["qwen3", "qwen3.block_count", "tokenizer.ggml.tokens", "F32"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let json = ingle(&["show", &m.path, "--tensors", "--format", "json"]).json();
    assert_eq!(json["architecture"], "qwen3");
    assert_eq!(json["metadata"]["qwen3.block_count"], 2);
    assert_eq!(json["n_tensors"], spec.tensors().len());
    let tensors = json["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), spec.tensors().len());
    assert_eq!(tensors[0]["name"], "token_embd.weight");
    assert_eq!(tensors[0]["shape"], serde_json::json!([64, m.n_vocab]));
}

#[test]
fn show_says_whether_a_file_fits_with_its_sum() {
    let m = model(&Spec::tiny("llama"));
    let text = ingle(&["show", &m.path, "--fit"]).text().to_owned();
    assert!(text.starts_with("Needs ") && text.contains("tokens of context"), "{text}");
    let json = ingle(&["show", &m.path, "--fit", "--ctx", "64", "--format", "json"]).json();
    assert_eq!((&json["verdict"], &json["context_length"]), (&"well".into(), &64.into()));
    let needs = &json["needs"];
    let part = |key: &str| needs[key].as_u64().unwrap();
    assert_eq!(part("weights") + part("context") + part("scratch"), part("total"));
    assert_eq!(part("storage"), 0, "the file is here");
    let large = ingle(&["show", &m.path, "--fit", "--ctx", "99999999999", "--format", "json"]);
    assert_ne!(large.json()["verdict"], "well");
}

#[test]
fn tokenize_there_and_back() {
    for vocabulary in [Vocabulary::Bpe("llama-bpe"), Vocabulary::Spm] {
        let m = model(&Spec { vocabulary, ..Spec::tiny("llama") });
        let text = "The house at the end of the lane: 12.50 €, Zürich 😀\n\n  東京 <x>";
        let ids = ingle_with(&["tokenize", &m.path], text.as_bytes()).text().to_owned();
        let json = ingle_with(&["tokenize", &m.path, "--format", "json"], text.as_bytes()).json();
        let of_json: Vec<String> =
            json["tokens"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert_eq!(ids.trim(), of_json.join(" "));
        let plain = ingle_with(&["tokenize", &m.path, "--no-bos"], text.as_bytes());
        let plain = plain.text().trim().to_owned();
        assert!(ids.trim().ends_with(&plain) && ids.trim().len() > plain.len(), "{ids} {plain}");
        let back = ingle_with(&["tokenize", &m.path, "--decode"], plain.as_bytes());
        assert_eq!(back.text().trim_start(), text, "{vocabulary:?}");
    }
}

#[test]
fn special_tokens_are_read_unless_forbidden() {
    let m = model(&Spec::tiny("llama"));
    let text = BPE_SPECIAL[2].as_bytes();
    let count = |args: &[&str]| ingle_with(args, text).text().split_whitespace().count();
    assert_eq!(count(&["tokenize", &m.path, "--no-bos"]), 1);
    assert!(count(&["tokenize", &m.path, "--no-bos", "--no-special"]) > 3);
}

fn logits(m: &Model, device: &str, extra: &[&str]) -> Vec<f32> {
    let out = m.scratch.path(&format!("{device}.f32"));
    let out = out.to_str().unwrap();
    let mut args = vec!["logits", &m.path, "--tokens", "1,20,300,5", "--kv", "f32"];
    args.extend(["--device", device, "--out", out]);
    args.extend(extra);
    assert_eq!(ingle(&args).text(), "");
    let bytes = std::fs::read(out).unwrap();
    bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn logits_are_rows_of_the_vocabulary() {
    let m = model(&Spec::tiny("llama"));
    let last = logits(&m, "reference", &[]);
    assert_eq!(last.len(), m.n_vocab);
    let all = logits(&m, "reference", &["--all"]);
    assert_eq!(all.len(), 4 * m.n_vocab);
    assert_eq!(all[3 * m.n_vocab..], last[..]);
    let cpu = logits(&m, "cpu", &[]);
    let (mut error, mut size) = (0.0, 0.0);
    for (&a, &b) in cpu.iter().zip(&last) {
        error += f64::from(a - b).powi(2);
        size += f64::from(b).powi(2);
    }
    assert!(error / size < 3e-6, "NMSE {}", error / size);
}

#[test]
fn run_prints_the_agreed_json() {
    let m = model(&Spec::tiny("gemma3"));
    let mut args = vec!["run", &m.path, "Hello", "--device", "cpu", "-n", "8", "--seed", "5"];
    args.extend(["--ignore-eos", "--format", "json"]);
    let json = ingle(&args).json();
    let tokens = json["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 8);
    assert!(json["text"].is_string());
    assert!(json["prompt_tokens"].as_u64().unwrap() > 1);
    assert_eq!(json["finish_reason"], "length");
    for figure in ["load_ms", "prefill_tok_s", "decode_tok_s"] {
        assert!(json["timings"][figure].as_f64().unwrap() > 0.0, "{figure}");
    }
    let again = ingle(&args).json();
    assert_eq!(again["tokens"], json["tokens"], "the same seed gives the same text");
    args[7] = "6";
    assert_ne!(ingle(&args).json()["tokens"], json["tokens"], "another seed gives another");
}

#[test]
fn run_streams_the_text_it_reports() {
    let m = model(&Spec::tiny("llama"));
    let greedy = ["--device", "cpu", "-n", "6", "--temperature", "0", "--ignore-eos"];
    let run = |prompt: &[&str], extra: &[&str], input: &str| {
        let mut args = vec!["run", m.path.as_str()];
        args.extend(prompt);
        args.extend(greedy);
        args.extend(extra);
        ingle_with(&args, input.as_bytes())
    };
    let text = run(&["Once", "upon"], &[], "");
    let json = run(&["Once", "upon"], &["--format", "json"], "").json();
    assert_eq!(text.text(), json["text"].as_str().unwrap());
    assert_eq!(text.stderr, "", "nothing but the answer is printed");
    let piped = run(&[], &["--format", "json"], "Once upon").json();
    assert_eq!(piped["tokens"], json["tokens"], "piped input is a prompt");
    let raw = run(&["Once upon"], &["--raw", "--format", "json"], "").json();
    assert!(raw["prompt_tokens"].as_u64() < json["prompt_tokens"].as_u64());
    let system = run(&["Once upon"], &["--system", "Be kind.", "--format", "json"], "").json();
    assert!(system["prompt_tokens"].as_u64() > json["prompt_tokens"].as_u64());
    let verbose = run(&["Once"], &["--verbose"], "");
    assert!(verbose.code == Some(0) && verbose.stderr.contains("tokens/s"), "{}", verbose.stderr);
}

#[test]
fn a_split_model_answers_like_a_whole_one() {
    let spec = Spec::tiny("qwen2");
    let m = model(&spec);
    let parts = spec.split("part", 3);
    let paths: Vec<_> = parts.iter().map(|(name, bytes)| m.scratch.write(name, bytes)).collect();
    let answer = |path: &str| {
        let mut args = vec!["run", path, "Hello", "--device", "cpu", "-n", "6"];
        args.extend(["--temperature", "0", "--ignore-eos", "--format", "json"]);
        ingle(&args).json()["tokens"].clone()
    };
    assert_eq!(answer(&m.path), answer(paths[0].to_str().unwrap()));
}

#[test]
fn a_full_context_is_said() {
    let m = model(&Spec::tiny("llama"));
    let mut args = vec!["run", &m.path, "Hello", "--device", "cpu", "--ctx", "64", "-n", "-1"];
    args.push("--ignore-eos");
    let run = ingle(&args);
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("context"), "{}", run.stderr);
    args.extend(["--format", "json"]);
    assert_eq!(ingle(&args).json()["finish_reason"], "context");
}

#[test]
fn devices_has_the_cpu() {
    let json = ingle(&["devices", "--format", "json"]).json();
    let devices = json.as_array().unwrap();
    assert!(devices.iter().any(|device| device["device"] == "cpu"));
    let text = ingle(&["devices"]).text().to_owned();
    assert_eq!(text.lines().count(), devices.len());
}

#[test]
fn the_doctor_looks_at_everything() {
    let json = ingle(&["doctor", "--format", "json"]).json();
    let rows = json["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["graphics", "numbers", "processor", "memory", "store"]);
    for row in rows {
        let mark = row["mark"].as_str().unwrap();
        assert!(["pass", "note", "untested"].contains(&mark), "{row}");
        assert!(!row["finding"].as_str().unwrap().is_empty(), "{row}");
    }
    // Where there is an adapter, software ones included, its kernels were compared, and all agree.
    let kernels = json["kernels"].as_array().unwrap();
    let untested = rows[1]["mark"] == "untested";
    assert_eq!(kernels.is_empty(), untested, "{}", rows[1]);
    assert!(untested || kernels.len() > 20, "{}", kernels.len());
    assert!(kernels.iter().all(|kernel| kernel["right"] == true), "{kernels:?}");

    let run = ingle(&["doctor"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.text().to_owned();
    assert!(text.starts_with("This computer runs models up to "), "{text}");
    for name in names {
        assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(name)), "{text}");
    }
}

#[test]
fn help_and_version_are_printed() {
    assert!(ingle(&["--version"]).text().starts_with("ingle "));
    let help = ingle(&["--help"]).text().to_owned();
    for command in ["run", "show", "tokenize", "logits", "bench", "devices", "doctor"] {
        assert!(help.contains(command), "{command}");
        assert!(ingle(&[command, "--help"]).text().contains("Examples:"), "{command}");
    }
}
