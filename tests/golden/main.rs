//! Whole models against llama.cpp: logits, and 48 greedy tokens after each of three prompts.
//!
//! The truth (`*.expected.json`) was computed with weights expanded to F32 and an F32 cache, so it
//! holds for any right implementation. Each player has its stated tolerance; a greedy token must be
//! equal wherever the margin between the two largest logits exceeds what that tolerance can move.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod case;
mod player;

use case::{Case, fixtures};
use kernels::{KvType, Plan, PlayerConfig};

/// Normalized mean squared error allowed on F32/F16 files and on quantized ones.
struct Tolerance {
    float: f64,
    quantized: f64,
}

/// f64 or f32 sums over the same weights: only rounding differs.
const EXACT: Tolerance = Tolerance { float: 1e-6, quantized: 1e-5 };
/// 8-bit activations: llama.cpp's own CPU path errs by 4e-4 … 1.4e-3.
const EIGHT_BIT: Tolerance = Tolerance { float: 3e-6, quantized: 2e-3 };

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 256, n_slots: 1, kv: KvType::F32, n_threads: 2 };

#[test]
fn reference_equals_llama_cpp() {
    run("reference", &EXACT, |plan| kernels::reference::loader(plan, CONFIG).unwrap());
}

#[test]
fn cpu_equals_llama_cpp_on_every_instruction_set() {
    for isa in cpu::instruction_sets() {
        let loader = |plan: &Plan| cpu::loader_named(plan, CONFIG, isa).unwrap();
        run(&format!("cpu {isa}"), &EIGHT_BIT, loader);
    }
}

fn run(name: &str, tolerance: &Tolerance, loader: impl Fn(&Plan) -> Box<dyn kernels::Loader>) {
    let Some(files) = fixtures("models") else { return };
    let mut failures = Vec::new();
    for path in files {
        let model = case::open(&path);
        let allowed = match model.is_quantized() {
            true => tolerance.quantized,
            false => tolerance.float,
        };
        let is_stories = path.to_string_lossy().contains("stories");
        let mut player = player::load(&model, &loader);
        for (i, case) in model.cases.iter().enumerate() {
            let nmse = player::last_logits_nmse(player.as_mut(), case);
            let wrong = player::wrong_greedy_tokens(player.as_mut(), case, allowed, is_stories);
            let label = format!("{name} {} prompt {i}: NMSE {nmse:.2e}", model.name);
            println!("{label}, {} greedy tokens, {} wrong", case.greedy.len(), wrong.len());
            if nmse.is_nan() || nmse > allowed || !wrong.is_empty() {
                failures.push(format!("{label} (allowed {allowed:.0e}), wrong at {wrong:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How far one logit may move under a given NMSE: four standard deviations of the error.
fn margin_needed(case: &Case, nmse: f64) -> f64 {
    let power: f64 = case.logits.iter().map(|&l| f64::from(l) * f64::from(l)).sum();
    4.0 * (nmse * power / case.logits.len() as f64).sqrt()
}
