//! The player's contract on a model made here: results do not depend on threads, instruction set
//! or how a prompt is cut; nothing is allocated per token; bad jobs and plans are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/synthetic.rs"]
mod synthetic;

use common::{nmse, play};
use kernels::{
    Input, Job, KvType, Plan, Player, PlayerConfig, PlayerError, Sampling, Want, WeightId,
};
use quant::TensorType;
use synthetic::{DIMS, load, plan};

const TYPES: &[TensorType] = &[
    TensorType::Q6_K,
    TensorType::Q4_K,
    TensorType::F16,
    TensorType::Q5_0,
    TensorType::Q8_0,
    TensorType::Q4_0,
    TensorType::Q5_K,
];
const FLOATS: &[TensorType] = &[TensorType::F32, TensorType::F16];

fn config(n_threads: usize) -> PlayerConfig {
    PlayerConfig { n_ctx: 200, n_slots: 1, kv: KvType::F32, n_threads }
}

fn ids(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 7919 + 13) % DIMS.n_vocab as u32).collect()
}

fn player_of(plan: &Plan, config: PlayerConfig) -> Box<dyn Player> {
    load(plan, cpu::loader(plan, config).unwrap())
}

fn run(player: &mut dyn Player, ids: &[u32], pos: usize, want: Want<'_>) -> Vec<f32> {
    play(player, &Job { input: Input::Tokens(ids), place: pos.into(), want });
    player.logits().to_vec()
}

#[test]
fn logits_equal_the_reference_player() {
    for (types, window, limit) in
        [(FLOATS, Some(20), 1e-9), (FLOATS, None, 1e-9), (TYPES, Some(70), 5e-3)]
    {
        let plan = plan(DIMS, types, window);
        let ids = ids(60);
        let mut reference = load(&plan, kernels::reference::loader(&plan, config(1)).unwrap());
        let want = run(&mut *reference, &ids, 0, Want::AllLogits);
        for isa in cpu::instruction_sets() {
            let loader = cpu::loader_named(&plan, config(2), isa).unwrap();
            let got = run(&mut *load(&plan, loader), &ids, 0, Want::AllLogits);
            let error = nmse(&got, &want);
            assert!(error < limit, "{isa}, window {window:?}: {error:.1e}");
        }
    }
}

#[test]
fn pulled_weights_are_the_written_ones() {
    let plan = plan(DIMS, TYPES, Some(20));
    let ids = ids(10);
    let written = run(&mut *player_of(&plan, config(1)), &ids, 0, Want::AllLogits);
    for n_threads in [1, 3] {
        let loader = cpu::loader(&plan, config(n_threads)).unwrap();
        let mut player = synthetic::load_by_pull(&plan, loader);
        assert_eq!(run(&mut *player, &ids, 0, Want::AllLogits), written, "{n_threads} threads");
    }
    let mut loader = cpu::loader(&plan, config(2)).unwrap();
    let table = plan.weights.iter().position(|weight| weight.n_rows == DIMS.n_vocab).unwrap();
    // A failed read is the reader's to report; rows that are not there are the caller's mistake.
    assert!(loader.pull(WeightId(table), 0..64, &|_, _| false).unwrap());
    for rows in [1..64, 0..63, 0..DIMS.n_vocab + 64] {
        assert!(loader.pull(WeightId(table), rows, &|_, _| true).is_err());
    }
    assert!(loader.pull(WeightId(plan.weights.len()), 0..64, &|_, _| true).is_err());
}

#[test]
fn cache_types_agree() {
    let plan = plan(DIMS, FLOATS, None);
    let ids = ids(100);
    let want = run(&mut *player_of(&plan, config(2)), &ids, 0, Want::LastLogits);
    for (kv, limit) in [(KvType::F16, 1e-6), (KvType::Q8_0, 1e-3)] {
        let mut player = player_of(&plan, PlayerConfig { kv, ..config(2) });
        let got = run(&mut *player, &ids, 0, Want::LastLogits);
        let error = nmse(&got, &want);
        assert!(error > 0.0 && error < limit, "{kv:?}: {error:.1e}");
    }
}

#[test]
fn threads_do_not_change_bits() {
    let plan = plan(DIMS, TYPES, Some(33));
    let play = |n_threads| {
        let mut player = player_of(&plan, config(n_threads));
        let mut all = run(&mut *player, &ids(100), 0, Want::AllLogits);
        all.extend(run(&mut *player, &[7], 100, Want::LastLogits));
        all.iter().map(|v| v.to_bits()).collect::<Vec<u32>>()
    };
    let one = play(1);
    // No `assert_eq`: it would print thirty thousand numbers.
    assert!(one == play(2), "2 threads");
    assert!(one == play(3), "3 threads");
}

#[test]
fn a_prompt_may_be_cut_anywhere_and_rewound() {
    let plan = plan(DIMS, TYPES, None);
    let ids = ids(90);
    let mut player = player_of(&plan, config(2));
    let whole = run(&mut *player, &ids, 0, Want::LastLogits);
    run(&mut *player, &ids[..30], 0, Want::Nothing);
    for i in 30..34 {
        run(&mut *player, &ids[i..=i], i, Want::Nothing);
    }
    assert!(player.logits().is_empty());
    let cut = run(&mut *player, &ids[34..], 34, Want::LastLogits);
    // One row and several rows sum in different orders.
    assert!(nmse(&cut, &whole) < 1e-4, "{:.1e}", nmse(&cut, &whole));
    run(&mut *player, &[3, 4, 5, 6], 40, Want::Nothing);
    let again = run(&mut *player, &ids[40..], 40, Want::LastLogits);
    assert!(nmse(&again, &whole) < 1e-4);
}

#[test]
fn a_split_plan_passes_hidden_rows() {
    let plan = plan(DIMS, FLOATS, None);
    let ids = ids(40);
    let want = run(&mut *player_of(&plan, config(1)), &ids, 0, Want::LastLogits);
    let (first, second) = plan.split_at(1);
    let (mut a, mut b) = (part(&plan, &first), part(&plan, &second));
    play(&mut *a, &Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::Hidden });
    play(
        &mut *b,
        &Job { input: Input::Hidden(a.hidden()), place: 0.into(), want: Want::LastLogits },
    );
    assert_eq!(b.logits(), want);
    let logits = Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::LastLogits };
    assert!(matches!(a.submit(&logits), Err(PlayerError::Unsupported { .. })));
}

/// A part of a plan with the weights of the whole, by name.
fn part(whole: &Plan, part: &Plan) -> Box<dyn Player> {
    let mut loader = cpu::loader(part, config(2)).unwrap();
    for (i, weight) in part.weights.iter().enumerate() {
        let seed = whole.weights.iter().position(|w| w.name == weight.name).unwrap();
        loader.write(WeightId(i), 0, &synthetic::bytes(weight, seed as u64 + 1)).unwrap();
    }
    loader.finish().unwrap()
}

#[test]
fn chosen_tokens_equal_the_reference_chain() {
    let plan = plan(DIMS, FLOATS, None);
    let sampling = Sampling {
        temperature: 0.8,
        top_k: 40,
        top_p: 0.95,
        repeat_penalty: 1.2,
        seed: 5,
        ..Sampling::default()
    };
    for sampling in [Sampling::default(), sampling] {
        let recent = ids(20);
        let want = Want::Tokens { sampling: &sampling, recent: &recent, n_tokens: 12 };
        let job = Job { input: Input::Tokens(&recent), place: 0.into(), want };
        let mut reference = load(&plan, kernels::reference::loader(&plan, config(1)).unwrap());
        play(&mut *reference, &job);
        let mut player = player_of(&plan, config(2));
        play(&mut *player, &job);
        assert_eq!(player.tokens(), reference.tokens());
    }
}

#[test]
fn bad_jobs_are_refused() {
    let plan = plan(DIMS, FLOATS, None);
    let mut player = player_of(&plan, config(2));
    let mut refuse = |ids: &[u32], pos: usize| {
        let job = Job { input: Input::Tokens(ids), place: pos.into(), want: Want::LastLogits };
        player.submit(&job).unwrap_err()
    };
    assert_eq!(refuse(&[301], 0), PlayerError::Token { id: 301, n_vocab: 301 });
    assert_eq!(refuse(&[1, 2], 199), PlayerError::Context { pos: 200, n_ctx: 200 });
    assert!(matches!(refuse(&[1], usize::MAX), PlayerError::Context { .. }));
    assert!(matches!(refuse(&[], 0), PlayerError::Rows { n_rows: 0, .. }));
    assert!(matches!(refuse(&vec![1; 100_000], 0), PlayerError::Rows { .. }));
    let hidden = Job { input: Input::Hidden(&[0.0; 256]), place: 0.into(), want: Want::LastLogits };
    assert!(matches!(player.submit(&hidden), Err(PlayerError::Unsupported { .. })));
}

#[test]
fn bad_plans_are_refused() {
    let good = plan(DIMS, FLOATS, None);
    let refuse = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        cpu::loader(&plan, config(1)).err().expect("refused")
    };
    let other = refuse(&|p| p.weights[0].ty = TensorType::IQ1_S);
    assert!(matches!(other, PlayerError::TensorType { .. }), "{other}");
    for change in [
        (&|p: &mut Plan| p.weights[2].n_rows = 33) as &dyn Fn(&mut Plan),
        &|p| p.weights[1].n_cols = 255,
        &|p| p.ropes.clear(),
        &|p| p.n_kv_layers = 3,
        &|p| p.weights.truncate(3),
    ] {
        let error = refuse(change);
        assert!(matches!(error, PlayerError::Unsupported { .. }), "{error}");
    }
    let huge = PlayerConfig { n_ctx: 1 << 48, ..config(1) };
    let error = cpu::loader(&good, huge).err().expect("refused");
    assert!(matches!(error, PlayerError::Memory { .. }), "{error}");
}

#[test]
fn nan_in_weights_ends_in_nan_and_not_in_a_panic() {
    for ty in [TensorType::F32, TensorType::Q4_0, TensorType::Q4_K] {
        let plan = plan(DIMS, &[ty], None);
        for isa in cpu::instruction_sets() {
            let mut loader = cpu::loader_named(&plan, config(2), isa).unwrap();
            for (i, weight) in plan.weights.iter().enumerate() {
                loader.write(WeightId(i), 0, &vec![0xff; weight.n_bytes()]).unwrap();
            }
            let mut player = loader.finish().unwrap();
            run(&mut *player, &ids(20), 0, Want::LastLogits);
            let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
            let want = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 3 };
            play(&mut *player, &Job { input: Input::Tokens(&[1]), place: 20.into(), want });
            assert!(player.logits().iter().all(|l| l.is_nan()), "{ty} on {isa}");
        }
    }
}
