//! Bad input, as a table: each row is refused with one sentence that says what it is about.
//!
//! No panic, no hang, nothing written half: the rows are checked for all of it. Files are damaged
//! copies of a good test model, so that each row differs from it in one thing.

use std::path::Path;

use gguf::Metadata;
use quant::TensorType;
use tests::models::Spec;
use tests::scratch::Scratch;
use tests::vocab::Vocabulary;

use crate::program::{ingle, ingle_with};

/// A damaged file: its name, its bytes, and a word the refusal must contain.
type Row = (&'static str, Vec<u8>, &'static str);

/// Replaces bytes at an offset.
fn patched(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

/// Where the entry of the first tensor says its type: behind its name and two dimensions.
fn type_of_first_tensor(bytes: &[u8]) -> usize {
    let name = b"token_embd.weight";
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap();
    at + name.len() + 4 + 2 * 8
}

fn damaged_files() -> Vec<Row> {
    let spec = Spec::tiny("llama");
    let good = spec.bytes();
    let ty = type_of_first_tensor(&good);
    let cut = |n: usize| good[..n].to_vec();
    let mut rows: Vec<Row> = vec![
        ("an empty file", Vec::new(), "gguf"),
        ("a text file", b"Dear model, please answer.\n".repeat(100), "gguf"),
        ("a zip", b"PK\x03\x04".repeat(100), "gguf"),
        ("another magic", patched(&good, 0, b"GGML"), "gguf"),
        ("version 1", patched(&good, 4, &1u32.to_le_bytes()), "version"),
        ("version 4", patched(&good, 4, &4u32.to_le_bytes()), "version"),
        ("big-endian", patched(&good, 4, &3u32.to_be_bytes()), "big-endian"),
        ("a huge tensor count", patched(&good, 8, &u64::MAX.to_le_bytes()), "tensor"),
        ("a huge key count", patched(&good, 16, &500_000_000u64.to_le_bytes()), "key"),
        ("an unknown tensor type", patched(&good, ty, &99u32.to_le_bytes()), "type"),
        ("a removed tensor type", patched(&good, ty, &4u32.to_le_bytes()), "type"),
        ("a wrong offset", patched(&good, ty + 4, &64u64.to_le_bytes()), "token_embd.weight"),
        ("a dimension of 2^63", patched(&good, ty - 8, &(1u64 << 63).to_le_bytes()), ""),
        ("a dimension of 0", patched(&good, ty - 8, &0u64.to_le_bytes()), ""),
        ("only data missing", cut(good.len() - 1), "completely"),
    ];
    for n in [1, 3, 4, 8, 23, 24, 25, 100, 1000, good.len() / 4, good.len() / 2] {
        rows.push(("truncated", cut(n), ""));
    }
    rows.extend(unusable_models(&spec));
    rows
}

/// Changes the metadata of a good model.
type Change = fn(&mut Metadata);

/// Keys with values no model can have: name, change, word.
const WRONG_KEYS: &[(&str, Change, &str)] = &[
    ("an unknown architecture", |m| m.insert("general.architecture", "mamba9"), "mamba9"),
    ("no layers", |m| m.insert("llama.block_count", 0u32), "llama.block_count"),
    ("a billion layers", |m| m.insert("llama.block_count", 1u32 << 30), "block_count"),
    ("a text as layer count", |m| m.insert("llama.block_count", "two"), "block_count"),
    ("no heads", |m| m.insert("llama.attention.head_count", 0u32), "head_count"),
    ("3 of 4 heads", |m| m.insert("llama.attention.head_count_kv", 3u32), "head_count_kv"),
    ("a NaN epsilon", |m| m.insert(EPSILON, f32::NAN), "layer_norm_rms_epsilon"),
    ("a rope base of 0", |m| m.insert("llama.rope.freq_base", 0f32), "freq_base"),
    ("another width", |m| m.insert("llama.embedding_length", 128u32), "shape"),
    ("an unknown tokenizer", |m| m.insert("tokenizer.ggml.model", "abacus"), "abacus"),
    ("tokens as numbers", |m| m.insert("tokenizer.ggml.tokens", 5u32), "ggml.tokens"),
    ("an end token outside", |m| m.insert(END_TOKEN, 99_999u32), "eos_token_id"),
];
const EPSILON: &str = "llama.attention.layer_norm_rms_epsilon";
const END_TOKEN: &str = "tokenizer.ggml.eos_token_id";

/// Keys and tensors without which there is no model: what is left out, word.
const MISSING: &[(&str, &str)] = &[
    ("general.architecture", "general.architecture"),
    ("llama.block_count", "llama.block_count"),
    ("blk.1.ffn_up", "blk.1.ffn_up.weight"),
    ("token_embd", "token_embd.weight"),
    ("output_norm", "output_norm.weight"),
    ("tokenizer.ggml.model", "tokenizer"),
    ("tokenizer.ggml.tokens", "tokenizer.ggml.tokens"),
];

/// Templates that fail when they are used: source, word.
const BAD_TEMPLATES: &[(&str, &str)] = &[
    ("{{ raise_exception('Not like this') }}", "Not like this"),
    (ENDLESS, "template"),
    ("{{ 'A' * 10**9 }}", "template"),
    ("{{ messages + 1 }}", "template"),
];
const ENDLESS: &str =
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";

/// Well-formed files that are no model this program can run.
fn unusable_models(spec: &Spec) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, change, about) in WRONG_KEYS {
        rows.push((name, spec.bytes_with(change), about));
    }
    for (name, about) in MISSING {
        rows.push((name, spec.bytes_without(&[name]), about));
    }
    for (template, about) in BAD_TEMPLATES {
        rows.push((template, templated(spec, template), about));
    }
    let unsupported = Spec::quantized("llama", TensorType::IQ2_XXS);
    let without = Vocabulary::None;
    let no_tokenizer = Spec { vocabulary: without, ..spec.clone() };
    let nan = Spec { nan: true, ..spec.clone() };
    rows.push(("an unsupported type", unsupported.bytes(), "IQ2_XXS"));
    rows.push(("no tokenizer at all", no_tokenizer.bytes(), "tokenizer"));
    rows.push(("no tensors", spec.bytes_without(&["blk", "token", "output"]), ""));
    rows.push(("NaN in the weights", nan.bytes(), "NaN"));
    rows
}

fn templated(spec: &Spec, template: &str) -> Vec<u8> {
    Spec { template: Some(template.to_owned()), ..spec.clone() }.bytes()
}

#[test]
fn damaged_files_are_refused_with_a_sentence() {
    let scratch = Scratch::new();
    let mut wrong = Vec::new();
    for (n, (name, bytes, about)) in damaged_files().into_iter().enumerate() {
        let path = scratch.write(&format!("{n}.gguf"), &bytes);
        let path = path.to_str().unwrap();
        let run =
            ingle(&["run", path, "Hello", "--device", "cpu", "-n", "4", "--temperature", "0"]);
        wrong.extend(run.not_a_refusal(about).map(|problem| format!("{name}: {problem}")));
        println!("{name}: {}", run.stderr.trim());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.gguf");
    let folder = scratch.folder();
    let part = scratch.path("part-00002-of-00003.gguf");
    let mut rows: Vec<(&Path, &str)> =
        vec![(&missing, "no such file"), (folder, "folder"), (&part, "part")];
    if cfg!(unix) {
        rows.push((Path::new("/dev/zero"), "regular file"));
    }
    for (path, about) in rows {
        for command in ["run", "show", "tokenize", "bench"] {
            let run = ingle(&[command, path.to_str().unwrap()]);
            assert_eq!(run.not_a_refusal(about), None, "{command} {}", path.display());
        }
    }
}

#[test]
fn parts_of_a_split_model_are_checked() {
    let scratch = Scratch::new();
    let spec = Spec::tiny("llama");
    let other = Spec { seed: 8, ..spec.clone() };
    let parts = spec.split("m", 3);
    let first = scratch.write(&parts[0].0, &parts[0].1);
    let first = first.to_str().unwrap();
    let args = ["run", first, "Hello", "--device", "cpu", "-n", "2"];
    assert_eq!(ingle(&args).not_a_refusal("part 2 of 3"), None, "two parts missing");
    let _ = scratch.write(&parts[1].0, &parts[1].1);
    assert_eq!(ingle(&args).not_a_refusal("part 3 of 3"), None, "one part missing");
    let _ = scratch.write(&parts[2].0, &parts[1].1);
    assert_eq!(ingle(&args).not_a_refusal(""), None, "a part twice");
    let _ = scratch.write(&parts[2].0, &other.split("m", 2)[1].1);
    assert_eq!(ingle(&args).not_a_refusal(""), None, "a part of another split");
    let _ = scratch.write(&parts[2].0, &parts[2].1);
    assert_eq!(ingle(&args).code, Some(0), "complete");
}

#[test]
fn requests_that_cannot_be_met_are_refused() {
    let scratch = Scratch::new();
    let model = scratch.write("m.gguf", &Spec::tiny("llama").bytes());
    let model = model.to_str().unwrap();
    let out = scratch.path("logits.f32");
    let out = out.to_str().unwrap();
    let nowhere = scratch.path("no/such/folder/logits.f32");
    let long = "one word after the other ".repeat(100);
    let rows: &[(&[&str], &str)] = &[
        (&["run", model, &long, "--ctx", "64"], "context"),
        (&["run", model, &long, "--raw", "--ctx", "64"], "context"),
        (&["run", model, "x", "--temperature", "-1"], "temperature"),
        (&["run", model, "x", "--temperature", "NaN"], "temperature"),
        (&["run", model, "x", "--top-p", "2"], "top"),
        (&["run", model, "x", "--min-p", "-0.5"], "min"),
        (&["run", model, "x", "--device", "abacus"], "abacus"),
        (&["run", model, "x", "--kv", "q9"], "q9"),
        (&["run", model, "x", "--ctx", "0"], ""),
        (&["run", model, "x", "--threads", "0"], "threads"),
        (&["run", model, "x", "--frobnicate"], "frobnicate"),
        (&["logits", model, "--tokens", "1,2,99999", "--out", out], "99999"),
        (&["logits", model, "--tokens", "one", "--out", out], "one"),
        (&["logits", model, "--tokens", "1", "--out", nowhere.to_str().unwrap()], "logits.f32"),
        (&["logits", model, "--out", out], "tokens"),
        (&["bench", model, "-p", "0", "-n", "0"], "-p"),
        (&["bench", model, "-r", "0"], "-r"),
        (&["walk", model], "walk"),
    ];
    let mut wrong = Vec::new();
    for (args, about) in rows {
        let shown = args.iter().map(|arg| arg.get(..20).unwrap_or(arg)).collect::<Vec<_>>();
        let problem = ingle(args).not_a_refusal(about);
        wrong.extend(problem.map(|problem| format!("{}: {problem}", shown.join(" "))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new(out).exists(), "a refused command must leave no file");
    for (input, about) in [("1 2 x", "x"), ("1 2 99999", "99999"), ("-1", "-1")] {
        let run = ingle_with(&["tokenize", model, "--decode"], input.as_bytes());
        assert_eq!(run.not_a_refusal(about), None, "{input}");
    }
}

#[test]
fn a_template_that_cannot_be_read_is_replaced_and_said() {
    let scratch = Scratch::new();
    let spec = Spec::tiny("llama");
    for (name, template) in [
        ("syntax", "{% if %}".to_owned()),
        ("depth", "{% if 1 %}".repeat(20_000)),
        ("filter", "{{ messages|frobnicate }}".to_owned()),
    ] {
        let bytes = Spec { template: Some(template), ..spec.clone() }.bytes();
        let path = scratch.write("m.gguf", &bytes);
        let run = ingle(&["run", path.to_str().unwrap(), "Hi", "--device", "cpu", "-n", "2"]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        assert!(run.stderr.starts_with("warning: "), "{name}: {}", run.stderr);
        assert!(run.stderr.contains("ChatML"), "{name}: {}", run.stderr);
    }
}
