//! Analyses of seeded models: errors, divergences, recipes, and whether what was chosen is what is
//! written.

use std::ops::ControlFlow;

use engine::{Opened, Session};
use gguf::Gguf;
use kernels::{KvType, PlayerConfig};
use measure::{Cut, Windows, validate};
use quant::TensorType::{self, F16, F32, Q2_K, Q3_K, Q4_0, Q4_K, Q5_K, Q6_K, Q8_0};
use quantize::{FileType, GgufSource, Options, Plan, Resources, Source};
use sensitivity::{
    Analysis, Budget, Error, Finding, Host, Kl, Reading, Settings, Stage, recipe, verify,
};
use tests::models::Spec;
use tests::play::env;

use crate::{Keeper, Make, session};

const N_CTX: usize = 64;
const TYPES: [TensorType; 6] = [Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_0];

/// A model in memory; stops where it is told to.
struct Lab {
    file: Vec<u8>,
    make: Make,
    stop: Option<Stage>,
    stages: Vec<Stage>,
    /// What was measured, and after which reading.
    kept: Vec<Finding>,
    reading: Option<Reading>,
    went_on: Option<(usize, usize)>,
}

impl Lab {
    fn new(file: Vec<u8>, make: Make) -> Lab {
        let (stages, kept) = (Vec::new(), Vec::new());
        Lab { file, make, stop: None, stages, kept, reading: None, went_on: None }
    }

    fn windows(&self) -> Windows {
        let opened = engine::open(open(&self.file)).unwrap();
        let cut = Cut { n_windows: Some(2), ..Cut::new(N_CTX) };
        Windows::new(&opened.tokenizer, validate::TEXT, cut).unwrap()
    }

    fn analyze(&mut self, settings: &Settings) -> Result<Analysis, Error> {
        let windows = self.windows();
        pollster::block_on(sensitivity::analyze(self, &windows, settings))
    }
}

impl Host for Lab {
    fn open(&mut self) -> Result<Gguf, Error> {
        Ok(open(&self.file))
    }

    async fn load(&mut self, opened: Opened) -> Result<Session, engine::Error> {
        let config = PlayerConfig { n_ctx: N_CTX, n_slots: 1, kv: KvType::F32, n_threads: 2 };
        opened.load(config, self.make, env(), |_, _| ControlFlow::Continue(())).await
    }

    fn watch(&mut self, stage: Stage, done: f64, total: usize) -> ControlFlow<()> {
        assert!(0.0 <= done && done <= total as f64, "{stage:?}: {done} of {total}");
        if self.stages.last() != Some(&stage) {
            self.stages.push(stage);
        }
        match self.stop == Some(stage) && done > 0.0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn kept(&mut self, reading: Reading) -> Vec<Finding> {
        assert_eq!(*self.reading.get_or_insert(reading), reading, "a reading has the same bits");
        self.kept.clone()
    }

    fn goes_on(&mut self, done: usize, total: usize) {
        self.went_on = Some((done, total));
    }

    fn keep(&mut self, finding: Finding) {
        let is_old = |old: &Finding| old.tensor == finding.tensor && old.ty == finding.ty;
        self.kept.retain(|old| !is_old(old));
        self.kept.push(finding);
    }
}

fn open(file: &[u8]) -> Gguf {
    Gguf::open(Box::new(file.to_vec())).unwrap()
}

/// Rows that are whole K blocks, in another type.
fn wide(architecture: &'static str, ty: TensorType) -> Spec {
    Spec { ty, ..Spec::quantized(architecture, Q4_K) }
}

fn settings(kl: Kl) -> Settings {
    Settings {
        types: TYPES.to_vec(),
        kl,
        importance: None,
        dataset: "own".to_owned(),
        n_threads: 2,
        max_memory: 1 << 28,
    }
}

#[test]
fn errors_and_divergences_fall_with_bits() {
    let narrow = Spec { ty: F16, ..Spec::tiny("qwen2") };
    for (spec, kl, n_tensors, n_types, falls) in [
        (Spec { tied: false, ..wide("llama", F16) }, Kl::Each, 16, 6, 1.5),
        (wide("gemma3", F32), Kl::Probe, 50, 6, 1.5),
        // Rows of 64 and 96 get types with smaller blocks: Q4_0, Q5_0, Q5_1, Q8_0; the two in the
        // middle are about as good.
        (narrow, Kl::Each, 15, 4, 0.85),
    ] {
        let name = spec.architecture;
        let analysis = Lab::new(spec.bytes(), cpu::loader).analyze(&settings(kl)).unwrap();
        assert_eq!(analysis.tensors.len(), n_tensors, "{name}");
        let mut sums = vec![0.0; n_types];
        for tensor in &analysis.tensors {
            assert_eq!(tensor.types.len(), n_types, "{name} {}", tensor.name);
            assert!(tensor.types.is_sorted_by_key(|measured| measured.n_bytes), "{tensor:?}");
            let fall = tensor.types.is_sorted_by(|a, b| a.error > falls * b.error);
            assert!(fall, "{name} {tensor:?}");
            let most = tensor.types[0].error;
            assert!((1e-4..0.5).contains(&most), "{name} {}: {most}", tensor.name);
            for (sum, measured) in sums.iter_mut().zip(&tensor.types) {
                assert!(!measured.is_scaled || kl == Kl::Probe);
                *sum += measured.kl.unwrap();
            }
        }
        println!("{name}: sums of divergences {sums:?}");
        assert!(sums.is_sorted_by(|a, b| a > b), "{name}: {sums:?}");
        let embedding = analysis.tensors.iter().find(|t| t.name == "token_embd.weight").unwrap();
        // A table that is not the head is looked up, not multiplied with.
        assert_eq!(embedding.n_inputs == 0, !spec.tied, "{name}");
        assert!(!analysis.sums.entries.contains_key("token_embd.weight"));
    }
}

#[test]
fn a_probe_says_about_what_measuring_each_says() {
    let file = wide("llama", F32).bytes();
    let each = Lab::new(file.clone(), cpu::loader).analyze(&settings(Kl::Each)).unwrap();
    let probe = Lab::new(file.clone(), cpu::loader).analyze(&settings(Kl::Probe)).unwrap();
    let none = Lab::new(file, cpu::loader).analyze(&settings(Kl::None)).unwrap();
    for ((each, probe), none) in each.tensors.iter().zip(&probe.tensors).zip(&none.tensors) {
        let scaled: Vec<bool> = probe.types.iter().map(|measured| measured.is_scaled).collect();
        assert_eq!(scaled, [true, true, false, true, true, true]);
        assert_eq!(probe.types[2].kl, each.types[2].kl, "{}", each.name);
        assert!(none.types.iter().all(|measured| measured.kl.is_none()));
        for (each, probe) in each.types.iter().zip(&probe.types) {
            assert_eq!(each.error, probe.error);
        }
    }
    let sum = |analysis: &Analysis, at: usize| -> f64 {
        analysis.tensors.iter().map(|tensor| tensor.types[at].kl.unwrap()).sum()
    };
    for (at, ty) in TYPES.iter().enumerate() {
        let ratio = sum(&probe, at) / sum(&each, at);
        println!("{ty}: {ratio:.3} of what was measured");
        assert!((0.5..2.0).contains(&ratio), "{ty}: {ratio}");
    }
}

/// Writes the file of a plan.
fn written(source: &GgufSource, plan: &Plan, imatrix: &quantize::Imatrix) -> Vec<u8> {
    let resources = Resources { n_threads: 1, max_memory: 1 << 28 };
    let written =
        quantize::write(source, plan, Some(imatrix), resources, Vec::new(), &mut |_| true);
    written.unwrap().0
}

/// The divergence of a file from the model, both on the reference player.
fn divergence(lab: &Lab, file: Vec<u8>) -> f64 {
    let windows = lab.windows();
    let (mut base, _) = session(lab.file.clone(), N_CTX, lab.make);
    let mut keeper = Keeper::default();
    let kept = measure::write_base(&mut base, &windows, Vec::new(), &mut keeper);
    let kept = measure::Base::open(Box::new(pollster::block_on(kept).unwrap().1)).unwrap();
    let (mut model, _) = session(file, N_CTX, lab.make);
    let mut keeper = Keeper::default();
    let compared = measure::compare(&mut model, &kept, None, &mut keeper);
    pollster::block_on(compared).unwrap().kl().value
}

#[test]
fn what_is_chosen_is_what_is_written_and_no_worse_than_the_mix() {
    let mut lab = Lab::new(wide("llama", F32).bytes(), kernels::reference::loader);
    let settings = settings(Kl::Each);
    let analysis = lab.analyze(&settings).unwrap();
    let imatrix = analysis.sums.means("own").unwrap();
    let source = GgufSource::new(open(&lab.file));
    let windows = lab.windows();
    for file_type in [FileType::Q3_K_M, FileType::Q4_K_M] {
        let options = Options::new(file_type);
        let (metadata, tensors) = (source.metadata(), source.tensors());
        let mix = Plan::new(metadata, tensors, &options, Some(&imatrix)).unwrap();
        let budget = Budget::Tensors(mix.new_bytes());
        let asked = (&Options::new(FileType::Q4_K_M), &imatrix);
        let work = verify(&mut lab, &windows, &settings, &analysis, asked, budget);
        let (chosen, kl) = pollster::block_on(work).unwrap();
        assert!(chosen.plan.new_bytes() <= mix.new_bytes());
        let expected = sensitivity::expected(&analysis, &mix).unwrap();
        assert!(chosen.expected <= expected, "{} {expected}", chosen.expected);
        // The same rounding, in the file itself.
        let own = divergence(&lab, written(&source, &chosen.plan, &imatrix));
        let mixed = divergence(&lab, written(&source, &mix, &imatrix));
        println!("{file_type}: chosen {own} ({kl} as measured), mix {mixed}");
        assert!((own - kl).abs() < 0.01 * kl + 2e-6, "{file_type}: {own}, {kl}");
        assert!(own < 1.02 * mixed, "{file_type}: {own}, {mixed}");
    }
}

#[test]
fn budgets_are_kept_and_wishes_too() {
    let mut lab = Lab::new(wide("llama", F16).bytes(), cpu::loader);
    let settings = settings(Kl::Probe);
    let analysis = lab.analyze(&settings).unwrap();
    let imatrix = analysis.sums.means("own").unwrap();
    let source = GgufSource::new(open(&lab.file));
    let options = Options::new(FileType::Q4_K_M);
    let best =
        |options: &Options, budget| recipe(&analysis, &source, options, Some(&imatrix), budget);
    // A file's size to the byte.
    for max in [400_000u64, 500_000, 700_000] {
        let plan = best(&options, Budget::File(max)).unwrap().plan;
        let n_bytes = written(&source, &plan, &imatrix).len() as u64;
        assert!(n_bytes <= max && n_bytes > max * 9 / 10, "{n_bytes} of {max}");
    }
    let too_small = best(&options, Budget::File(1000)).unwrap_err();
    assert!(matches!(too_small, Error::TooSmall { max: 1000, least } if least > 200_000));
    let too_fine = best(&options, Budget::Kl(1e-12)).unwrap_err();
    assert!(matches!(too_fine, Error::TooFine { .. }), "{too_fine}");
    // What a person wants stays, and is paid for by the others.
    let pattern = quantize::tensor_type_override(r"blk\.0\.=q8_0").unwrap();
    let wish = Options {
        tensor_types: vec![pattern],
        token_embedding_type: Some(Q4_0),
        ..options.clone()
    };
    let plan = best(&wish, Budget::File(700_000)).unwrap().plan;
    for step in plan.steps.iter().filter(|step| step.dims.len() > 1) {
        match step.name.as_str() {
            "token_embd.weight" => assert_eq!(step.to, Q4_0),
            name if name.starts_with("blk.0.") => assert_eq!(step.to, Q8_0, "{name}"),
            name => assert!(TYPES.contains(&step.to), "{name} {}", step.to),
        }
    }
    // A divergence is kept to as measured, and not spared for nothing.
    let windows = lab.windows();
    let asked = (&options, &imatrix);
    let finest = verify(&mut lab, &windows, &settings, &analysis, asked, Budget::File(900_000));
    let (_, least) = pollster::block_on(finest).unwrap();
    let max = 20.0 * least + 1e-4;
    let work = verify(&mut lab, &windows, &settings, &analysis, asked, Budget::Kl(max));
    let (found, kl) = pollster::block_on(work).unwrap();
    println!("a divergence of {kl} where {max} is allowed, {} bytes", found.plan.new_bytes());
    assert!(kl <= max && kl > 0.3 * max, "{kl} of {max}");
}

#[test]
fn what_cannot_be_analyzed_is_said() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings(Kl::Probe);
        change(&mut settings);
        settings
    };
    let plain = wide("llama", F16);
    for (about, spec, settings) in [
        ("allow it with", Spec::quantized("llama", Q4_K), with(|_| ())),
        ("with --chunks", plain.clone(), with(|settings| settings.max_memory = 1000)),
        ("with --types", plain.clone(), with(|settings| settings.types = vec![F16])),
        ("NaN or infinite scores", Spec { nan: true, ..plain.clone() }, with(|_| ())),
    ] {
        let error = Lab::new(spec.bytes(), cpu::loader).analyze(&settings).unwrap_err();
        assert!(error.to_string().contains(about), "{about}: {error}");
    }
    // Somebody may stop it in any stage.
    for stage in [Stage::Read, Stage::Errors, Stage::Divergences] {
        let mut lab = Lab::new(plain.bytes(), cpu::loader);
        lab.stop = Some(stage);
        let error = lab.analyze(&settings(Kl::Probe)).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(lab.stages.last(), Some(&stage));
    }
}

#[test]
fn what_was_measured_before_an_end_is_not_measured_again() {
    let file = wide("llama", F16).bytes();
    for kl in [Kl::Probe, Kl::Each] {
        let settings = settings(kl);
        let mut lab = Lab::new(file.clone(), cpu::loader);
        let whole = lab.analyze(&settings).unwrap();
        assert_eq!(lab.went_on, None);
        let all = std::mem::take(&mut lab.kept);
        let n_types: usize = whole.tensors.iter().map(|tensor| tensor.types.len()).sum();
        assert_eq!(all.len(), n_types);
        let per_tensor = if kl == Kl::Each { 6 } else { 1 };
        let total = (1 + per_tensor) * whole.tensors.len();
        // Findings of any number, as a kill may leave them; the last few tensors are not whole.
        let numbers = [n_types / 2 + 1, 1, n_types];
        // Each divergence takes a reading, and one number says as much there.
        let numbers = if kl == Kl::Each { &numbers[..1] } else { &numbers[..] };
        for &n in numbers {
            lab.kept = all[..n].to_vec();
            lab.went_on = None;
            assert_eq!(lab.analyze(&settings).unwrap(), whole, "{n} kept");
            let whole_tensors = whole.tensors.iter().filter(|tensor| {
                let mine = all[..n].iter().filter(|finding| finding.tensor == tensor.name);
                mine.count() == tensor.types.len()
            });
            let done = (1 + per_tensor) * whole_tensors.count();
            assert_eq!(lab.went_on, (done > 0).then_some((done, total)), "{n} kept");
            assert_eq!(lab.kept.len(), n_types);
        }
        if kl == Kl::Each {
            continue;
        }
        // Errors alone.
        lab.kept = all.iter().map(|one| Finding { kl: None, ..one.clone() }).collect();
        assert_eq!(lab.analyze(&settings).unwrap(), whole);
        assert_eq!(lab.went_on, Some((whole.tensors.len(), total)));
    }
}
