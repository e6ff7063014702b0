//! The sampling chain: each knob alone, its order, and its edges.

use kernels::Sampling;
use kernels::sampling::{Scratch, argmax, choose, penalize, uniform};

/// Logits whose softmax is 0.5, 0.25, 0.15, 0.1 (in mixed order).
fn logits() -> Vec<f32> {
    [0.15f32, 0.5, 0.1, 0.25].map(f32::ln).to_vec()
}

/// Which ids come up over many positions.
fn support(sampling: &Sampling, logits: &[f32]) -> Vec<u32> {
    let mut scratch = Scratch::default();
    let mut seen: Vec<u32> =
        (0..2000).map(|pos| choose(sampling, logits, pos, &mut scratch)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn each_knob_cuts_the_support_it_should() {
    let on = Sampling { temperature: 1.0, ..Sampling::default() };
    let cases = [
        (on, vec![0, 1, 2, 3]),
        (Sampling { temperature: 0.0, ..on }, vec![1]),
        (Sampling { top_k: 1, ..on }, vec![1]),
        (Sampling { top_k: 2, ..on }, vec![1, 3]),
        (Sampling { top_k: 100, ..on }, vec![0, 1, 2, 3]),
        (Sampling { top_p: 0.4, ..on }, vec![1]),
        (Sampling { top_p: 0.6, ..on }, vec![1, 3]),
        (Sampling { top_p: 0.0, ..on }, vec![1]),
        (Sampling { min_p: 0.4, ..on }, vec![1, 3]),
        (Sampling { min_p: 1.0, ..on }, vec![1]),
        (Sampling { top_k: 3, top_p: 0.5, ..on }, vec![1]),
        // Entropy 1.21 nats; surprises: 1.39 (id 3), 0.69 (id 1), 1.90 (id 0), 2.30 (id 2).
        (Sampling { typical_p: 0.2, ..on }, vec![3]),
        (Sampling { typical_p: 0.7, ..on }, vec![1, 3]),
    ];
    for (sampling, want) in cases {
        assert_eq!(support(&sampling, &logits()), want, "{sampling:?}");
    }
}

#[test]
fn frequencies_follow_the_probabilities() {
    let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
    let mut scratch = Scratch::default();
    let n = 20_000;
    let hits = (0..n).filter(|&pos| choose(&sampling, &logits(), pos, &mut scratch) == 1).count();
    let share = hits as f64 / f64::from(n);
    assert!((share - 0.5).abs() < 0.015, "{share}");
}

#[test]
fn a_seed_and_a_position_give_one_number() {
    assert_eq!(uniform(1, 2), uniform(1, 2));
    assert_ne!(uniform(1, 2), uniform(2, 1));
    let mean = (0..4096).map(|pos| f64::from(uniform(9, pos))).sum::<f64>() / 4096.0;
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
    assert!((0..4096).all(|pos| (0.0..1.0).contains(&uniform(9, pos))));
}

#[test]
fn penalties_count_recent_tokens_within_their_window() {
    let sampling = Sampling {
        repeat_penalty: 2.0,
        presence_penalty: 0.5,
        frequency_penalty: 0.25,
        repeat_last_n: 3,
        ..Sampling::default()
    };
    let mut logits = vec![4.0, -4.0, 1.0, 8.0];
    penalize(&sampling, &[3, 0, 0, 1, 99], &mut logits); // 3 and the first 0 are too old
    assert_eq!(logits, [4.0 / 2.0 - 0.25 - 0.5, -8.0 - 0.25 - 0.5, 1.0, 8.0]);
}

#[test]
fn damaged_logits_neither_panic_nor_win() {
    let on = Sampling { temperature: 1.0, top_k: 2, top_p: 0.9, ..Sampling::default() };
    assert_eq!(argmax(&[f32::NAN, 1.0, 1.0]), 1);
    assert_eq!(argmax(&[]), 0);
    assert_eq!(support(&on, &[f32::NAN, 1.0, f32::NAN]), [1]);
    assert_eq!(support(&on, &[f32::NAN; 4]), [0]);
    assert_eq!(support(&on, &[]), [0]);
    assert_eq!(support(&on, &[f32::NEG_INFINITY, 2.0]), [1]);
    assert!(support(&on, &[f32::INFINITY, 2.0]).len() <= 2);
}
