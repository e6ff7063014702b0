//! Whole models on every GPU adapter and in every kernel form.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

#[path = "../golden/case.rs"]
mod case;
#[path = "../golden/player.rs"]
mod player;

use case::{Case, fixtures};
use kernels::{KvType, PlayerConfig};

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 256, kv: KvType::F32, n_threads: 2 };

#[test]
fn logits_and_greedy_tokens() {
    let Some(files) = fixtures("models") else { return };
    let filter = std::env::var("ONLY").unwrap_or_default();
    let options = gpu::Options { allow_software: true, ..Default::default() };
    let gpu = pollster::block_on(gpu::Gpu::open(&options)).unwrap();
    println!("{:?}", gpu.summary());
    let mut failures = Vec::new();
    for path in files.into_iter().filter(|p| p.to_string_lossy().contains(&filter)) {
        let model = case::open(&path);
        let allowed = if model.is_quantized() { 1e-5 } else { 1e-6 };
        let is_stories = path.to_string_lossy().contains("stories");
        let start = std::time::Instant::now();
        let mut player = player::load(&model, |plan: &kernels::Plan| gpu.loader(plan, CONFIG).unwrap());
        for (i, case) in model.cases.iter().enumerate() {
            let nmse = player::last_logits_nmse(player.as_mut(), case);
            let wrong = player::wrong_greedy_tokens(player.as_mut(), case, allowed, is_stories);
            let label = format!("gpu {} prompt {i}: NMSE {nmse:.2e}", model.name);
            println!("{label}, {} wrong, {:?}", wrong.len(), start.elapsed());
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
