//! Fixture models against llama.cpp, on every instruction set of the machine.
//!
//! `tests/golden` does this for all files and players. This one needs only the crates below `cpu`,
//! so it is built for emulated processors as well, where compiling wgpu would take longer than the
//! kernels' tests; hence few files: floats, and all that a Q4_K_M file mixes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::Path;

use base64::Engine as _;
use common::{FileSource, fill, fixtures, nmse, play, prefill};
use gguf::Gguf;
use kernels::sampling::argmax;
use kernels::{Input, Job, KvType, PlayerConfig, Want};
use serde_json::Value;

/// Files, with the normalized mean squared error they may have; reasons in `tests/golden`.
const FILES: [(&str, f64); 2] = [("stories260K", 3e-6), ("tiny-llama-Q4_K_M", 2e-3)];
/// Tokens followed greedily where every file's margins decide: the stories file only.
const STORY: &str = "stories260K";
/// One thread: an emulator gains nothing from two.
const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 128, n_slots: 1, kv: KvType::F32, n_threads: 1 };

#[test]
fn fixtures_play_as_in_llama_cpp() {
    let Some(folder) = fixtures("fixtures_play_as_in_llama_cpp") else { return };
    for (name, limit) in FILES {
        let path = folder.join("models").join(name).with_extension("gguf");
        let gguf = Gguf::open(Box::new(FileSource::open(&path))).unwrap();
        let plan = model::build(&gguf).unwrap().plan;
        let cases = cases(&path.with_extension("expected.json"));
        for isa in cpu::instruction_sets() {
            let loader = cpu::loader_named(&plan, CONFIG, isa).unwrap();
            let mut player = fill(&gguf, &plan, loader);
            for case in &cases {
                prefill(&mut *player, &case.tokens);
                let error = nmse(player.logits(), &case.logits);
                println!("{name} on {isa}: {error:.1e}");
                assert!(error < limit, "{name} on {isa}: {error:.1e}");
                if name == STORY {
                    for (i, &id) in case.greedy.iter().enumerate() {
                        assert_eq!(argmax(player.logits()), id, "{isa}, token {i}");
                        let (pos, want) = (case.tokens.len() + i, Want::LastLogits);
                        play(
                            &mut *player,
                            &Job { input: Input::Tokens(&[id]), place: pos.into(), want },
                        );
                    }
                }
            }
        }
    }
}

struct Case {
    tokens: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let cases = expected["cases"].as_array().unwrap().iter().map(|case| {
        let ids = |key: &str| serde_json::from_value(case[key].clone()).unwrap();
        let base64 = base64::engine::general_purpose::STANDARD;
        let logits = base64.decode(case["last_logits_f32_base64"].as_str().unwrap()).unwrap();
        let logits = logits.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Case { tokens: ids("tokens"), logits, greedy: ids("greedy") }
    });
    cases.collect()
}
