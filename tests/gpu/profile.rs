//! Times per kernel by the device's clock, and peaks.

use kernels::{Input, Job, Sampling, Want};
use quant::TensorType;
use tests::models::Spec;

use crate::{CONFIG, any, load, model_of, open, run};

#[test]
fn a_profile_names_every_op_and_changes_no_token() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let player = player.as_mut();
    let sampling = Sampling { temperature: 0.7, top_k: 40, ..Sampling::default() };
    let want = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 8 };
    let job = Job { input: Input::Tokens(&[5, 6, 7]), place: 0.into(), want };
    run(player, &job).unwrap();
    let tokens = player.tokens().to_vec();
    assert!(player.profile().is_empty());

    player.set_profiling(true);
    let before = player.counters().dispatches;
    run(player, &job).unwrap();
    let n = player.counters().dispatches - before;
    assert_eq!(player.tokens(), tokens);
    assert!(!player.submit_next(1).unwrap(), "one job at a time while it is timed");
    let times = player.profile();
    for time in &times {
        println!(
            "{:<10} {:>4} x {:>9.1} us  {}",
            time.op,
            time.calls,
            time.seconds * 1e6,
            time.kernel
        );
    }
    assert_eq!(times.iter().map(|time| time.calls).sum::<u64>(), n, "every dispatch is timed");
    let mut ops: Vec<_> = times.iter().map(|time| time.op).collect();
    ops.dedup();
    ops.sort_unstable();
    ops.dedup();
    let all =
        ["attention", "down", "embed", "gate_up", "head", "output", "qkv", "rope_kv", "sample"];
    assert_eq!(ops, all);
    let seconds: f64 = times.iter().map(|time| time.seconds).sum();
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds} s");

    player.set_profiling(false);
    run(player, &job).unwrap();
    assert_eq!(player.tokens(), tokens);
    assert_eq!(player.profile(), times, "times stay until profiling starts again");
}

#[test]
fn peaks_are_measured_in_little_time_and_leave_the_cache_alone() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let player = player.as_mut();
    let prompt = Job { input: Input::Tokens(&[5, 6, 7]), place: 0.into(), want: Want::Nothing };
    let next = Job { input: Input::Tokens(&[8]), place: 3.into(), want: Want::LastLogits };
    run(player, &prompt).unwrap();
    run(player, &next).unwrap();
    let logits = player.logits().to_vec();
    let start = std::time::Instant::now();
    player.submit_peaks().unwrap();
    pollster::block_on(std::future::poll_fn(|cx| player.poll(cx))).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let peaks = player.peaks().unwrap();
    println!("{peaks:?} in {seconds:.2} s");
    // Between a phone and ten times of what exists.
    assert!((1e7..1e14).contains(&peaks.read_bytes_per_s), "{peaks:?}");
    assert!((1e7..1e17).contains(&peaks.op_per_s), "{peaks:?}");
    run(player, &next).unwrap();
    assert_eq!(player.logits(), logits);
}
