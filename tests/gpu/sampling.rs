//! Tokens chosen on the GPU, alone and in chains, against the host's sampler on the same logits.

use std::future::poll_fn;

use kernels::sampling::{self, Scratch};
use kernels::{Input, Job, Player, Sampling, Want};
use tests::models::Spec;

use crate::{CONFIG, any, load, model_of, open, run};

const PROMPT: &[u32] = &[3, 99, 250, 99, 7];

/// The host's way: logits read back, penalized, chosen, fed back.
fn on_host(player: &mut dyn Player, sampling: &Sampling, n: usize) -> Vec<u32> {
    let mut ids = PROMPT.to_vec();
    let mut fed = 0;
    for _ in 0..n {
        let (input, pos) = (Input::Tokens(&ids[fed..]), fed);
        run(player, &Job { input, place: pos.into(), want: Want::LastLogits }).unwrap();
        fed = ids.len();
        let mut logits = player.logits().to_vec();
        sampling::penalize(sampling, &ids, &mut logits);
        let pos = u32::try_from(ids.len()).unwrap();
        ids.push(sampling::choose(sampling, &logits, pos, &mut Scratch::default()));
    }
    ids.split_off(PROMPT.len())
}

/// The GPU's way: chains of `chain` tokens.
fn on_gpu(player: &mut dyn Player, sampling: &Sampling, n: usize, chain: usize) -> Vec<u32> {
    let mut ids = PROMPT.to_vec();
    let mut fed = 0;
    while ids.len() < PROMPT.len() + n {
        let want = Want::Tokens { sampling, recent: &ids, n_tokens: chain };
        run(player, &Job { input: Input::Tokens(&ids[fed..]), place: fed.into(), want }).unwrap();
        ids.extend_from_slice(player.tokens());
        fed = ids.len() - 1;
    }
    ids.split_off(PROMPT.len())
}

/// The same with jobs queued before the last one is read, one read for each that is queued.
fn queued(
    player: &mut dyn Player,
    sampling: &Sampling,
    n: usize,
    sizes: impl Iterator<Item = usize>,
) -> Vec<u32> {
    let mut sizes = sizes.peekable();
    let first = *sizes.peek().unwrap();
    let want = Want::Tokens { sampling, recent: PROMPT, n_tokens: first };
    player.submit(&Job { input: Input::Tokens(PROMPT), place: 0.into(), want }).unwrap();
    let mut ids = Vec::new();
    let mut n_queued = sizes.next().unwrap();
    while ids.len() < n {
        while n_queued < n && player.submit_next(*sizes.peek().unwrap()).unwrap() {
            n_queued += sizes.next().unwrap();
        }
        pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
        ids.extend_from_slice(player.tokens());
    }
    ids.truncate(n);
    ids
}

/// Long enough that the slots of the step buffer are used again.
#[test]
fn queued_jobs_choose_the_hosts_tokens() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let player = player.as_mut();
    let sampling = Sampling {
        temperature: 0.9,
        top_k: 50,
        seed: 3,
        repeat_penalty: 1.2,
        repeat_last_n: 24,
        ..Sampling::default()
    };
    const N: usize = 150;
    let want = on_host(player, &sampling, N);
    for sizes in [vec![1], vec![7, 1, 30], vec![64]] {
        let got = queued(player, &sampling, N, sizes.iter().copied().cycle());
        assert_eq!(got, want, "{sizes:?}");
    }

    // What is still queued is dropped by the next job, which finds a cache that is its own.
    let want = on_host(player, &sampling, 8);
    let tokens = Want::Tokens { sampling: &sampling, recent: PROMPT, n_tokens: 2 };
    let start = Job { input: Input::Tokens(PROMPT), place: 0.into(), want: tokens };
    player.submit(&start).unwrap();
    let n_queued = (0..10).filter(|_| player.submit_next(3).unwrap()).count();
    assert_eq!(n_queued, 3, "a queue has an end");
    run(player, &start).unwrap();
    assert_eq!(player.tokens(), &want[..2]);
    let last = Job { input: Input::Tokens(&[1]), place: 4.into(), want: Want::LastLogits };
    run(player, &last).unwrap();
    assert!(!player.submit_next(1).unwrap(), "there is no chain to go on with");

    // And a chain ends with the context.
    player.submit(&start).unwrap();
    let mut n = 2;
    while player.submit_next(64).unwrap() {
        n += 64;
        pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
    }
    assert_eq!(n, 2 + 3 * 64, "{n} tokens in a context of {}", CONFIG.n_ctx);
}

#[test]
fn chains_choose_the_hosts_tokens() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let player = player.as_mut();
    let warm = Sampling { temperature: 0.9, top_k: 50, seed: 11, ..Sampling::default() };
    let penalized = Sampling {
        repeat_penalty: 1.2,
        presence_penalty: 0.3,
        frequency_penalty: 0.2,
        repeat_last_n: 8,
        ..warm
    };
    for sampling in [
        Sampling::default(),
        warm,
        Sampling { top_p: 0.8, min_p: 0.02, ..warm },
        penalized,
        Sampling { temperature: 0.0, ..penalized },
    ] {
        let want = on_host(player, &sampling, 16);
        for chain in [1, 4, 16] {
            assert!(player.can_sample(&sampling));
            assert_eq!(on_gpu(player, &sampling, 16, chain), want, "{sampling:?}, chain {chain}");
        }
    }
}

#[test]
fn what_the_gpu_cannot_sample_is_said() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let warm = Sampling { temperature: 1.0, top_k: 40, ..Sampling::default() };
    for sampling in [
        Sampling { top_k: 0, ..warm },
        Sampling { top_k: 257, ..warm },
        Sampling { typical_p: 0.9, ..warm },
    ] {
        assert!(!player.can_sample(&sampling), "{sampling:?}");
        let want = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 1 };
        let job = Job { input: Input::Tokens(&[1]), place: 0.into(), want };
        assert!(run(player.as_mut(), &job).is_err());
    }
}

/// NaN in the weights: garbage comes out, but it comes, and it is a token.
#[test]
fn nan_weights_neither_hang_nor_panic() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec { nan: true, ..Spec::tiny("llama") });
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    for sampling in [
        Sampling::default(),
        Sampling { temperature: 1.0, top_k: 40, top_p: 0.9, ..Sampling::default() },
    ] {
        let tokens = on_gpu(player.as_mut(), &sampling, 4, 2);
        assert!(tokens.iter().all(|&id| (id as usize) < model.plan.dims.n_vocab));
    }
}
