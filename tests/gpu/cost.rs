//! What a decoded token may cost: one submit, one pass, at most 7 dispatches per layer, nothing
//! created, at most 16 bytes read back. What it costs in time is `ingle bench`'s to say
//! (`host_us_per_token`).

use kernels::{Counters, Input, Job, Player, Sampling, Want};
use quant::TensorType;
use tests::models::Spec;

use crate::{CONFIG, any, load, model_of, open, run};

/// Embedding, head, penalties and the sampler's two stages.
const AROUND_LAYERS: u64 = 5;
const PER_LAYER: u64 = 7;
const MAX_READ_BACK: u64 = 16;

fn used(before: Counters, after: Counters) -> Counters {
    Counters {
        submits: after.submits - before.submits,
        passes: after.passes - before.passes,
        dispatches: after.dispatches - before.dispatches,
        objects_created: after.objects_created - before.objects_created,
        bytes_read_back: after.bytes_read_back - before.bytes_read_back,
        encode_ns: after.encode_ns - before.encode_ns,
    }
}

fn decode(player: &mut dyn Player, pos: usize, n_tokens: usize) -> Counters {
    let sampling =
        Sampling { temperature: 0.7, top_k: 40, repeat_penalty: 1.1, ..Sampling::default() };
    let before = player.counters();
    let want = Want::Tokens { sampling: &sampling, recent: &[1, 2, 3], n_tokens };
    run(player, &Job { input: Input::Tokens(&[5]), place: pos.into(), want }).unwrap();
    assert_eq!(player.tokens().len(), n_tokens);
    used(before, player.counters())
}

/// Beyond one span of positions attention needs its second dispatch, so the count is taken there.
#[test]
fn a_decoded_token_costs_one_submit_and_seven_dispatches_per_layer() {
    let Some(gpu) = open(&any()) else { return };
    let config = kernels::PlayerConfig { n_ctx: 1024, ..CONFIG };
    for (architecture, ty) in [
        ("llama", TensorType::Q4_K),
        ("qwen2", TensorType::Q8_0),
        ("qwen3", TensorType::F16),
        ("gemma3", TensorType::Q4_0),
    ] {
        let (gguf, model) = model_of(&Spec::quantized(architecture, ty));
        let n_layers = model.plan.dims.n_layers as u64;
        let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, config).unwrap());
        for (pos, n_tokens) in [(0, 1), (900, 1), (900, 4)] {
            let cost = decode(player.as_mut(), pos, n_tokens);
            let n = n_tokens as u64;
            println!("{architecture} {ty} at {pos}, {n} tokens: {cost:?}");
            assert_eq!((cost.submits, cost.passes, cost.objects_created), (n, n, 0));
            let limit = n * (PER_LAYER * n_layers + AROUND_LAYERS);
            assert!(cost.dispatches <= limit, "{architecture}: {} > {limit}", cost.dispatches);
            assert!(cost.bytes_read_back <= n * MAX_READ_BACK, "{}", cost.bytes_read_back);
        }
    }
}

/// A file whose V is of another type than Q and K (as Q4_K_M has it) needs no further dispatch.
#[test]
fn mixed_types_cost_no_more() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let mut plan = model.plan.clone();
    let mut player = load(&gguf, &plan, gpu.loader(&plan, CONFIG).unwrap());
    let plain = decode(player.as_mut(), 0, 1).dispatches;
    for op in &model.plan.ops {
        if let kernels::Op::Qkv { v, .. } = op {
            plan.weights[v.w.0].ty = TensorType::Q6_K;
        }
    }
    // Zeros are valid blocks of every type; only the count matters here.
    let mut loader = gpu.loader(&plan, CONFIG).unwrap();
    for (i, weight) in plan.weights.iter().enumerate() {
        loader.write(kernels::WeightId(i), 0, &vec![0; weight.n_bytes()]).unwrap();
    }
    let mut player = loader.finish().unwrap();
    assert_eq!(decode(player.as_mut(), 0, 1).dispatches, plain);
}
