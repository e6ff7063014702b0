//! The GPU player on whole models: against llama.cpp, against the reference player, in every kernel
//! form, with split tensors, and the promises about what a token costs.
//!
//! Runs on the first adapter found, software ones included (llvmpipe in CI); single kernels are
//! checked in the `gpu` crate. Without any adapter the tests report themselves as skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

#[path = "../golden/case.rs"]
mod case;
mod compiled;
mod cost;
mod doctor;
mod golden;
mod kept;
#[path = "../players/kept.rs"]
mod kept_rows;
#[path = "../players/slots.rs"]
#[allow(dead_code, reason = "the truth of slots is checked with the players")]
mod play_of_slots;
#[path = "../golden/player.rs"]
mod player;
mod profile;
mod refusals;
mod sampling;
mod seeded;
mod slots;
mod tap;
mod tuning;

use std::future::poll_fn;

use case::Case;
use gguf::Gguf;
use gpu::{Gpu, Options};
use kernels::{Input, Job, KvType, Player, PlayerConfig, PlayerError, Want};
use tests::models::Spec;
use tests::play::load;

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 256, n_slots: 1, kv: KvType::F32, n_threads: 2 };

/// Any adapter, in the forms it has.
fn any() -> Options {
    Options { allow_software: true, ..Options::default() }
}

/// Opens a GPU; `None` (said aloud) if the machine has no adapter.
fn open(options: &Options) -> Option<Gpu> {
    if pollster::block_on(gpu::list()).is_empty() {
        println!("SKIPPED gpu: no adapter, not even a software one (llvmpipe)");
        return None;
    }
    Some(pollster::block_on(Gpu::open(options)).unwrap())
}

/// A seeded model in memory.
fn model_of(spec: &Spec) -> (Gguf, model::Model) {
    let gguf = Gguf::open(Box::new(spec.bytes())).unwrap();
    let model = model::build(&gguf).unwrap();
    (gguf, model)
}

/// Submits and waits.
fn run(player: &mut dyn Player, job: &Job<'_>) -> Result<(), PlayerError> {
    player.submit(job)?;
    pollster::block_on(poll_fn(|cx| player.poll(cx)))
}

/// Evaluates tokens in chunks of `chunk` from position 0; logits of the last row.
fn logits_after(player: &mut dyn Player, tokens: &[u32], chunk: usize) -> Vec<f32> {
    for (i, ids) in tokens.chunks(chunk).enumerate() {
        let job =
            Job { input: Input::Tokens(ids), place: (i * chunk).into(), want: Want::LastLogits };
        run(player, &job).unwrap();
    }
    player.logits().to_vec()
}

fn nmse(got: &[f32], want: &[f32]) -> f64 {
    let pairs = || got.iter().zip(want).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs().map(|(_, b)| b * b).sum::<f64>()
}

/// How far one logit may move under a given NMSE: four standard deviations of the error.
fn margin_needed(case: &Case, nmse: f64) -> f64 {
    let power: f64 = case.logits.iter().map(|&l| f64::from(l) * f64::from(l)).sum();
    4.0 * (nmse * power / case.logits.len() as f64).sqrt()
}
