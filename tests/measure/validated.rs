//! Validation: a model against itself, and against coarser and coarser copies of it.

use gguf::Gguf;
use measure::validate::{self, About, Answers, Compared, Comparison, Limits, Loaded, Reader};
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
    let (base_file, other_file) = (open(base), open(other));
    let mut work = validate::Weights::new(&base_file, &other_file);
    let mut told = (0, 0);
    while let Some((done, all)) = work.step().unwrap() {
        assert!(done >= told.0 && done <= all, "{done} of {all} after {told:?}");
        told = (done, all);
    }
    assert_eq!(told.0, told.1);
    let tensors = work.finish();
    let apart = one_after_the_other(base, other, &windows);
    assert_eq!(apart.layers, compared.layers);
    let kl = |of: &Compared| of.divergence.kl_percentiles();
    assert_eq!(kl(&apart), kl(&compared));
    let said = |of: &Compared| (of.divergence.ratio(), of.divergence.same_top());
    assert_eq!(said(&apart), said(&compared));
    Compared { name: name.to_owned(), tensors, ..compared }
}

/// What the baseline said is kept as bytes, and the other model is loaded when it is gone.
fn one_after_the_other(base: &[u8], other: &[u8], windows: &Windows) -> Compared {
    let (mut kept, mut keeper, mut most) = (Vec::new(), Keeper::default(), 0);
    let mut answers;
    {
        let (mut session, plan) = session(base.to_vec(), 64, cpu::loader);
        answers = Answers::new(plan.dims.n_vocab, windows);
        most += Answers::max_bytes(&plan, windows) * windows.len() as u64;
        let mut reader = Reader::new(Loaded { session: &mut session, plan: &plan }).unwrap();
        for i in 0..windows.len() {
            let work = reader.answer(windows, i, &mut keeper, &mut answers);
            pollster::block_on(work).unwrap();
            answers.write(&mut kept).unwrap();
        }
        reader.finish().unwrap();
    }
    assert!(kept.len() as u64 <= most, "{} bytes, at most {most}", kept.len());
    let (mut session, plan) = session(other.to_vec(), 64, cpu::loader);
    let mut reader = Reader::new(Loaded { session: &mut session, plan: &plan }).unwrap();
    let (mut all, mut from, mut keeper) = (Comparison::default(), &*kept, Keeper::default());
    for i in 0..windows.len() {
        answers.read(&mut from).unwrap();
        let work = reader.compare(windows, i, &mut keeper, &answers, &mut all);
        pollster::block_on(work).unwrap();
    }
    assert!(from.is_empty());
    reader.conclude(all).unwrap()
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
    let about = About { baseline: "<F32>".into(), ..About::default() };
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
