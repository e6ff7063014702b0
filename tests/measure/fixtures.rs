//! The fixtures' models and text, and what llama-perplexity printed.

use std::path::{Path, PathBuf};

use gpu::{Gpu, Options};
use kernels::{Plan, PlayerConfig, PlayerError};
use measure::{Cut, Windows};
use serde_json::Value;

use crate::{Keeper, Make, relative, session};

/// Allowed on F32 files, and on quantized ones, whose activations llama.cpp rounds.
const FLOAT: f64 = 5e-4;
const QUANTIZED: f64 = 5e-3;

fn root() -> PathBuf {
    std::env::var_os("INGLE_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    )
}

/// Runs the cases that `takes` on a player.
fn run(player: &str, make: Make, takes: impl Fn(&Value) -> bool) {
    let root = root();
    let Ok(file) = std::fs::read_to_string(root.join("perplexity.json")) else {
        println!("SKIPPED perplexity on {player}: no fixtures at {}", root.display());
        return;
    };
    let file: Value = serde_json::from_str(&file).unwrap();
    let text = std::fs::read_to_string(root.join(file["text"].as_str().unwrap())).unwrap();
    let cases = file["cases"].as_array().unwrap();
    for case in cases.iter().filter(|case| takes(case)) {
        let name = case["model"].as_str().unwrap();
        let number = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
        let cut = Cut { n_windows: Some(number("chunks")), ..Cut::new(number("n_ctx")) };
        let bytes = std::fs::read(root.join(name)).unwrap();
        let (mut session, _) = session(bytes, cut.n_positions(), make);
        let windows = Windows::new(session.tokenizer(), &text, cut).unwrap();
        let mut keeper = Keeper::default();
        let work = measure::perplexity(&mut session, &windows, &mut keeper);
        let got = pollster::block_on(work).unwrap().perplexity();
        let allowed = if name.contains("-Q") { QUANTIZED } else { FLOAT };
        let want = |key: &str| case[key].as_f64().unwrap();
        println!("{player} {name} {}: {got:?}, {}", cut.n_ctx, want("ppl"));
        assert!(relative(got.value, want("ppl")) < allowed, "{name}: {got:?}");
        assert!(relative(got.error, want("stderr")) < 4.0 * allowed, "{name}: {got:?}");
        if let Some(running) = case["running"].as_array() {
            for (i, want) in running.iter().enumerate() {
                let (got, want) = (keeper.running[i], want.as_f64().unwrap());
                assert!(relative(got, want) < allowed, "{name} window {i}: {got}, {want}");
            }
        }
    }
}

#[test]
fn the_cpu_gives_llama_perplexity_s_numbers() {
    run("cpu", cpu::loader, |_| true);
}

#[test]
fn the_gpu_gives_llama_perplexity_s_numbers() {
    let options = || Options { allow_software: true, ..Options::default() };
    if let Err(error) = pollster::block_on(Gpu::open(&options())) {
        println!("SKIPPED perplexity on gpu: {error}");
        return;
    }
    let make: Make = |plan: &Plan, config: PlayerConfig| {
        let allow = Options { allow_software: true, ..Options::default() };
        let gpu = pollster::block_on(Gpu::open(&allow))?;
        let loader = gpu.loader(plan, config)?;
        Ok::<_, PlayerError>(loader)
    };
    // One of each: a renderer on the CPU is slow.
    run("gpu", make, |case| case["n_ctx"] == 128 && case["model"] != "models/tiny-llama.gguf");
}
