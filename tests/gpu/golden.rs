//! Fixture models against llama.cpp's logits and 48 greedy tokens.

use crate::case::{self, fixtures};
use crate::{CONFIG, any, open, player};

/// f32 sums over the same weights.
const FLOAT: f64 = 1e-6;
/// The prompt's weight tiles may be in f16.
const QUANTIZED: f64 = 1e-5;

#[test]
fn gpu_equals_llama_cpp() {
    let Some(files) = fixtures("models") else {
        return;
    };
    let Some(gpu) = open(&any()) else { return };
    println!("{:?}", gpu.summary());
    let mut failures = Vec::new();
    for path in files {
        let model = case::open(&path);
        let allowed = if model.is_quantized() { QUANTIZED } else { FLOAT };
        let is_stories = path.to_string_lossy().contains("stories");
        let loader = |plan: &kernels::Plan| gpu.loader(plan, CONFIG).unwrap();
        let mut player = player::load(&model, loader);
        for (i, case) in model.cases.iter().enumerate() {
            let nmse = player::last_logits_nmse(player.as_mut(), case);
            let wrong = player::wrong_greedy_tokens(player.as_mut(), case, allowed, is_stories);
            let label = format!("gpu {} prompt {i}: NMSE {nmse:.2e}", model.name);
            println!("{label}, {} greedy tokens, {} wrong", case.greedy.len(), wrong.len());
            if nmse.is_nan() || nmse > allowed || !wrong.is_empty() {
                failures.push(format!("{label} (allowed {allowed:.0e}), wrong at {wrong:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
