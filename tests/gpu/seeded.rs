//! Seeded models against the scalar reference: forms, cache types, split tensors, chunks, layers.

use gpu::Options;
use kernels::{Input, Job, KvType, PlayerConfig, Want};
use quant::TensorType;
use tests::models::{self, Spec};

use crate::{CONFIG, any, load, logits_after, model_of, nmse, open, run};

/// Sums in another order over the same weights.
const SAME: f64 = 1e-9;
/// The same with weight tiles in f16 while the prompt is read.
pub const F16_TILE: f64 = 1e-5;
/// Two stores of one value may differ by a step of the stored type where rounding was a near tie.
pub const STORED: f64 = 1e-5;

fn tokens(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * 37 + 11) % 500).collect()
}

/// NMSE of the GPU's logits after a prompt and after two more tokens.
fn errors(spec: &Spec, options: &Options, config: PlayerConfig) -> Option<Vec<f64>> {
    let gpu = open(options)?;
    let (gguf, model) = model_of(spec);
    let plan = &model.plan;
    let mut reference = load(&gguf, plan, kernels::reference::loader(plan, config).unwrap());
    let mut player = load(&gguf, plan, gpu.loader(plan, config).unwrap());
    let mut out = Vec::new();
    let tokens = tokens(39);
    for chunk in [37, 1] {
        let want = logits_after(reference.as_mut(), &tokens, chunk);
        out.push(nmse(&logits_after(player.as_mut(), &tokens, chunk), &want));
    }
    Some(out)
}

fn assert_small(name: &str, errors: Option<Vec<f64>>, allowed: f64) {
    let Some(errors) = errors else { return };
    println!("{name}: {errors:?}");
    assert!(errors.iter().all(|&e| e <= allowed), "{name}: {errors:?}, allowed {allowed:.0e}");
}

#[test]
fn every_seeded_model_equals_the_reference() {
    for (name, spec) in models::catalog() {
        assert_small(&name, errors(&spec, &any(), CONFIG), F16_TILE);
    }
}

#[test]
fn the_plain_forms_equal_the_reference() {
    let plain = Options { allow_subgroups: Some(false), allow_f16: Some(false), ..any() };
    for (architecture, ty) in [
        ("llama", TensorType::Q4_0),
        ("qwen3", TensorType::F16),
        ("gemma3", TensorType::Q8_0),
        ("qwen2", TensorType::Q5_0),
    ] {
        let spec = Spec::quantized(architecture, ty);
        let name = format!("{architecture} {ty}, no subgroups, no f16");
        assert_small(&name, errors(&spec, &plain, CONFIG), SAME);
    }
}

#[test]
fn cache_types_equal_the_reference() {
    for (architecture, ty) in [("llama", TensorType::F32), ("gemma3", TensorType::F32)] {
        for kv in [KvType::F16, KvType::Q8_0] {
            let mut spec = Spec::quantized(architecture, ty);
            spec.shape.head_dim = 32;
            let config = PlayerConfig { kv, ..CONFIG };
            let name = format!("{architecture} with a {kv:?} cache");
            assert_small(&name, errors(&spec, &any(), config), STORED);
        }
    }
}

/// With a small binding limit every matrix is cut into several buffers, and Q, K, V and gate, up
/// are dispatched one by one.
#[test]
fn split_tensors_equal_the_reference() {
    for architecture in ["llama", "gemma3"] {
        let options = Options { max_binding_bytes: Some(40_000), ..any() };
        let spec = Spec { tied: false, ..Spec::quantized(architecture, TensorType::Q8_0) };
        let config = PlayerConfig { n_ctx: 64, ..CONFIG };
        let name = format!("{architecture} in pieces of 40 kB");
        assert_small(&name, errors(&spec, &options, config), F16_TILE);
    }
}

#[test]
fn all_logits_and_chunks_equal_the_reference() {
    // Bindings so small that the logits of all rows come in several pieces.
    let options = Options { max_binding_bytes: Some(40_000), ..any() };
    let Some(gpu) = open(&options) else { return };
    let (gguf, model) = model_of(&Spec::tiny("qwen3"));
    let plan = &model.plan;
    let mut reference = load(&gguf, plan, kernels::reference::loader(plan, CONFIG).unwrap());
    let mut player = load(&gguf, plan, gpu.loader(plan, CONFIG).unwrap());
    let tokens = tokens(73);
    for player in [reference.as_mut(), player.as_mut()] {
        let (first, rest) = tokens.split_at(23);
        let job = Job { input: Input::Tokens(first), place: 0.into(), want: Want::Nothing };
        run(player, &job).unwrap();
        let job = Job { input: Input::Tokens(rest), place: 23.into(), want: Want::AllLogits };
        run(player, &job).unwrap();
    }
    assert_eq!(player.logits().len(), 50 * plan.dims.n_vocab);
    let error = nmse(player.logits(), reference.logits());
    assert!(error <= F16_TILE, "{error:.1e}");
    // The wide result must not be taken for that of the next, small one.
    for player in [reference.as_mut(), player.as_mut()] {
        let job = Job { input: Input::Tokens(&[7]), place: 40.into(), want: Want::LastLogits };
        run(player, &job).unwrap();
    }
    let error = nmse(player.logits(), reference.logits());
    assert!(error <= F16_TILE, "after all rows, one: {error:.1e}");
}

/// The first layers on one player, the rest on another: the hidden rows pass between them.
#[test]
fn a_layer_split_equals_the_whole() {
    let Some(gpu) = open(&any()) else { return };
    for architecture in ["llama", "gemma3"] {
        let (gguf, model) = model_of(&Spec::tiny(architecture));
        let plan = &model.plan;
        let (first, second) = plan.split_at(1);
        let mut whole = load(&gguf, plan, kernels::reference::loader(plan, CONFIG).unwrap());
        let mut a = load(&gguf, &first, gpu.loader(&first, CONFIG).unwrap());
        let mut b = load(&gguf, &second, gpu.loader(&second, CONFIG).unwrap());
        let tokens = tokens(20);
        for (pos, ids) in [(0, &tokens[..19]), (19, &tokens[19..])] {
            let input = Input::Tokens(ids);
            run(whole.as_mut(), &Job { input, place: pos.into(), want: Want::LastLogits }).unwrap();
            run(a.as_mut(), &Job { input, place: pos.into(), want: Want::Hidden }).unwrap();
            let input = Input::Hidden(a.hidden());
            run(b.as_mut(), &Job { input, place: pos.into(), want: Want::LastLogits }).unwrap();
            let error = nmse(b.logits(), whole.logits());
            assert!(error <= F16_TILE, "{architecture} at {pos}: {error:.1e}");
        }
    }
}
