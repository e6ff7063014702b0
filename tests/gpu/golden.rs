//! Fixture models against llama.cpp's logits and 48 greedy tokens.

use std::path::PathBuf;

use gpu::Options;
use kernels::shader::{Choices, Dot};

use crate::case::{self, fixtures};
use crate::{CONFIG, any, open, player};

/// f32 sums over the same weights.
const FLOAT: f64 = 1e-6;
/// The prompt's weight tiles may be in f16.
const QUANTIZED: f64 = 1e-5;
/// Inputs of 8 bits: llama.cpp's own CPU path errs by 4e-4 … 1.4e-3.
const EIGHT_BIT: f64 = 2e-3;

#[test]
fn gpu_equals_llama_cpp() {
    let Some(files) = fixtures("models") else {
        return;
    };
    compare("gpu", &any(), files, QUANTIZED);
}

/// Integer products on one file of each kind of scale: 32 weights, 32 with an offset, 16, a table.
#[test]
fn gpu_in_integers_is_as_near_as_other_8_bit_inputs() {
    let Some(mut files) = fixtures("models") else {
        return;
    };
    let kinds = ["llama-Q8_0", "qwen2-Q4_K_M", "gemma3-Q4_K_M", "llama-Q6_K", "llama-IQ4_XS"];
    files.retain(|path| kinds.iter().any(|kind| path.to_string_lossy().contains(kind)));
    assert_eq!(files.len(), kinds.len());
    let options = Options { choices: Choices::all(Dot::Int), ..any() };
    compare("gpu in integers", &options, files, EIGHT_BIT);
}

fn compare(name: &str, options: &Options, files: Vec<PathBuf>, quantized: f64) {
    let Some(gpu) = open(options) else { return };
    println!("{:?}", gpu.summary());
    let mut failures = Vec::new();
    for path in files {
        let model = case::open(&path);
        let allowed = if model.is_quantized() { quantized } else { FLOAT };
        let is_stories = path.to_string_lossy().contains("stories");
        let loader = |plan: &kernels::Plan| gpu.loader(plan, CONFIG).unwrap();
        let mut player = player::load(&model, loader);
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
