//! What the player says about its own time and its machine: complete, plausible, and without a
//! trace in its answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/synthetic.rs"]
mod synthetic;

use std::time::Instant;

use common::play;
use kernels::{Input, Job, KvType, OpTime, Player, PlayerConfig, Want};
use quant::TensorType;
use synthetic::{DIMS, load, plan};

fn player(ty: TensorType, isa: &str) -> Box<dyn Player> {
    let plan = plan(DIMS, &[ty], None);
    let config = PlayerConfig { n_ctx: 64, n_slots: 1, kv: KvType::F16, n_threads: 2 };
    load(&plan, cpu::loader_named(&plan, config, isa).unwrap())
}

fn calls(times: &[OpTime]) -> Vec<(&str, u64)> {
    times.iter().map(|time| (time.op, time.calls)).collect()
}

#[test]
fn a_profile_counts_every_op_and_sums_to_the_time() {
    let mut player = player(TensorType::Q4_K, cpu::instruction_sets()[0]);
    let ids = [1, 2, 3, 4, 5];
    let many = Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::LastLogits };
    play(&mut *player, &many);
    assert_eq!(player.profile(), [], "off until it is switched on");
    player.set_profiling(true);
    let start = Instant::now();
    play(&mut *player, &many);
    for pos in 5..8 {
        let input = Input::Tokens(&ids[..1]);
        play(&mut *player, &Job { input, place: pos.into(), want: Want::LastLogits });
    }
    let wall = start.elapsed().as_secs_f64();
    player.set_profiling(false);
    play(&mut *player, &many);
    let times = player.profile();
    // Per layer and pass: one pass of five rows, three of one row, in the Plan's order.
    let names = ["embed", "qkv", "rope_kv", "attention", "output", "gate_up", "down", "head"];
    let n_layers = DIMS.n_layers as u64;
    let each = |name: &str| if ["embed", "head"].contains(&name) { 1 } else { n_layers };
    let mut wanted: Vec<_> =
        names.iter().flat_map(|&name| [(name, 3 * each(name)), (name, each(name))]).collect();
    // The head is one kernel, also after several rows.
    wanted.truncate(wanted.len() - 2);
    wanted.push(("head", 4));
    assert_eq!(calls(&times), wanted);
    let sum: f64 = times.iter().map(|time| time.seconds).sum();
    assert!(times.iter().all(|time| time.seconds > 0.0), "{times:?}");
    assert!(sum <= wall, "{sum} of {wall} s");
    let kernel = &times[2].kernel;
    assert!(kernel.contains("Q4_K") && kernel.contains("one row"), "{kernel}");
    player.set_profiling(true);
    assert_eq!(player.profile(), [], "starts from zero");
}

#[test]
fn peaks_are_measured_on_every_instruction_set() {
    let ids: Vec<u32> = (1..20).collect();
    let job = Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::LastLogits };
    for isa in cpu::instruction_sets() {
        for (ty, kind) in [(TensorType::Q8_0, "8-bit"), (TensorType::F16, "float")] {
            let mut player = player(ty, isa);
            play(&mut *player, &job);
            let before = player.logits().to_vec();
            assert_eq!(player.peaks(), None);
            player.submit_peaks().unwrap();
            let peaks = player.peaks().unwrap().clone();
            // Any machine that runs this reads and computes more than this, and none so much.
            assert!((1e8..1e14).contains(&peaks.read_bytes_per_s), "{isa}: {peaks:?}");
            assert!((1e7..1e16).contains(&peaks.op_per_s), "{isa}: {peaks:?}");
            assert!(peaks.op_kind.contains(kind) && peaks.op_kind.contains(isa), "{peaks:?}");
            play(&mut *player, &job);
            assert_eq!(player.logits(), before, "measuring leaves no trace");
        }
    }
}
