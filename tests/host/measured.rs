//! `ingle perplexity`, `ingle imatrix` and `ingle quantize --validate`: files, formats, exit codes.
//! The numbers are checked in `tests/measure`.

use std::path::{Path, PathBuf};

use quant::TensorType;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::program::{Run, ingle, ingle_with};

/// A small Llama whose rows are whole K blocks, and a text.
struct Lab {
    scratch: Scratch,
    model: PathBuf,
    text: PathBuf,
}

impl Lab {
    fn new() -> Lab {
        let scratch = Scratch::new();
        let spec = Spec::quantized("llama", TensorType::Q4_K);
        let model = scratch.write("m-F32.gguf", &Spec { ty: TensorType::F32, ..spec }.bytes());
        let text = scratch.write("text.txt", measure::validate::TEXT.as_bytes());
        Lab { scratch, model, text }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    fn quantized(&self, to: &str) -> PathBuf {
        let out = self.path(&format!("m-{to}.gguf"));
        let run = ingle(&["quantize", name(&self.model), name(&out), to, "--threads", "2"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        out
    }
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

const SMALL: [&str; 6] = ["-c", "64", "--chunks", "3", "--device", "cpu"];

fn small(args: &[&str]) -> Run {
    ingle(&[args, &SMALL].concat())
}

#[test]
fn perplexity_is_said_in_both_forms() {
    let lab = Lab::new();
    let (model, text) = (name(&lab.model), name(&lab.text));
    let said = small(&["perplexity", model, "-f", text]);
    let lines: Vec<&str> = said.text().lines().collect();
    let [running, last] = lines[..] else { panic!("{lines:?}") };
    assert!(running.starts_with("[1]") && running.contains(",[3]"), "{running}");
    let json = small(&["perplexity", model, "-f", text, "--format", "json"]).json();
    let value = json["perplexity"]["value"].as_f64().unwrap();
    let error = json["perplexity"]["error"].as_f64().unwrap();
    assert_eq!(last, format!("Final estimate: PPL = {value:.4} +/- {error:.5}"));
    assert_eq!(json["running"][2], json["perplexity"]["value"]);
    assert_eq!((json["chunks"].as_u64(), json["tokens_scored"].as_u64()), (Some(3), Some(93)));
    // Standard input is a text, too, and a line break at its end makes no difference.
    let args = [&["perplexity", model, "-f", "-", "--format", "json"], &SMALL[..]].concat();
    let text = std::fs::read_to_string(&lab.text).unwrap();
    let other = ingle_with(&args, text.trim_end_matches('\n').as_bytes()).json();
    assert_eq!(other["running"], json["running"]);
}

#[test]
fn answers_are_kept_and_compared() {
    let lab = Lab::new();
    let (model, base) = (name(&lab.model), lab.path("base.kld"));
    let base = name(&base);
    let kept = ["perplexity", model, "-f", name(&lab.text), "--kl-divergence-base", base];
    let kept = small(&[&kept[..], &["--format", "json"]].concat()).json();
    let compare = ["--kl-divergence", "--kl-divergence-base", base, "--device", "cpu"];
    let compared =
        |model: &str, more: &[&str]| ingle(&[&["perplexity", model], &compare[..], more].concat());
    let same = compared(model, &["--format", "json"]).json();
    assert_eq!(same["running"], kept["running"]);
    assert!(same["kl"]["value"].as_f64().unwrap().abs() < 1e-5, "{same}");
    assert_eq!(same["same_top"]["value"], 1.0);
    let small_model = lab.quantized("Q2_K");
    let text = compared(name(&small_model), &["--chunks", "2"]);
    for part in ["\n   2  ", "Mean PPL(Q)/PPL(base)", "Median  KLD", "99.9%   Δp", "Same top p"] {
        assert!(text.text().contains(part), "{part}: {}", text.text());
    }
    assert_eq!(text.text().matches("Median").count(), 2);
    // A part of the file is none, and another model has other tokens.
    let bytes = std::fs::read(base).unwrap();
    std::fs::write(base, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(compared(model, &[]).code, Some(7));
}

#[test]
fn importances_are_measured_continued_and_used() {
    let lab = Lab::new();
    let (model, text) = (name(&lab.model), name(&lab.text));
    let whole = lab.path("whole.gguf");
    let imatrix = |out: &Path, more: &[&str]| {
        let out = name(out);
        let args = ["imatrix", model, "-f", text, "-o", out, "-c", "64", "--no-ppl"];
        let run = ingle(&[&args, more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    imatrix(&whole, &["--chunks", "4"]);
    let parts = lab.path("parts.gguf");
    imatrix(&parts, &["--chunks", "1"]);
    let run = imatrix(&parts, &["--chunks", "4", "--resume", "--save-frequency", "1"]);
    assert!(run.text().contains("14 tensors, 4 windows of 64 tokens"), "{}", run.text());
    let read = |path: &Path| std::fs::read(path).unwrap();
    let sums = |path: &Path| quantize::ImatrixSums::open(Box::new(read(path)), 64).unwrap();
    let (a, b) = (sums(&whole), sums(&parts));
    assert_eq!(a.entries.keys().collect::<Vec<_>>(), b.entries.keys().collect::<Vec<_>>());
    for (name, a) in &a.entries {
        let (a, b) = (a.means(), b.entries[name].means());
        let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs() / a).fold(0.0, f32::max);
        assert!(off < 1e-5, "{name}: {off}");
    }
    // Two files add up, in the older format, too; a recipe reads either.
    let both = lab.path("both.dat");
    let files = ["--in-file", name(&whole), "--in-file", name(&parts), "-o", name(&both)];
    let run = ingle(&[&["imatrix"], &files[..], &["--output-format", "dat", "-c", "64"]].concat());
    assert!(run.text().contains("8 windows"), "{}", run.stderr);
    for file in [&whole, &both] {
        let out = lab.path("small.gguf");
        let args = ["quantize", model, name(&out), "Q2_K_S", "--imatrix", name(file), "--force"];
        assert_eq!(ingle(&args).code, Some(0), "{}", file.display());
    }
    // What is in it: the same numbers in either format, of every tensor and layer.
    let show = |file: &Path| {
        let args = ["imatrix", "--show-statistics", "-c", "64", "--in-file", name(file)];
        assert!(ingle(&args).text().contains("COSSIM"));
        ingle(&[&args[..], &["--format", "json"]].concat()).json()
    };
    let (gguf, dat) = (show(&whole), show(&both));
    for (of, n) in [("tensors", 14), ("layers", 2)] {
        let (gguf, dat) = (gguf[of].as_array().unwrap(), dat[of].as_array().unwrap());
        assert_eq!((gguf.len(), dat.len()), (n, n));
        for (a, b) in gguf.iter().zip(dat) {
            for key in ["sum", "zd", "cos_sim"] {
                let off = (number(&a[key]) - number(&b[key])).abs();
                assert!(off <= 1e-5 * number(&a[key]), "{a} {b}");
            }
        }
    }
    let args = ["imatrix", "--show-statistics", "--in-file", name(&whole), "-o", "out.gguf"];
    assert_eq!(ingle(&args).not_a_refusal("cannot be used with"), None);
    // Another text, or other windows, are not what was begun.
    let other = lab.scratch.write("other.txt", measure::validate::TEXT.as_bytes());
    for (text, ctx) in [(name(&other), "64"), (text, "32")] {
        let args = ["imatrix", model, "-f", text, "-o", name(&parts), "-c", ctx, "--resume"];
        assert_eq!(ingle(&args).not_a_refusal("it was measured"), None);
    }
}

/// A number, or 0 where there is none.
fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

#[test]
fn a_quantized_model_is_judged() {
    let lab = Lab::new();
    let (fine, coarse) = (lab.quantized("Q8_0"), lab.quantized("Q2_K"));
    let judge = |quantized: &Path, more: &[&str]| {
        let files = ["--baseline", name(&lab.model), "--quantized", name(quantized)];
        small(&[&["quantize", "--validate"], &files[..], more].concat())
    };
    let limits = ["--threshold", "0.01", "--format", "json"];
    let good = judge(&fine, &limits).json();
    assert_eq!((&good["models"][0]["passed"], &good["chunks"]), (&true.into(), &3.into()));
    let bad = judge(&coarse, &limits);
    assert_eq!(bad.code, Some(10), "{}", bad.stderr);
    assert!(bad.stderr.contains("mean KL divergence is"), "{}", bad.stderr);
    let bad: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(bad["models"][0]["checks"][0]["passed"], false);
    assert_eq!(bad["models"][0]["layers"].as_array().unwrap().len(), 3);
    let page = lab.path("report.html");
    let run = judge(&coarse, &["--diff", name(&fine), "-o", name(&page), "-f", name(&lab.text)]);
    assert!(run.text().contains("m-Q8_0.gguf") && run.text().contains("MEAN KL"), "{}", run.text());
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("m-Q8_0.gguf") && page.contains("<svg") && !page.contains("<script"));
}

#[test]
fn what_cannot_be_measured_is_one_sentence() {
    let lab = Lab::new();
    let (model, text) = (name(&lab.model), name(&lab.text));
    let nothing = lab.scratch.write("empty.txt", b"");
    let bytes = lab.scratch.write("bytes.txt", &[0xff; 9]);
    let bert = lab.scratch.write("bert.gguf", &tests::encoders::tiny("bert").bytes());
    let other = Spec { vocabulary: tests::vocab::Vocabulary::Spm, ..Spec::tiny("llama") };
    let other = lab.scratch.write("spm.gguf", &other.bytes());
    let out = lab.path("out.gguf");
    let measure = ["imatrix", model, "-f", text, "-o", name(&out)];
    let validate = ["quantize", "--validate", "--baseline", model, "--quantized"];
    for (about, args) in [
        ("give one with -f", vec!["perplexity", model]),
        ("no such file", vec!["perplexity", model, "-f", "/nowhere/text.txt"]),
        ("are needed", vec!["perplexity", model, "-f", name(&nothing)]),
        ("no text in UTF-8", vec!["perplexity", model, "-f", name(&bytes)]),
        ("at least 4", vec!["perplexity", model, "-f", text, "-c", "2"]),
        ("with a token of its own", vec!["perplexity", name(&bert), "-f", text]),
        ("--kl-divergence", vec!["perplexity", model, "--kl-divergence"]),
        ("--gpu-layers", [&measure[..], &["-c", "64", "--gpu-layers", "1"]].concat()),
        ("nothing to measure", vec!["imatrix", "-o", name(&out)]),
        ("what to write is not clear", [&validate[..], &[model, "-o", "report.pdf"]].concat()),
        ("different tokens", [&validate[..], &[name(&other)]].concat()),
    ] {
        let run = ingle(&args);
        assert_eq!(run.not_a_refusal(about), None, "{args:?}");
        assert!(!out.exists(), "{args:?}");
    }
}
