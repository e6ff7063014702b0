//! A model's weights into a player, as an engine would, in the pieces players are promised.

#![allow(clippy::unwrap_used, reason = "only tests call it: a failed unwrap is a failed test")]

use std::future::poll_fn;

use engine::Env;
use gguf::Gguf;
use kernels::{LOAD_ROWS, Loader, Plan, Player, WeightId};

/// An engine's surroundings without a clock and without chance.
#[must_use]
pub fn env() -> Env {
    Env {
        now_ms: Box::new(|| 0.0),
        now_local: Box::new(|| chat::Moment::from_unix(0, 0)),
        entropy: Box::new(|| 7),
        pause: None,
    }
}

/// Loads all weights of `plan`.
pub fn load(gguf: &Gguf, plan: &Plan, mut loader: Box<dyn Loader>) -> Box<dyn Player> {
    for (i, weight) in plan.weights.iter().enumerate() {
        let mut bytes = vec![0; weight.n_bytes()];
        let first = (weight.first_row * weight.row_bytes()) as u64;
        gguf.read_tensor(gguf.tensor(&weight.name).unwrap(), first, &mut bytes).unwrap();
        for (piece, bytes) in bytes.chunks(LOAD_ROWS * weight.row_bytes()).enumerate() {
            loader.write(WeightId(i), piece * LOAD_ROWS, bytes).unwrap();
        }
    }
    pollster::block_on(poll_fn(|cx| loader.poll_flushed(cx))).unwrap();
    loader.finish().unwrap()
}
