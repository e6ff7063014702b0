//! Seconds per text of an embedding model: `embed_s FILE [n_tokens] [n_texts] [n_threads]`. Prints
//! one number per text; the first one warms up and is left out. With `profile` at the end also
//! where the time goes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::time::Instant;

use common::{FileSource, fill, play};
use gguf::Gguf;
use kernels::{Input, Job, KvType, PlayerConfig, Want};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize, or: usize| args.get(i).and_then(|s| s.parse().ok()).unwrap_or(or);
    let (n_tokens, n_texts, n_threads) = (number(2, 512), number(3, 10), number(4, 2));
    let file = args.get(1).expect("embed_s FILE [n_tokens] [n_texts] [n_threads] [profile]");
    let gguf = Gguf::open(Box::new(FileSource::open(Path::new(file)))).unwrap();
    let model = model::build(&gguf).unwrap();
    let config = PlayerConfig { n_ctx: n_tokens, n_slots: 1, kv: KvType::F16, n_threads };
    let mut player = fill(&gguf, &model.plan, cpu::loader(&model.plan, config).unwrap());
    let n_vocab = model.plan.dims.n_vocab;
    let ids: Vec<u32> = (0..n_tokens).map(|i| (5 + i * 7 % (n_vocab - 5)) as u32).collect();
    let is_profiled = args.last().is_some_and(|arg| arg == "profile");
    for i in 0..=n_texts {
        player.set_profiling(is_profiled);
        let start = Instant::now();
        play(
            player.as_mut(),
            &Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::Hidden },
        );
        if i > 0 {
            println!("{:.6}", start.elapsed().as_secs_f64());
        }
    }
    for time in player.profile() {
        println!("{:10} {:40} {:6} {:.6}", time.op, time.kernel, time.calls, time.seconds);
    }
}
