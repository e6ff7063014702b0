//! Driving a player: load a fixture, evaluate a prompt, follow the greedy path.

use std::future::poll_fn;

use kernels::{Input, Job, LOAD_ROWS, Loader, Plan, Player, Want, WeightId};

use crate::case::{Case, Fixture};

/// Streams all weights of a fixture into a player.
pub fn load(fixture: &Fixture, loader: impl Fn(&Plan) -> Box<dyn Loader>) -> Box<dyn Player> {
    let plan = &fixture.model.plan;
    let mut loader = loader(plan);
    for (i, weight) in plan.weights.iter().enumerate() {
        let info = fixture.gguf.tensor(&weight.name).unwrap();
        let mut bytes = vec![0; weight.n_bytes()];
        fixture.gguf.read_tensor(info, 0, &mut bytes).unwrap();
        let pieces = bytes.chunks(LOAD_ROWS * weight.row_bytes());
        for (piece, bytes) in pieces.enumerate() {
            loader.write(WeightId(i), piece * LOAD_ROWS, bytes).unwrap();
        }
    }
    pollster::block_on(poll_fn(|cx| loader.poll_flushed(cx))).unwrap();
    loader.finish().unwrap()
}

fn play(player: &mut dyn Player, tokens: &[u32], pos: usize) {
    let max_rows = player.max_rows();
    for (i, chunk) in tokens.chunks(max_rows).enumerate() {
        let (input, pos) = (Input::Tokens(chunk), pos + i * max_rows);
        let want = Want::LastLogits;
        player.submit(&Job { input, place: pos.into(), want }).unwrap();
        pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
    }
}

/// NMSE of the prompt's last logits: `Σ(a−b)² / Σb²`.
pub fn last_logits_nmse(player: &mut dyn Player, case: &Case) -> f64 {
    play(player, &case.tokens, 0);
    let got = player.logits();
    assert_eq!(got.len(), case.logits.len());
    let pairs = || got.iter().zip(&case.logits).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs().map(|(_, b)| b * b).sum::<f64>()
}

/// Indices of greedy tokens that differ although the margin decides them. The right token is fed
/// back each time, so that one near-tie does not hide all that follows.
pub fn wrong_greedy_tokens(
    player: &mut dyn Player,
    case: &Case,
    nmse: f64,
    all: bool,
) -> Vec<usize> {
    let needed = if all { 0.0 } else { crate::margin_needed(case, nmse) };
    let mut wrong = Vec::new();
    for (i, (&want, &margin)) in case.greedy.iter().zip(&case.margins).enumerate() {
        let got = kernels::sampling::argmax(player.logits());
        if got != want && margin > needed {
            wrong.push(i);
        }
        play(player, &[want], case.tokens.len() + i);
    }
    wrong
}
