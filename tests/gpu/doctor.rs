//! A device that lies: a driver that miscompiles kernels is played by changing their texts. The
//! doctor has to find out, switch off what the wrong kernel stands on, and then the model answers
//! right; what was found out comes back at the next start.

use gpu::{Gpu, Options, Part, Rewrite};
use kernels::KvType;
use kernels::shader::{Choices, Dot};
use quant::TensorType;
use tests::models::Spec;

use crate::seeded::F16_TILE;
use crate::{CONFIG, any, load, logits_after, model_of, nmse, open};

/// As [`F16_TILE`], for a small model whose activations are rounded to 8 bits.
const INT_FORMS: f64 = 3e-3;

/// A wrong sum, only where subgroups sum it and only in products.
fn lying_subgroups(name: &str, text: String) -> String {
    match name.contains("MatVec") {
        true => text.replace("subgroupAdd(v[i])", "(1.5 * subgroupAdd(v[i]))"),
        false => text,
    }
}

/// A wrong conversion, only in `f16` tiles.
fn lying_halves(_: &str, text: String) -> String {
    text.replace("return vec4<f16>(v);", "return vec4<f16>(1.25 * v);")
}

fn lying_integers(_: &str, text: String) -> String {
    text.replace("return dot4I8Packed(q.x, x.x)", "return 2 * dot4I8Packed(q.x, x.x)")
}

fn both(name: &str, text: String) -> String {
    lying_halves(name, lying_subgroups(name, text))
}

/// A norm that is wrong in every form.
fn lying_norm(name: &str, text: String) -> String {
    match name.contains("Norm {") {
        true => text.replace("f32(P.n_cols)", "f32(P.n_cols + 9u)"),
        false => text,
    }
}

/// A compiler that gives up where there are subgroups.
fn no_compiler(name: &str, text: String) -> String {
    match name.contains("MatFew") && text.contains("subgroupAdd(") {
        true => format!("{text}\nfn broken( {{"),
        false => text,
    }
}

struct Case {
    name: &'static str,
    rewrite: Rewrite,
    dot: Dot,
    off: &'static [Part],
    /// What the model's answer may differ by afterwards; none if the device is switched off.
    allowed: Option<f64>,
}

const CASES: [Case; 7] = [
    Case {
        name: "honest",
        rewrite: |_, text| text,
        dot: Dot::Float,
        off: &[],
        allowed: Some(F16_TILE),
    },
    Case {
        name: "subgroups",
        rewrite: lying_subgroups,
        dot: Dot::Float,
        off: &[Part::Subgroups],
        allowed: Some(F16_TILE),
    },
    Case {
        name: "half precision",
        rewrite: lying_halves,
        dot: Dot::Float,
        off: &[Part::HalfPrecision],
        allowed: Some(1e-9),
    },
    Case {
        name: "subgroups and half precision",
        rewrite: both,
        dot: Dot::Float,
        off: &[Part::Subgroups, Part::HalfPrecision],
        allowed: Some(1e-9),
    },
    Case {
        name: "integers",
        rewrite: lying_integers,
        dot: Dot::Int,
        off: &[Part::Integers],
        allowed: Some(F16_TILE),
    },
    Case {
        name: "a compiler that gives up",
        rewrite: no_compiler,
        dot: Dot::Float,
        off: &[Part::Subgroups],
        allowed: Some(F16_TILE),
    },
    Case {
        name: "everything",
        rewrite: lying_norm,
        dot: Dot::Float,
        off: &[Part::Subgroups, Part::Device],
        allowed: None,
    },
];

fn options(case: &Case) -> Options {
    let (rewrite, choices) = (Some(case.rewrite), Choices::all(case.dot));
    Options { rewrite, choices, ..any() }
}

#[test]
fn a_lying_kernel_is_found_and_the_next_tier_answers_right() {
    let Some(honest) = open(&any()) else { return };
    let has = honest.summary().forms;
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let plan = &model.plan;
    let tokens: Vec<u32> = (0..39).map(|i| 3 + i * 7).collect();
    let mut reference = load(&gguf, plan, kernels::reference::loader(plan, CONFIG).unwrap());
    // A prompt in one piece, then token by token: each has kernels of its own.
    let chunks = [37, 4, 1];
    let want = chunks.map(|chunk| logits_after(reference.as_mut(), &tokens, chunk));
    for case in &CASES {
        let gpu = pollster::block_on(Gpu::open(&options(case))).unwrap();
        let errors = |gpu: &Gpu| {
            let mut player = load(&gguf, plan, gpu.loader(plan, CONFIG).unwrap());
            let got = chunks.map(|chunk| logits_after(player.as_mut(), &tokens, chunk));
            got.iter().zip(&want).map(|(got, want)| nmse(got, want)).fold(0.0, f64::max)
        };
        let lies = case.off.iter().any(|part| match part {
            Part::Subgroups => has.subgroups,
            Part::HalfPrecision => has.f16,
            Part::Integers | Part::Device => true,
        });
        if lies && case.name != "a compiler that gives up" {
            let before = errors(&gpu);
            let usual = if case.dot == Dot::Int { INT_FORMS } else { F16_TILE };
            assert!(before > usual, "{}: the lie does no harm, {before:.1e}", case.name);
        }
        let (mut n_right, mut n_wrong) = (0, 0);
        let start = std::time::Instant::now();
        let mut count = |f: &gpu::Finding| if f.is_right() { n_right += 1 } else { n_wrong += 1 };
        assert!(
            pollster::block_on(gpu.examine(Some((plan, CONFIG)), f64::INFINITY, &mut count))
                .unwrap()
                .is_new
        );
        let seconds = start.elapsed().as_secs_f64();
        println!("{}: {n_right} right, {n_wrong} wrong, {seconds:.2} s", case.name);
        let off = gpu.switched_off();
        for off in &off {
            println!("  {off}");
        }
        let expected: Vec<Part> = case
            .off
            .iter()
            .copied()
            .filter(|part| match part {
                Part::Subgroups => has.subgroups,
                Part::HalfPrecision => has.f16,
                Part::Integers | Part::Device => true,
            })
            .collect();
        assert_eq!(off.iter().map(|off| off.part).collect::<Vec<_>>(), expected, "{}", case.name);
        assert_eq!(n_wrong, expected.len());

        // What was found out is known at the next start, and nothing is tried again.
        let again = pollster::block_on(Gpu::open(&options(case))).unwrap();
        again.use_record(&gpu.record()).unwrap();
        assert_eq!(again.switched_off(), off);
        let new = pollster::block_on(again.examine(Some((plan, CONFIG)), f64::INFINITY, |_| ()));
        assert!(!new.unwrap().is_new, "{}: all was known", case.name);
        let other = pollster::block_on(Gpu::open(&Options { host: "another".into(), ..any() }));
        assert!(other.unwrap().use_record(&gpu.record()).unwrap_err().contains("made for"));

        let Some(allowed) = case.allowed else {
            let error = again.loader(plan, CONFIG).err().unwrap().to_string();
            assert!(error.contains("processor instead"), "{error}");
            continue;
        };
        let after = errors(&again);
        println!("  the model's answer: {after:.1e}");
        assert!(after <= allowed, "{}: {after:.1e}, allowed {allowed:.1e}", case.name);
    }
}

#[test]
fn the_usual_forms_are_right_here() {
    let Some(gpu) = open(&any()) else { return };
    let start = std::time::Instant::now();
    let mut wrong = Vec::new();
    let mut n = 0;
    let hear = |finding: &gpu::Finding| {
        n += 1;
        wrong.extend((!finding.is_right()).then(|| finding.clone()));
    };
    let examined = pollster::block_on(gpu.examine(None, f64::INFINITY, hear)).unwrap();
    assert!(examined.is_new && examined.n_left == 0);
    println!("{n} forms of usual models in {:.2} s", start.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(gpu.findings().len(), n);
    gpu.forget_findings();
    assert!(gpu.findings().is_empty());
    // Without time nothing is tried, and what is left is counted.
    let none = pollster::block_on(gpu.examine(None, -1.0, |_| ())).unwrap();
    assert!(!none.is_new && none.n_left == n && gpu.findings().is_empty());
    // Forms of another cache type are other forms.
    let mut spec = Spec::quantized("llama", TensorType::F32);
    spec.shape.head_dim = 32;
    let (_, model) = model_of(&spec);
    let mut n_before = 0;
    for kv in [KvType::F16, KvType::Q8_0] {
        let config = kernels::PlayerConfig { kv, ..CONFIG };
        let plan = Some((&model.plan, config));
        assert!(pollster::block_on(gpu.examine(plan, f64::INFINITY, |_| ())).unwrap().is_new);
        assert!(gpu.findings().len() > n_before && gpu.switched_off().is_empty());
        n_before = gpu.findings().len();
    }
}

#[test]
fn a_device_that_goes_away_while_it_is_examined_is_said() {
    let Some(gpu) = open(&any()) else { return };
    gpu.destroy();
    let error = pollster::block_on(gpu.examine(None, f64::INFINITY, |_| ())).unwrap_err();
    assert!(error.to_string().contains("went away"), "{error}");
}
