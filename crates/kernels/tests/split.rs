//! A Plan split by layers computes what the whole Plan computes, bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use kernels::*;
use quant::TensorType;

const DIM: usize = 8;
const N_LAYERS: usize = 3;
const N_VOCAB: usize = 11;
const HEADS: Heads = Heads { n_heads: 2, n_kv_heads: 1, head_dim: 4 };

/// A small llama of random F32 weights.
fn plan() -> Plan {
    let mut weights = Vec::new();
    let mut add = |n_rows, n_cols| {
        let name = format!("w{}", weights.len());
        weights.push(Weight { name, ty: TensorType::F32, n_rows, n_cols, first_row: 0 });
        WeightId(weights.len() - 1)
    };
    let linear = |w| Linear { w, bias: None };
    let table = add(N_VOCAB, DIM);
    let mut ops = vec![Op::Embed { table, scale: 1.0, encoder: None }];
    for kv in 0..N_LAYERS {
        let norm = Norm::rms(add(1, DIM), 1e-5);
        let (q, k, v) = (add(8, DIM), add(4, DIM), add(4, DIM));
        ops.push(Op::Qkv { norm: Some(norm), q: linear(q), k: linear(k), v: linear(v) });
        let rope = RopeId(0);
        ops.push(Op::RopeKv { kv, heads: HEADS, q_norm: None, k_norm: None, rope: Some(rope) });
        ops.push(Op::Attention {
            kv,
            heads: HEADS,
            scale: 0.5,
            mask: Mask::Causal { window: Some(3) },
        });
        ops.push(Op::Output { w: linear(add(DIM, 8)), post: None, after: None });
        let norm = Norm::rms(add(1, DIM), 1e-5);
        let (gate, up) = (linear(add(16, DIM)), linear(add(16, DIM)));
        ops.push(Op::GateUp { norm: Some(norm), gate: Some(gate), up, act: Activation::Silu });
        ops.push(Op::Down { w: linear(add(DIM, 16)), post: None, after: None });
    }
    let norm = Norm::rms(add(1, DIM), 1e-5);
    ops.push(Op::Head { norm, w: linear(table) });
    let dims = Dims {
        n_vocab: N_VOCAB,
        dim: DIM,
        n_layers: N_LAYERS,
        n_heads: 2,
        n_kv_heads: 1,
        head_dim: 4,
        ffn_dim: 16,
        n_ctx_train: 32,
    };
    let inv_freq = vec![1.0, 0.01];
    let ropes = vec![RopeTable { style: RopeStyle::Halves, inv_freq, magnitude: 1.0, long: None }];
    Plan { dims, weights, ropes, ops, n_kv_layers: N_LAYERS }
}

/// Element `i` of weight `name`: the same number whichever Plan holds it.
fn element(name: &str, i: usize) -> f32 {
    let seed = name.bytes().map(u32::from).sum::<u32>();
    sampling::uniform(seed, i as u32) - 0.5
}

fn load(plan: &Plan) -> Box<dyn Player> {
    let config = PlayerConfig { n_ctx: 16, n_slots: 1, kv: KvType::F32, n_threads: 1 };
    let mut loader = reference::loader(plan, config).unwrap();
    for (id, weight) in plan.weights.iter().enumerate() {
        let n = weight.n_rows * weight.n_cols;
        let bytes: Vec<u8> = (0..n).flat_map(|i| element(&weight.name, i).to_le_bytes()).collect();
        loader.write(WeightId(id), 0, &bytes).unwrap();
    }
    loader.finish().unwrap()
}

fn play(player: &mut dyn Player, input: Input<'_>, want: Want<'_>) {
    player.submit(&Job { input, place: 0.into(), want }).unwrap();
    let mut poll = std::pin::pin!(poll_fn(|cx| player.poll(cx)));
    let done = poll.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(done, Poll::Ready(Ok(())));
}

#[test]
fn every_cut_gives_the_same_logits() {
    let plan = plan();
    let tokens = [1, 5, 9, 2, 2];
    let mut whole = load(&plan);
    play(whole.as_mut(), Input::Tokens(&tokens), Want::AllLogits);
    for layer in 0..=N_LAYERS {
        let (first, second) = plan.split_at(layer);
        assert_eq!(first.n_kv_layers + second.n_kv_layers, N_LAYERS);
        let (mut first, mut second) = (load(&first), load(&second));
        play(first.as_mut(), Input::Tokens(&tokens), Want::Hidden);
        play(second.as_mut(), Input::Hidden(first.hidden()), Want::AllLogits);
        assert_eq!(second.logits(), whole.logits(), "cut at layer {layer}");
    }
}

#[test]
fn layers_cover_all_ops_between_embedding_and_head() {
    let layers = plan().layers();
    assert_eq!(layers, [1..7, 7..13, 13..19]);
}

#[test]
fn jobs_outside_their_bounds_are_refused() {
    let mut player = load(&plan());
    let mut refuse = |tokens: &[u32], pos: usize| {
        let (input, want) = (Input::Tokens(tokens), Want::LastLogits);
        player.submit(&Job { input, place: pos.into(), want }).unwrap_err()
    };
    assert_eq!(refuse(&[11], 0), PlayerError::Token { id: 11, n_vocab: N_VOCAB });
    assert_eq!(refuse(&[1, 1], 15), PlayerError::Context { pos: 16, n_ctx: 16 });
    assert!(matches!(refuse(&[], 0), PlayerError::Rows { n_rows: 0, .. }));
    let input = Input::Hidden(&[0.0; DIM]);
    assert!(player.submit(&Job { input, place: 0.into(), want: Want::LastLogits }).is_err());
}

#[test]
fn tokens_chosen_on_the_device_follow_the_logits() {
    let plan = plan();
    let (mut one, mut many) = (load(&plan), load(&plan));
    let sampling = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
    let want = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 4 };
    play(many.as_mut(), Input::Tokens(&[3, 4]), want);
    let mut ids = vec![3, 4];
    for _ in 0..4 {
        play(one.as_mut(), Input::Tokens(&ids), Want::LastLogits);
        let pos = ids.len() as u32;
        ids.push(sampling::choose(&sampling, one.logits(), pos, &mut Default::default()));
    }
    assert_eq!(many.tokens(), &ids[2..]);
}
