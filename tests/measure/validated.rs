//! Validation: a model against itself, and against coarser and coarser copies of it.

use gguf::Gguf;
use measure::validate::{self, About, Compared, Limits, Loaded};
use measure::{Cut, Windows};
use quant::TensorType;
use quantize::{FileType, GgufSource, Options, Resources, Source};
use tests::models::Spec;

use crate::{Keeper, session};

/// An F32 model with rows that are whole K blocks.
fn original() -> Vec<u8> {
    let spec = Spec::quantized("llama", TensorType::Q4_K);
    Spec { ty: TensorType::F32, ..spec }.bytes()
}

fn open(file: &[u8]) -> Gguf {
    Gguf::open(Box::new(file.to_vec())).unwrap()
}

fn quantized(file: &[u8], to: FileType) -> Vec<u8> {
    let source = GgufSource::new(open(file));
    let options = Options::new(to);
    let plan = quantize::Plan::new(source.metadata(), source.tensors(), &options, None).unwrap();
    let resources = Resources { n_threads: 1, max_memory: 1 << 28 };
    let (out, _) =
        quantize::write(&source, &plan, None, resources, Vec::new(), &mut |_| true).unwrap();
    out
}

fn compared(base: &[u8], other: &[u8], name: &str) -> Compared {
    let (mut a, a_plan) = session(base.to_vec(), 64, cpu::loader);
    let (mut b, b_plan) = session(other.to_vec(), 64, cpu::loader);
    let cut = Cut { n_windows: Some(2), ..Cut::new(64) };
    let windows = Windows::new(a.tokenizer(), validate::TEXT, cut).unwrap();
    let baseline = Loaded { session: &mut a, plan: &a_plan };
    let loaded = Loaded { session: &mut b, plan: &b_plan };
    let mut keeper = Keeper::default();
    let work = validate::validate(baseline, loaded, &windows, &mut keeper);
    let compared = pollster::block_on(work).unwrap();
    let tensors = validate::weights(&open(base), &open(other), |done, all| done <= all).unwrap();
    Compared { name: name.to_owned(), tensors, ..compared }
}

#[test]
fn coarser_copies_are_farther() {
    let base = original();
    let mut last = (-1.0, -1.0, -1.0);
    let mut all = Vec::new();
    for (name, file) in [
        ("itself", base.clone()),
        ("Q8_0", quantized(&base, FileType::Q8_0)),
        ("Q4_K_M", quantized(&base, FileType::Q4_K_M)),
        ("Q2_K", quantized(&base, FileType::Q2_K)),
    ] {
        let compared = compared(&base, &file, name);
        let kl = compared.divergence.kl().value;
        let deepest = compared.layers.last().unwrap();
        assert_eq!(compared.layers.len(), 3, "the embedding and two layers");
        assert_eq!(deepest.name, "layer 1");
        let weight = compared.tensors.iter().map(|tensor| tensor.error).fold(0.0, f64::max);
        println!("{name}: KL {kl:.2e}, layers {:.2e}, weights {weight:.2e}", deepest.error);
        let now = (kl, deepest.error, weight);
        assert!(now.0 > last.0 && now.1 > last.1 && now.2 > last.2, "{name}: {now:?}, {last:?}");
        if name == "itself" {
            assert!(kl.abs() < 1e-6 && deepest.error == 0.0 && weight == 0.0, "{now:?}");
            assert_eq!(compared.divergence.same_top().value, 1.0);
        }
        last = now;
        all.push(compared);
    }
    limits_are_kept_or_not(&all);
    let checked = |compared: Compared| {
        let limits = Limits { kl: Some(0.01), ..Limits::default() };
        (limits.check(&compared), compared)
    };
    let rows: Vec<_> = all.into_iter().skip(2).map(checked).map(|(c, model)| (model, c)).collect();
    let about = About { baseline: "<F32>".into(), host: "h".into(), ..About::default() };
    let page = validate::html(&rows, &about);
    for part in ["&lt;F32&gt;", "Q4_K_M", "Q2_K", "Error behind each layer", "<svg", "not kept"] {
        assert!(page.contains(part), "{part}");
    }
    for no in ["<script", "http://", "https://", "NaN"] {
        assert!(!page.contains(no), "{no}");
    }
}

fn limits_are_kept_or_not(all: &[Compared]) {
    let fine = Limits { kl: Some(0.001), ratio: Some(1.001), same_top: Some(0.999) };
    assert!(fine.check(&all[0]).iter().all(|check| check.passed));
    assert_eq!(fine.check(&all[3]).len(), 3);
    assert!(fine.check(&all[3]).iter().any(|check| !check.passed));
    assert!(Limits::default().check(&all[3]).is_empty());
}
