//! Embedding models against llama.cpp: ids of hostile strings, hidden rows, and pooled vectors.
//!
//! The truth (`truth.json`, made by `truth.py`) was computed with weights expanded to F32, so it
//! holds for any right implementation; it is committed, since models and texts are our own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod session;
mod truth;

use std::future::poll_fn;

use gguf::Gguf;
use kernels::{
    Input, Job, KvType, Loader, Place, Plan, Player, PlayerConfig, PlayerError, RowAt, Want,
};
use quant::TensorType;
use tests::encoders;
use tests::models::Spec;
use tests::play::load;
use tokenizer::{Encode, Tokenizer};
use truth::{Truth, nmse};

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 256, n_slots: 1, kv: KvType::F32, n_threads: 2 };

/// Normalized mean squared error allowed for the reference: the truth's own nonlinearity is a table
/// of half-precision numbers, which is most of it.
const EXACT: f64 = 1e-6;
/// Sums in another order over the same float weights.
const FLOAT: f64 = 3e-6;
/// Activations rounded to 8 bits per block.
const EIGHT_BIT: f64 = 2e-3;

/// What the CPU may err by on weights of this type.
fn cpu_allowed(ty: TensorType) -> f64 {
    match ty {
        TensorType::F32 | TensorType::F16 => FLOAT,
        _ => EIGHT_BIT,
    }
}

fn open(spec: &Spec) -> (Gguf, model::Model) {
    let gguf = Gguf::open(Box::new(spec.bytes())).unwrap();
    let model = model::build(&gguf).unwrap();
    (gguf, model)
}

fn hidden(player: &mut dyn Player, ids: &[u32]) -> Vec<f32> {
    let job = Job { input: Input::Tokens(ids), place: 0.into(), want: Want::Hidden };
    player.submit(&job).unwrap();
    pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
    player.hidden().to_vec()
}

/// Specs with the truth about them.
fn cases() -> Vec<(String, Spec, truth::Case)> {
    let truth = Truth::read();
    let specs = encoders::catalog().into_iter();
    let mut out = Vec::new();
    for (name, spec) in specs {
        let case = truth.case(&name.replace(' ', "-"));
        out.push((name, spec, case));
    }
    out
}

#[test]
fn ids_of_hostile_strings_equal_llama_cpps() {
    let (gguf, _) = open(&encoders::tiny("bert"));
    let tokenizer = Tokenizer::from_gguf(&gguf.metadata).unwrap();
    let strings = Truth::read().strings();
    assert!(strings.len() > 80);
    let mut wrong = Vec::new();
    for string in strings {
        for (special, want) in [(false, &string.plain), (true, &string.special)] {
            let options = Encode { add_special: special, parse_special: special };
            let got = tokenizer.encode(&string.text, options);
            if got != *want {
                wrong.push(format!("{:?}: got {got:?}, want {want:?}", string.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_of_texts_equal_llama_cpps_for_every_model() {
    for (name, spec, case) in cases() {
        let (gguf, _) = open(&spec);
        let tokenizer = Tokenizer::from_gguf(&gguf.metadata).unwrap();
        let options = Encode { add_special: true, parse_special: true };
        assert_eq!(tokenizer.encode(&case.short, options), case.short_ids, "{name}");
        assert_eq!(tokenizer.encode(&case.long, options), case.long_ids, "{name}");
    }
}

/// Rows of a short text, and means of the rows of a long one, which is more than a chunk.
fn compare(who: &str, loader: impl Fn(&Plan) -> Box<dyn Loader>, allowed: impl Fn(&Spec) -> f64) {
    let mut wrong = Vec::new();
    for (name, spec, case) in cases() {
        let (gguf, model) = open(&spec);
        let mut player = load(&gguf, &model.plan, loader(&model.plan));
        let rows = nmse(&hidden(player.as_mut(), &case.short_ids), &case.rows);
        let dim = spec.shape.dim;
        let mut mean = vec![0.0; dim];
        let n_rows = case.long_ids.len();
        let max_rows = player.max_rows();
        if spec.architecture == "qwen3" {
            assert!(max_rows <= n_rows, "a decoder reads it in chunks");
        }
        let mut pos = 0;
        for chunk in case.long_ids.chunks(max_rows) {
            let input = Input::Tokens(chunk);
            player.submit(&Job { input, place: pos.into(), want: Want::Hidden }).unwrap();
            pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
            pos += chunk.len();
            for row in player.hidden().chunks(dim) {
                mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / n_rows as f32);
            }
        }
        let mean = nmse(&mean, &case.mean);
        println!("{who} {name}: NMSE of rows {rows:.1e}, of a mean {mean:.1e}");
        let allowed = allowed(&spec);
        if !(rows <= allowed && mean <= allowed) {
            wrong.push(format!("{name}: rows {rows:.1e}, mean {mean:.1e}, allowed {allowed:.0e}"));
        }
    }
    assert!(wrong.is_empty(), "{who}\n{}", wrong.join("\n"));
}

#[test]
fn the_reference_equals_llama_cpp() {
    let loader = |plan: &Plan| kernels::reference::loader(plan, CONFIG).unwrap();
    compare("reference", loader, |_| EXACT);
}

#[test]
fn the_cpu_player_equals_llama_cpp_on_every_instruction_set() {
    for isa in cpu::instruction_sets() {
        let loader = |plan: &Plan| cpu::loader_named(plan, CONFIG, isa).unwrap();
        compare(isa, loader, |spec| cpu_allowed(spec.ty));
    }
}

/// A slot of an encoder knows nothing of the others, nor of what was read before.
#[test]
fn texts_in_other_slots_and_earlier_ones_change_nothing() {
    let (gguf, model) = open(&encoders::tiny("nomic-bert"));
    let config = PlayerConfig { n_slots: 2, ..CONFIG };
    for make in [kernels::reference::loader, cpu::loader] {
        let mut player = load(&gguf, &model.plan, make(&model.plan, config).unwrap());
        let first: Vec<u32> = (10..40).collect();
        let alone = hidden(player.as_mut(), &first);
        let other: Vec<u32> = (50..250).collect();
        let place = Place::Run(RowAt { slot: 1, pos: 0 });
        player.submit(&Job { input: Input::Tokens(&other), place, want: Want::Hidden }).unwrap();
        let _ = hidden(player.as_mut(), &other[..100]);
        assert_eq!(hidden(player.as_mut(), &first), alone);
    }
}

#[test]
fn an_encoder_refuses_pieces_of_a_text_and_positions_it_has_not() {
    let (gguf, model) = open(&encoders::tiny("bert"));
    for make in [kernels::reference::loader, cpu::loader] {
        let mut player = load(&gguf, &model.plan, make(&model.plan, CONFIG).unwrap());
        assert_eq!(player.max_rows(), CONFIG.n_ctx);
        let want = Want::Hidden;
        let behind = Job { input: Input::Tokens(&[5, 6]), place: 3.into(), want };
        let each = [RowAt::default()];
        let one = Job { input: Input::Tokens(&[5]), place: Place::Each(&each), want };
        for job in [behind, one] {
            let error = player.submit(&job).unwrap_err().to_string();
            assert!(error.contains("a whole text in one job"), "{error}");
        }
        let logits = Want::LastLogits;
        let job = Job { input: Input::Tokens(&[5]), place: 0.into(), want: logits };
        assert!(matches!(player.submit(&job), Err(PlayerError::Unsupported { .. })));
        let config = PlayerConfig { n_ctx: 301, ..CONFIG };
        let error = make(&model.plan, config).err().unwrap();
        assert!(matches!(error, PlayerError::Context { pos: 300, n_ctx: 300 }), "{error}");
    }
}
