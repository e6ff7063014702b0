//! The sampler against `kernels::sampling`: the same token, for the same logits, seed and position.

use bytemuck::cast_slice;
use kernels::sampling::{self, Scratch};
use kernels::shader::params::{self, Step};
use kernels::shader::{Kernel, Reduced};
use kernels::{PlayerError, Sampling};

use super::EQUAL;
use super::data::Random;
use super::run::{Checker, Run, words};
use crate::chain::with_sampling;
use crate::store::{TOPK_MAX, TOPK_SLICE};

/// Share of draws that may differ: `exp` of the GPU is not that of the CPU, so a draw that falls
/// within 1e-6 of a boundary between two tokens may go to the other.
const NEAR_BOUNDARY: f64 = 0.02;

pub async fn check(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    greedy(checker).await?;
    penalties(checker).await?;
    let base = Sampling { temperature: 0.8, top_k: 40, ..Sampling::default() };
    let nucleus = Sampling { top_p: 0.9, min_p: 0.05, ..base };
    let wide = Sampling { temperature: 1.5, top_k: 256, ..base };
    for (name, sampling) in [
        ("top-k", base),
        ("top-k, top-p, min-p", nucleus),
        ("top-k 1", Sampling { top_k: 1, ..base }),
        ("top-k 256", wide),
    ] {
        for n_vocab in [50, 1025, 151_936] {
            chain(checker, &format!("sample {name} of {n_vocab}"), sampling, n_vocab).await?;
        }
    }
    Ok(())
}

/// Logits with ties, extremes and numbers that are none.
fn logits(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut logits: Vec<f32> = (0..n).map(|_| (random.unit() * 8.0).round() / 2.0).collect();
    logits[n / 3] = f32::NAN;
    logits[n / 4] = f32::NEG_INFINITY;
    logits
}

async fn choose(
    checker: &mut Checker<'_>,
    stages: [Reduced; 2],
    n_lists: u32,
    logits: &[f32],
    step: Step,
) -> Result<u32, PlayerError> {
    let params = params::Sample { n_vocab: logits.len() as u32, n_lists, ..Default::default() };
    let lists = vec![0u32; 2 * n_lists as usize * TOPK_MAX];
    let run = Run {
        kernel: Kernel::Sample(stages[0]),
        params,
        step,
        buffers: vec![(4, cast_slice(logits)), (5, cast_slice(&lists))],
        outputs: vec![5],
        grid: [n_lists, 1],
    };
    let lists = checker.run(run).await?.remove(&5).unwrap_or_default();
    let run = Run {
        kernel: Kernel::Sample(stages[1]),
        params,
        step,
        buffers: vec![(4, &lists), (5, &[0xff; 16])],
        outputs: vec![5],
        grid: [1, 1],
    };
    let outputs = checker.run(run).await?;
    Ok(words(&outputs, 5).first().copied().unwrap_or(u32::MAX))
}

pub(super) async fn greedy(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    let mut cases = vec![logits(1, 40), logits(300, 41), logits(151_936, 42)];
    cases.push(vec![f32::NAN; 77]);
    cases.push(vec![f32::NEG_INFINITY; 77]);
    cases.push(vec![-0.0, 0.0, f32::NAN, 0.0]);
    for logits in cases {
        let name = format!("greedy of {}", logits.len());
        if !checker.wants(&name) {
            continue;
        }
        let n_lists = (logits.len() as u32).div_ceil(256).min(64);
        let stages = [Reduced::ArgmaxPart, Reduced::ArgmaxFinal];
        let got = choose(checker, stages, n_lists, &logits, Step::default()).await?;
        let wrong = got != sampling::argmax(&logits);
        checker.record(name, f64::from(u8::from(wrong)), EQUAL);
    }
    Ok(())
}

pub(super) async fn chain(
    checker: &mut Checker<'_>,
    name: &str,
    sampling: Sampling,
    n_vocab: usize,
) -> Result<(), PlayerError> {
    const N_DRAWS: u32 = 12;
    if !checker.wants(name) {
        return Ok(());
    }
    let logits = logits(n_vocab, 43);
    let n_lists = n_vocab.div_ceil(TOPK_SLICE) as u32;
    let stages = [Reduced::TopkPart, Reduced::TopkFinal];
    let mut wrong = 0;
    for i in 0..N_DRAWS {
        let sampling = Sampling { seed: 7 + i, ..sampling };
        let step = with_sampling(&sampling, Step { draw_pos: 100 * i, ..Step::default() });
        let got = choose(checker, stages, n_lists, &logits, step).await?;
        let want = sampling::choose(&sampling, &logits, 100 * i, &mut Scratch::default());
        wrong += u32::from(got != want);
    }
    let error = f64::from(wrong) / f64::from(N_DRAWS);
    checker.record(name.to_string(), error, NEAR_BOUNDARY);
    Ok(())
}

async fn penalties(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    let name = "penalties".to_string();
    if !checker.wants(&name) {
        return Ok(());
    }
    let sampling = Sampling {
        repeat_penalty: 1.3,
        presence_penalty: 0.25,
        frequency_penalty: 0.5,
        repeat_last_n: 256,
        ..Sampling::default()
    };
    let mut logits = logits(500, 44);
    let mut random = Random::new(45);
    let recent: Vec<u32> = (0..200).map(|_| random.bits() % 60).collect();
    let step = with_sampling(&sampling, Step { n_recent: 200, ..Step::default() });
    let run = Run {
        kernel: Kernel::Sample(Reduced::Penalize),
        params: params::Sample { n_vocab: 500, ..Default::default() },
        step,
        buffers: vec![(4, cast_slice(&logits)), (5, cast_slice(&recent))],
        outputs: vec![4],
        grid: [1, 1],
    };
    let outputs = checker.run(run).await?;
    sampling::penalize(&sampling, &recent, &mut logits);
    let near = |got: u32, want: f32| {
        let got = f32::from_bits(got);
        (got - want).abs() <= 1e-6 * want.abs().max(1.0) || got.to_bits() == want.to_bits()
    };
    let got = words(&outputs, 4);
    let n_wrong = got.iter().zip(&logits).filter(|(g, w)| !w.is_nan() && !near(**g, **w)).count();
    checker.record(name, n_wrong as f64, EQUAL);
    Ok(())
}
