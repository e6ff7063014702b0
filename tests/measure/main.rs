//! What `ingle perplexity`, `imatrix` and `quantize --validate` measure, against llama.cpp: on the
//! project's own seeded models and text (`truth.json`, made by `make_truth.py`) and, where they
//! are, on the fixtures' models.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod files;
mod fixtures;
mod seeded;
mod sensitive;
mod validated;

use std::ops::ControlFlow;

use engine::Session;
use gguf::Gguf;
use kernels::{KvType, Loader, Plan, PlayerConfig, PlayerError};
use measure::{Estimate, Watch};
use tests::play::env;

/// Makes a player.
pub type Make = fn(&Plan, PlayerConfig) -> Result<Box<dyn Loader>, PlayerError>;

/// A loaded model with an F32 cache, and its Plan.
pub fn session(file: Vec<u8>, n_ctx: usize, make: Make) -> (Session, Plan) {
    let opened = engine::open(Gguf::open(Box::new(file)).unwrap()).unwrap();
    let plan = opened.model.plan.clone();
    let config = PlayerConfig { n_ctx, n_slots: 1, kv: KvType::F32, n_threads: 2 };
    let load = opened.load(config, make, env(), |_, _| ControlFlow::Continue(()));
    (pollster::block_on(load).unwrap(), plan)
}

/// Keeps perplexities so far; stops where it is told to.
#[derive(Default)]
pub struct Keeper {
    pub running: Vec<f64>,
    /// Jobs until it stops, if it does.
    pub n_left: Option<usize>,
    done: f64,
}

impl Watch for Keeper {
    fn pulse(&mut self, done: f64, n_windows: usize) -> ControlFlow<()> {
        assert!(self.done <= done && done <= n_windows as f64, "{} {done}", self.done);
        self.done = done;
        match &mut self.n_left {
            Some(0) => return ControlFlow::Break(()),
            Some(n) => *n -= 1,
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn window(&mut self, i: usize, so_far: &Estimate) {
        assert_eq!(i, self.running.len());
        self.running.push(so_far.perplexity().value);
    }
}

/// The distance of two numbers as a part of the second.
pub fn relative(got: f64, want: f64) -> f64 {
    (got - want).abs() / want.abs()
}
