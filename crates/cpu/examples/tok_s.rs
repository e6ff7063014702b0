//! Tokens per second of a GGUF file: `tok_s FILE [n_prompt] [n_decode] [n_threads] [repeats]
//! [n_slots]`, and with `profile` at the end where the time goes and what the machine could do.
//! With several slots their sequences are decoded together, and also by turns, for comparison.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{FileSource, fill, play, prefill};
use gguf::Gguf;
use kernels::{Input, Job, KvType, Place, Player, PlayerConfig, RowAt, Want};

/// Seconds this thread has really run (not waited for a busy machine); 0 where unknown.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|s| s.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
}

/// One step of the first `n` slots together, then of one slot, in turns, so that both see the same
/// machine.
fn decode_together(
    player: &mut dyn Player,
    n_slots: usize,
    n_prompt: usize,
    n_decode: usize,
    repeats: usize,
) {
    for n in 2..=n_slots {
        let mut ratios = Vec::new();
        for _ in 0..repeats {
            let mut seconds = [0.0; 2];
            for i in 0..n_decode {
                let rows: Vec<RowAt> =
                    (0..n).map(|slot| RowAt { slot, pos: n_prompt + i }).collect();
                let ids: Vec<u32> = (0..n as u32).map(|slot| 1000 * slot + i as u32).collect();
                for (seconds, n) in seconds.iter_mut().zip([1, n]) {
                    let (input, place) = (Input::Tokens(&ids[..n]), Place::Each(&rows[..n]));
                    let start = Instant::now();
                    play(player, &Job { input, place, want: Want::AllLogits });
                    *seconds += start.elapsed().as_secs_f64();
                }
            }
            let rate = |n: usize, seconds: f64| (n * n_decode) as f64 / seconds;
            let (one, all) = (rate(1, seconds[0]), rate(n, seconds[1]));
            println!("{n} slots {all:7.2} tok/s in all, one {one:6.2}, ratio {:.2}", all / one);
            ratios.push(all / one);
        }
        ratios.sort_by(f64::total_cmp);
        println!("{n} slots: median ratio {:.2}", ratios[ratios.len() / 2]);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize, or: usize| args.get(i).map_or(or, |s| s.parse().unwrap());
    let (n_prompt, n_decode) = (number(2, 128), number(3, 32));
    let (n_threads, repeats) = (number(4, 0), number(5, 3));
    let n_slots = args.get(6).and_then(|s| s.parse().ok()).unwrap_or(1);
    let start = Instant::now();
    let gguf = Gguf::open(Box::new(FileSource::open(args[1].as_ref()))).unwrap();
    let plan = model::build(&gguf).unwrap().plan;
    let n_ctx = n_prompt + n_decode + 1;
    let loader =
        cpu::loader(&plan, PlayerConfig { n_ctx, n_slots, kv: KvType::F16, n_threads }).unwrap();
    let mut player = fill(&gguf, &plan, loader);
    println!("{}", player.info().name);
    println!("load {:.2} s", start.elapsed().as_secs_f64());
    let n_vocab = plan.dims.n_vocab as u32;
    let prompt: Vec<u32> = (0..n_prompt as u32).map(|i| (i * 7919 + 1) % n_vocab).collect();
    let is_profiled = args.last().is_some_and(|last| last == "profile");
    player.set_profiling(is_profiled);
    for _ in 0..repeats {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        prefill(&mut *player, &prompt);
        let prefill_s = [start.elapsed().as_secs_f64(), cpu_seconds() - cpu];
        let (start, cpu) = (Instant::now(), cpu_seconds());
        for i in 0..n_decode {
            let id = [(i as u32 * 104_729) % n_vocab];
            let job = Job {
                input: Input::Tokens(&id),
                place: (n_prompt + i).into(),
                want: Want::LastLogits,
            };
            play(&mut *player, &job);
        }
        let decode_s = [start.elapsed().as_secs_f64(), cpu_seconds() - cpu];
        for (i, clock) in ["wall", "running"].iter().enumerate() {
            println!(
                "{clock:8} prefill {:7.1} tok/s   decode {:6.2} tok/s",
                n_prompt as f64 / prefill_s[i],
                n_decode as f64 / decode_s[i]
            );
        }
    }
    if n_slots > 1 {
        decode_together(&mut *player, n_slots, n_prompt, n_decode, repeats);
    }
    if is_profiled {
        for time in player.profile() {
            let (ms, n) = (time.seconds * 1e3, time.calls);
            println!("{:10} {:50} {n:6} calls {ms:9.2} ms", time.op, time.kernel);
        }
        player.set_profiling(false);
        player.submit_peaks().unwrap();
        let peaks = player.peaks().unwrap();
        let (read, ops) = (peaks.read_bytes_per_s / 1e9, peaks.op_per_s / 1e9);
        println!("reads {read:.1} GB/s, {ops:.0} G/s of {}", peaks.op_kind);
        println!("weights {:.3} GB", player.info().weight_bytes as f64 / 1e9);
    }
}
