//! Several sequences in one player: each is computed as if it were alone, to the bit, whoever
//! shares its passes, on every instruction set; and none reaches into another's cache.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/synthetic.rs"]
mod synthetic;

use common::play;
use kernels::{
    Draw, Input, Job, KvType, Place, Plan, Player, PlayerConfig, PlayerError, RowAt, Sampling, Want,
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

fn config(n_slots: usize, kv: KvType) -> PlayerConfig {
    PlayerConfig { n_ctx: 100, n_slots, kv, n_threads: 2 }
}

/// The ids of sequence `slot`.
fn ids(slot: usize, n: usize) -> Vec<u32> {
    let at = |i: usize| ((i * 7919 + slot * 104_729 + 13) % DIMS.n_vocab) as u32;
    (0..n).map(at).collect()
}

/// Logits after each of the last `n_steps` ids of a sequence, one row at a time.
fn alone(player: &mut dyn Player, slot: usize, n_prompt: usize, n_steps: usize) -> Vec<Vec<f32>> {
    let ids = ids(slot, n_prompt + n_steps);
    let run = |player: &mut dyn Player, ids: &[u32], pos: usize| {
        play(player, &Job { input: Input::Tokens(ids), place: pos.into(), want: Want::LastLogits });
        player.logits().to_vec()
    };
    run(player, &ids[..n_prompt], 0);
    (n_prompt..n_prompt + n_steps).map(|i| run(player, &ids[i..=i], i)).collect()
}

/// The same for all slots together, prompts in between of steps; `[slot][step]`.
fn together(player: &mut dyn Player, prompts: &[usize], n_steps: usize) -> Vec<Vec<Vec<f32>>> {
    for (slot, &n) in prompts.iter().enumerate() {
        let place = Place::Run(RowAt { slot, pos: 0 });
        let ids = ids(slot, n);
        play(player, &Job { input: Input::Tokens(&ids), place, want: Want::LastLogits });
    }
    let mut logits = vec![Vec::new(); prompts.len()];
    for step in 0..n_steps {
        // Backwards at odd steps: the order of rows is not that of slots.
        let mut slots: Vec<usize> = (0..prompts.len()).collect();
        if step % 2 == 1 {
            slots.reverse();
        }
        let rows: Vec<RowAt> =
            slots.iter().map(|&slot| RowAt { slot, pos: prompts[slot] + step }).collect();
        let last: Vec<u32> = rows.iter().map(|row| ids(row.slot, row.pos + 1)[row.pos]).collect();
        let place = Place::Each(&rows);
        play(player, &Job { input: Input::Tokens(&last), place, want: Want::AllLogits });
        let all = player.logits().chunks_exact(DIMS.n_vocab);
        slots.iter().zip(all).for_each(|(&slot, row)| logits[slot].push(row.to_vec()));
    }
    logits
}

fn bits(rows: &[Vec<f32>]) -> Vec<u32> {
    rows.iter().flatten().map(|v| v.to_bits()).collect()
}

#[test]
fn a_row_has_the_bits_it_has_alone() {
    let prompts = [40, 1, 17, 64, 5, 33];
    for (types, window) in [(TYPES, None), (TYPES, Some(20)), (&[TensorType::F16][..], None)] {
        let plan: Plan = plan(DIMS, types, window);
        for isa in cpu::instruction_sets() {
            for kv in [KvType::F32, KvType::F16, KvType::Q8_0] {
                let player = |n_slots| {
                    load(&plan, cpu::loader_named(&plan, config(n_slots, kv), isa).unwrap())
                };
                let got = together(&mut *player(prompts.len()), &prompts, 4);
                for (slot, (&n_prompt, got)) in prompts.iter().zip(&got).enumerate() {
                    let want = alone(&mut *player(1), slot, n_prompt, 4);
                    // No `assert_eq`: it would print thousands of numbers.
                    let is_same = bits(got) == bits(&want);
                    assert!(is_same, "{isa}, {kv:?}, window {window:?}, slot {slot}");
                }
                if kv != KvType::F32 && isa == "portable" {
                    break; // slow, and the cache types differ in nothing else
                }
            }
        }
    }
}

#[test]
fn tokens_are_chosen_per_row() {
    let plan = plan(DIMS, TYPES, None);
    let mut player = load(&plan, cpu::loader(&plan, config(3, KvType::F16)).unwrap());
    let greedy = Sampling::default();
    let warm = Sampling { temperature: 0.9, top_k: 30, seed: 11, ..greedy };
    let shy = Sampling { repeat_penalty: 1e6, ..greedy };
    let rows = [2, 0, 1].map(|slot| RowAt { slot, pos: 0 });
    let run = |player: &mut dyn Player, want: Want<'_>| {
        let place = Place::Each(&rows);
        play(player, &Job { input: Input::Tokens(&[5, 6, 7]), place, want });
    };
    run(&mut *player, Want::AllLogits);
    let logits: Vec<Vec<f32>> =
        player.logits().chunks_exact(DIMS.n_vocab).map(<[f32]>::to_vec).collect();
    let best = kernels::sampling::argmax(&logits[2]);
    let draws = [
        Draw { sampling: &greedy, recent: &[] },
        Draw { sampling: &warm, recent: &[] },
        Draw { sampling: &shy, recent: &[best] },
    ];
    run(&mut *player, Want::Choices(&draws));
    let mut scratch = kernels::sampling::Scratch::default();
    let mut want = Vec::new();
    for (draw, logits) in draws.iter().zip(&mut logits.clone()) {
        kernels::sampling::penalize(draw.sampling, draw.recent, logits);
        want.push(kernels::sampling::choose(draw.sampling, logits, 1, &mut scratch));
    }
    assert_eq!(player.tokens(), want);
    assert_ne!(want[2], best, "the penalty counts");
    // The logits stay as the model gave them.
    assert_eq!(player.logits(), logits.concat());
}

#[test]
fn places_that_cannot_be_are_refused() {
    let plan = plan(DIMS, TYPES, None);
    let mut player = load(&plan, cpu::loader(&plan, config(2, KvType::F16)).unwrap());
    let at = |slot, pos| RowAt { slot, pos };
    let mut refuse = |ids: &[u32], place: Place<'_>, want: Want<'_>| {
        player.submit(&Job { input: Input::Tokens(ids), place, want }).unwrap_err()
    };
    let slot = PlayerError::Slot { slot: 2, n_slots: 2 };
    assert_eq!(refuse(&[1], Place::Run(at(2, 0)), Want::Nothing), slot);
    assert_eq!(refuse(&[1, 1], Place::Each(&[at(0, 0), at(2, 0)]), Want::Nothing), slot);
    let twice = PlayerError::Slot { slot: 1, n_slots: 2 };
    assert_eq!(refuse(&[1, 1], Place::Each(&[at(1, 0), at(1, 1)]), Want::Nothing), twice);
    let beyond = PlayerError::Context { pos: 100, n_ctx: 100 };
    assert_eq!(refuse(&[1], Place::Each(&[at(1, 100)]), Want::Nothing), beyond);
    let sampling = Sampling::default();
    let draws = [Draw { sampling: &sampling, recent: &[] }];
    let tokens = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 1 };
    let unsupported: [(&[u32], Place<'_>, Want<'_>); 4] = [
        (&[1, 2], Place::Each(&[at(0, 0)]), Want::Nothing),
        (&[1], Place::Each(&[at(0, 0)]), tokens),
        (&[1], 0.into(), Want::Choices(&draws)),
        (&[1, 2], Place::Each(&[at(0, 0), at(1, 0)]), Want::Choices(&draws)),
    ];
    for (ids, place, want) in unsupported {
        let error = refuse(ids, place, want);
        assert!(matches!(error, PlayerError::Unsupported { .. }), "{error}");
    }
    for n_slots in [0, kernels::MAX_SLOTS + 1] {
        assert!(cpu::loader(&plan, config(n_slots, KvType::F16)).is_err(), "{n_slots} slots");
    }
}
