//! The player inside WebAssembly, without a browser: `node crates/cpu/examples/wasm_check.mjs`
//! loads this library, compares `simd128` with the portable kernels, and times both.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a check for developers")]

#[path = "../tests/common/synthetic.rs"]
mod synthetic;

use std::cell::RefCell;
use std::task::{Context, Waker};

use kernels::{Dims, Input, Job, KvType, Plan, Player, PlayerConfig, Want};
use quant::TensorType;

const TYPES: [TensorType; 8] = [
    TensorType::Q6_K,
    TensorType::Q4_K,
    TensorType::F16,
    TensorType::Q5_0,
    TensorType::Q8_0,
    TensorType::Q4_0,
    TensorType::Q5_K,
    TensorType::IQ4_NL,
];
/// Enough weights to leave every cache: what decoding a real model does.
const LARGE: Dims = Dims {
    n_vocab: 32_000,
    dim: 2048,
    n_layers: 4,
    n_heads: 32,
    n_kv_heads: 8,
    head_dim: 64,
    ffn_dim: 8192,
    n_ctx_train: 256,
};

/// Few enough to stay in a second-level cache: what the kernels could do if memory were no limit.
const SMALL: Dims =
    Dims { n_vocab: 512, dim: 512, n_layers: 1, n_heads: 8, n_kv_heads: 2, ffn_dim: 512, ..LARGE };

thread_local! {
    static PLAYER: RefCell<Option<Box<dyn Player>>> = const { RefCell::new(None) };
}

fn load(plan: &Plan, isa: &str) -> Box<dyn Player> {
    let config = PlayerConfig { n_ctx: 256, n_slots: 1, kv: KvType::F16, n_threads: 0 };
    synthetic::load(plan, cpu::loader_named(plan, config, isa).unwrap())
}

fn play(player: &mut dyn Player, ids: &[u32], pos: usize) {
    player
        .submit(&Job { input: Input::Tokens(ids), place: pos.into(), want: Want::LastLogits })
        .unwrap();
    assert!(player.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// Instruction sets here, best first; the last is the portable one.
#[unsafe(no_mangle)]
pub extern "C" fn n_sets() -> u32 {
    cpu::instruction_sets().len() as u32
}

/// Name of set `i`, for the script to read from memory.
#[unsafe(no_mangle)]
pub extern "C" fn set_name(i: u32) -> *const u8 {
    cpu::instruction_sets()[i as usize].as_ptr()
}

/// Its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn set_name_len(i: u32) -> usize {
    cpu::instruction_sets()[i as usize].len()
}

/// NMSE of instruction set `i` against the portable one, over a prompt and a token.
#[unsafe(no_mangle)]
pub extern "C" fn check(i: u32) -> f64 {
    let plan = synthetic::plan(synthetic::DIMS, &TYPES, Some(20));
    let run = |isa: &str| {
        let mut player = load(&plan, isa);
        let ids: Vec<u32> = (0..30).map(|i| i * 7).collect();
        play(&mut *player, &ids, 0);
        let mut logits = player.logits().to_vec();
        play(&mut *player, &[3], 30);
        logits.extend(player.logits());
        logits
    };
    let sets = cpu::instruction_sets();
    let (a, b) = (run(sets[i as usize]), run(sets[sets.len() - 1]));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(&b).map(|(&a, &b)| f(f64::from(a), f64::from(b))).sum()
    };
    sum(&|a, b| (a - b) * (a - b)) / sum(&|_, b| b * b)
}

/// Loads a model of about 1/4 of a 1B model's layers for set `i`, in type 0: Q4_0, 1: Q8_0,
/// 2: Q4_K, 3: Q6_K, 4: Q5_0, 5: F16. If `is_small`, one that fits in a cache.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(i: u32, ty: u32, is_small: bool) {
    const TIMED: [TensorType; 6] = [
        TensorType::Q4_0,
        TensorType::Q8_0,
        TensorType::Q4_K,
        TensorType::Q6_K,
        TensorType::Q5_0,
        TensorType::F16,
    ];
    let plan = synthetic::plan(
        if is_small { SMALL } else { LARGE },
        &[TIMED[ty as usize % TIMED.len()]],
        None,
    );
    PLAYER.with_borrow_mut(|player| *player = None);
    let loaded = load(&plan, cpu::instruction_sets()[i as usize]);
    PLAYER.with_borrow_mut(|player| *player = Some(loaded));
}

/// Runs `n` rows at position `pos`; gives the bytes of weights, so that the caller can tell GB/s.
#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32, pos: u32) -> f64 {
    PLAYER.with_borrow_mut(|player| {
        let player = player.as_mut().expect("prepare first");
        let ids: Vec<u32> = (0..n).collect();
        play(&mut **player, &ids, pos as usize);
        player.info().weight_bytes as f64
    })
}
