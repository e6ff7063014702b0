//! The fixture models against llama.cpp's logits and greedy tokens, on every instruction set.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::Path;

use base64::Engine;
use common::{FileSource, fill, fixtures, nmse, play, prefill};
use gguf::Gguf;
use kernels::{Input, Job, KvType, Player, PlayerConfig, Want};
use serde_json::Value;

/// 8-bit activations against f32 ones; llama.cpp's own kernels are at 4e-4 … 1.4e-3.
const NMSE_QUANTIZED: f64 = 2e-3;
/// f32 arithmetic in another order.
const NMSE_FLOAT: f64 = 3e-6;

fn load(path: &Path, isa: &str, config: PlayerConfig) -> Box<dyn Player> {
    let gguf = Gguf::open(Box::new(FileSource::open(path))).unwrap();
    let plan = model::build(&gguf).unwrap().plan;
    let loader = cpu::loader_named(&plan, config, isa).unwrap();
    fill(&gguf, &plan, loader)
}

fn config(kv: KvType, n_threads: usize) -> PlayerConfig {
    PlayerConfig {
        n_ctx: 512,
        kv,
        n_threads,
    }
}

fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as u32)
        .collect()
}

fn floats(value: &Value) -> Vec<f32> {
    let bytes = base64::prelude::BASE64_STANDARD
        .decode(value.as_str().unwrap())
        .unwrap();
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

struct Report {
    worst: f64,
    n_equal: usize,
    n_compared: usize,
    /// First greedy token that differs although its margin is above the tolerance.
    wrong: Option<String>,
}

/// Logits of the prompt, then 48 greedy tokens as long as both agree.
fn judge(player: &mut dyn Player, expected: &Value) -> Report {
    let mut report = Report {
        worst: 0.0,
        n_equal: 0,
        n_compared: 0,
        wrong: None,
    };
    for case in expected["cases"].as_array().unwrap() {
        let tokens = ids(&case["tokens"]);
        prefill(player, &tokens);
        let want = floats(&case["last_logits_f32_base64"]);
        let error = nmse(player.logits(), &want);
        report.worst = if error > report.worst || error.is_nan() {
            error
        } else {
            report.worst
        };
        // A margin below a few times the error of a logit decides nothing.
        let rms = (want.iter().map(|v| v * v).sum::<f32>() / want.len() as f32).sqrt();
        let tolerance = 6.0 * rms * error.sqrt().max(1e-4) as f32;
        let margins = case["greedy_margin"].as_array().unwrap();
        for (i, &token) in ids(&case["greedy"]).iter().enumerate() {
            let got = kernels::sampling::argmax(player.logits());
            report.n_compared += 1;
            report.n_equal += usize::from(got == token);
            let margin = margins[i].as_f64().unwrap() as f32;
            if got != token && margin > tolerance && report.wrong.is_none() {
                let prompt = &case["prompt"];
                report.wrong = Some(format!(
                    "{prompt}, token {i}: {got} and not {token}, margin {margin} > {tolerance}"
                ));
            }
            let job = Job {
                input: Input::Tokens(&[token]),
                pos: tokens.len() + i,
                want: Want::LastLogits,
            };
            play(player, &job);
        }
    }
    report
}

fn expected(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn fixture_models_match_llama_cpp() {
    let Some(folder) = fixtures("fixture_models_match_llama_cpp") else {
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(folder.join("models"))
        .unwrap()
        .filter_map(|e| {
            e.unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .strip_suffix(".gguf")
                .map(Into::into)
        })
        .collect();
    names.sort();
    assert!(names.len() >= 20, "fixtures are incomplete");
    let mut failures = Vec::new();
    for name in &names {
        let expected = expected(&folder.join(format!("models/{name}.expected.json")));
        let path = folder.join(format!("models/{name}.gguf"));
        let is_float = !name.contains("-Q") && !name.contains("-IQ");
        let limit = if is_float { NMSE_FLOAT } else { NMSE_QUANTIZED };
        for isa in cpu::instruction_sets() {
            let mut player = load(&path, isa, config(KvType::F32, 2));
            let report = judge(&mut *player, &expected);
            println!(
                "{name:24} {isa:14} nmse {:.2e}  greedy {}/{}",
                report.worst, report.n_equal, report.n_compared
            );
            if report.worst.is_nan() || report.worst > limit {
                failures.push(format!(
                    "{name} on {isa}: NMSE {:.2e} > {limit:.0e}",
                    report.worst
                ));
            }
            if let Some(wrong) = report.wrong {
                failures.push(format!("{name} on {isa}: {wrong}"));
            }
            if name == "stories260K" && report.n_equal != report.n_compared {
                failures.push(format!("{name} on {isa}: a greedy token differs"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
