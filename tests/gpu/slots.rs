//! Several sequences on the GPU: the reference's numbers, tokens chosen per row, and what a step
//! costs.

use gpu::Options;
use kernels::sampling::{Scratch, choose, penalize};
use kernels::{Draw, Input, Job, KvType, Place, PlayerConfig, RowAt, Sampling, Want};
use quant::TensorType;
use tests::models::{self, Spec};

use crate::play_of_slots::{N_SLOTS, play, wait};
use crate::seeded::{F16_TILE, STORED};
use crate::{CONFIG, any, load, model_of, nmse, open};

fn worst(spec: &Spec, options: &Options, config: PlayerConfig) -> Option<f64> {
    let gpu = open(options)?;
    let (gguf, model) = model_of(spec);
    let plan = &model.plan;
    let config = PlayerConfig { n_slots: N_SLOTS, ..config };
    let mut reference = load(&gguf, plan, kernels::reference::loader(plan, config).unwrap());
    let mut player = load(&gguf, plan, gpu.loader(plan, config).unwrap());
    let n_vocab = plan.dims.n_vocab;
    let want = play(reference.as_mut(), n_vocab);
    let got = play(player.as_mut(), n_vocab);
    Some(got.iter().zip(&want).map(|(got, want)| nmse(got, want)).fold(0.0, f64::max))
}

#[test]
fn slots_equal_the_references_on_every_seeded_model() {
    for (name, spec) in models::catalog() {
        let Some(worst) = worst(&spec, &any(), CONFIG) else { return };
        assert!(worst <= F16_TILE, "{name}: {worst:.1e}");
    }
}

#[test]
fn slots_equal_the_references_with_other_caches_forms_and_in_pieces() {
    let plain = Options { allow_subgroups: Some(false), allow_f16: Some(false), ..any() };
    let pieces = Options { max_binding_bytes: Some(60_000), ..any() };
    for architecture in ["llama", "gemma3"] {
        for (ty, kv, options) in [
            (TensorType::F32, KvType::F16, &any()),
            (TensorType::F32, KvType::Q8_0, &any()),
            (TensorType::Q8_0, KvType::F32, &plain),
            (TensorType::Q8_0, KvType::F32, &pieces),
        ] {
            let mut spec = Spec::quantized(architecture, ty);
            spec.shape.head_dim = 32;
            let config = PlayerConfig { n_ctx: 64, kv, ..CONFIG };
            let Some(worst) = worst(&spec, options, config) else { return };
            assert!(worst <= STORED, "{architecture} {kv:?} {options:?}: {worst:.1e}");
        }
    }
}

/// Each row has its own sampling, penalties among them; beyond one span of attention, too.
#[test]
fn tokens_are_chosen_per_row_in_one_submit() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let plan = &model.plan;
    let config = PlayerConfig { n_ctx: 600, n_slots: N_SLOTS, ..CONFIG };
    let mut player = load(&gguf, plan, gpu.loader(plan, config).unwrap());
    let (n_vocab, n_prompt) = (plan.dims.n_vocab, [590, 3, 300]);
    for (slot, n) in n_prompt.into_iter().enumerate() {
        let ids: Vec<u32> = (0..n).map(|i| (i * 31 + slot) as u32 % n_vocab as u32).collect();
        for (i, ids) in ids.chunks(player.max_rows()).enumerate() {
            let place = Place::Run(RowAt { slot, pos: i * player.max_rows() });
            wait(player.as_mut(), &Job { input: Input::Tokens(ids), place, want: Want::Nothing });
        }
    }
    let rows = [2, 0, 1].map(|slot| RowAt { slot, pos: n_prompt[slot] });
    let (input, place) = (Input::Tokens(&[9, 8, 7]), Place::Each(&rows));
    wait(player.as_mut(), &Job { input, place, want: Want::AllLogits });
    let logits: Vec<Vec<f32>> =
        player.logits().chunks_exact(n_vocab).map(<[f32]>::to_vec).collect();
    let greedy = Sampling::default();
    let best = kernels::sampling::argmax(&logits[1]);
    let shy = Sampling { repeat_penalty: 50.0, presence_penalty: 9.0, ..greedy };
    let warm = Sampling { temperature: 0.9, top_k: 30, top_p: 0.95, seed: 5, ..greedy };
    let draws = [
        Draw { sampling: &greedy, recent: &[] },
        Draw { sampling: &shy, recent: &[4, best, 6] },
        Draw { sampling: &warm, recent: &[] },
    ];
    let mut scratch = Scratch::default();
    let expected = draws.iter().zip(logits).zip(&rows).map(|((draw, mut logits), row)| {
        penalize(draw.sampling, draw.recent, &mut logits);
        choose(draw.sampling, &logits, row.pos as u32 + 1, &mut scratch)
    });
    let expected: Vec<u32> = expected.collect();
    assert_ne!(expected[1], best, "the penalty counts");
    for _ in 0..2 {
        let before = player.counters();
        wait(player.as_mut(), &Job { input, place, want: Want::Choices(&draws) });
        let after = player.counters();
        assert_eq!(player.tokens(), expected);
        assert_eq!(after.submits - before.submits, 1);
        assert_eq!(after.objects_created, before.objects_created);
        assert_eq!(after.bytes_read_back - before.bytes_read_back, 4 * rows.len() as u64);
    }
    // A single sequence still writes a chain in its own slot.
    let want = Want::Tokens { sampling: &greedy, recent: &[], n_tokens: 3 };
    let place = Place::Run(rows[0]);
    wait(player.as_mut(), &Job { input: Input::Tokens(&[9]), place, want });
    assert_eq!((player.tokens().len(), player.tokens()[0]), (3, expected[0]));
}

/// Hidden rows of a whole model, for embeddings: behind the head's norm, one row or many.
#[test]
fn hidden_rows_of_a_whole_model_are_normed() {
    let Some(gpu) = open(&any()) else { return };
    for architecture in ["llama", "gemma3"] {
        let (gguf, model) = model_of(&Spec::tiny(architecture));
        let plan = &model.plan;
        let mut reference = load(&gguf, plan, kernels::reference::loader(plan, CONFIG).unwrap());
        let mut player = load(&gguf, plan, gpu.loader(plan, CONFIG).unwrap());
        for (pos, ids) in [(0, &[5, 6, 7, 8, 9][..]), (5, &[3][..])] {
            let job = Job { input: Input::Tokens(ids), place: pos.into(), want: Want::Hidden };
            wait(reference.as_mut(), &job);
            wait(player.as_mut(), &job);
            assert_eq!(player.hidden().len(), ids.len() * plan.dims.dim);
            let error = nmse(player.hidden(), reference.hidden());
            assert!(error <= F16_TILE, "{architecture}: {error:.1e}");
        }
    }
}
