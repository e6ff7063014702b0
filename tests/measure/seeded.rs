//! Seeded models on the project's own text.

use base64::Engine as _;
use measure::{Cut, ImportanceSettings, Windows, validate};
use quant::TensorType;
use serde_json::Value;
use tests::models::Spec;
use tests::vocab::Vocabulary;

use crate::{Keeper, Make, relative, session};

/// What llama.cpp said.
fn truth() -> Value {
    serde_json::from_str(include_str!("truth.json")).unwrap()
}

/// The models `make_truth.py` reads, by the names it has for them.
fn spec(name: &str) -> Spec {
    let untied = |architecture| Spec { tied: false, ..Spec::tiny(architecture) };
    match name {
        "llama-untied" => untied("llama"),
        "llama-spm" => Spec { vocabulary: Vocabulary::Spm, ..Spec::tiny("llama") },
        "qwen2-tied" => Spec::tiny("qwen2"),
        "qwen3-tied" => Spec::tiny("qwen3"),
        "gemma3-tied" => Spec::tiny("gemma3"),
        "llama-Q4_K" => Spec::quantized("llama", TensorType::Q4_K),
        "llama-Q3_K" => Spec::quantized("llama", TensorType::Q3_K),
        "llama-Q6_K" => Spec::quantized("llama", TensorType::Q6_K),
        other => panic!("{other} is not known here"),
    }
}

fn cut(truth: &Value) -> Cut {
    let number = |key: &str| usize::try_from(truth[key].as_u64().unwrap()).unwrap();
    Cut { n_windows: Some(number("windows")), ..Cut::new(number("ctx")) }
}

/// A player, and how far its numbers may be from llama.cpp's: on float weights, on quantized ones.
const PLAYERS: [(&str, Make, f64, f64); 2] = [
    ("reference", kernels::reference::loader, 5e-5, 5e-5),
    // Activations are rounded to 8 bits.
    ("cpu", cpu::loader, 5e-4, 5e-3),
];

#[test]
fn perplexities_and_importances_are_llama_cpp_s() {
    let truth = truth();
    let mut failures = Vec::new();
    for (name, want) in truth["models"].as_object().unwrap() {
        for (player, make, float, quantized) in PLAYERS {
            let allowed = if name.contains("_K") { quantized } else { float };
            let cut = cut(&truth);
            let (mut session, plan) = session(spec(name).bytes(), cut.n_positions(), make);
            let windows = Windows::new(session.tokenizer(), validate::TEXT, cut).unwrap();
            let settings = ImportanceSettings {
                process_output: true,
                with_perplexity: true,
                keep_every: 3,
                dataset: "own".to_owned(),
            };
            let mut keeper = Keeper::default();
            let mut n_kept = 0;
            let keep = |sums: &quantize::ImatrixSums| {
                n_kept += 1;
                assert_eq!(sums.n_chunks, 3);
                Ok(())
            };
            let work =
                measure::collect(&mut session, &plan, &windows, &settings, &mut keeper, keep);
            let all = pollster::block_on(work).unwrap();
            assert!(all.is_whole && n_kept == 1);
            let running = want["running"].as_array().unwrap();
            let off = keeper.running.iter().zip(running);
            let off = off.map(|(got, want)| relative(*got, want.as_f64().unwrap()));
            let off = off.fold(0.0, f64::max);
            assert_eq!(keeper.running.len(), running.len());
            let error = all.estimate.perplexity().error;
            let error_off = relative(error, want["error"].as_f64().unwrap());
            let inputs = want["inputs"].as_object().unwrap();
            let names: Vec<&String> = all.sums.entries.keys().collect();
            assert_eq!(names, inputs.keys().collect::<Vec<_>>(), "{name}");
            let worst = inputs.iter().map(|(tensor, want)| {
                let got = &all.sums.entries[tensor];
                assert_eq!(got.counts, [want["rows"].as_f64().unwrap()], "{name} {tensor}");
                distance(&got.squares, &floats(&want["squares"]))
            });
            let worst = worst.fold(0.0, f64::max);
            let said = format!(
                "{name} on {player}: perplexity off by {off:.1e}, its error by {error_off:.1e}, \
                 importances by {worst:.1e} (allowed {allowed:.0e})"
            );
            println!("{said}");
            // llama.cpp looks GELU up in a table of F16 numbers.
            let inputs_allowed = if name.starts_with("gemma3") { 1e-3 } else { 2.0 * allowed };
            if !(off < allowed && error_off < 10.0 * allowed && worst < inputs_allowed) {
                failures.push(said);
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn divergences_are_what_their_definitions_give() {
    let truth = truth();
    for want in truth["pairs"].as_array().unwrap() {
        let name = |key: &str| spec(want[key].as_str().unwrap());
        for (player, make, _, allowed) in PLAYERS {
            let cut = cut(&truth);
            let (mut base, _) = session(name("base").bytes(), cut.n_positions(), make);
            let (mut model, _) = session(name("model").bytes(), cut.n_positions(), make);
            let windows = Windows::new(base.tokenizer(), validate::TEXT, cut).unwrap();
            let mut keeper = Keeper::default();
            let write = measure::write_base(&mut base, &windows, Vec::new(), &mut keeper);
            let (estimate, file) = pollster::block_on(write).unwrap();
            let n_vocab = base.model_info().dims.n_vocab;
            assert_eq!(file.len() as u64, measure::base_bytes(n_vocab, &windows));
            let file = measure::Base::open(Box::new(file)).unwrap();
            let mut keeper = Keeper::default();
            let work = measure::compare(&mut model, &file, None, &mut keeper);
            let all = pollster::block_on(work).unwrap();
            let kept = all.base.perplexity().value;
            assert!(relative(kept, estimate.perplexity().value) < 1e-4, "{kept}");
            let kl = all.kl_percentiles();
            for (key, got) in [
                ("kl", all.kl().value),
                ("kl_max", kl.at(1.0)),
                ("kl_median", kl.at(0.5)),
                ("kl_90", kl.at(0.9)),
                ("log_ratio", all.log_ratio().value),
                ("log_ratio_error", all.log_ratio().error),
                ("delta", all.delta().value),
                ("delta_rms", all.rms_delta().value),
                ("same_top", all.same_top().value),
            ] {
                let want = want[key].as_f64().unwrap();
                // What is near zero is compared with what it is a mean of.
                let scale = match key {
                    "log_ratio" => all.log_ratio().error * 10.0,
                    "delta" => all.rms_delta().value,
                    "same_top" => 1.0,
                    _ => want.abs(),
                };
                let off = (got - want).abs() / scale;
                println!("{player} {key}: {got} (llama.cpp {want}), off by {off:.1e}");
                assert!(off < 10.0 * allowed, "{player} {key}: {got}, {want}");
            }
        }
    }
}

fn floats(value: &Value) -> Vec<f64> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
}

/// Length of the difference over that of the second.
fn distance(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let difference: f64 = got.iter().zip(want).map(|(a, b)| (a - b) * (a - b)).sum();
    (difference / want.iter().map(|b| b * b).sum::<f64>()).sqrt()
}
