//! Models in other forms: a folder made of a seeded GGUF model, by a writer of the tests' own,
//! becomes that model again.
//!
//! | what | how near |
//! |---|---|
//! | Plan, tokenizer, matrices | the same |
//! | logits | NMSE 1e-6: gains that are kept as their distance from 1 are rounded twice |
//! | damaged files | a sentence each, and nothing else |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod adapters;
mod damaged;
mod hf;
mod lora;

use std::future::poll_fn;

use convert::{File, GgufView};
use gguf::{ByteSource, Gguf};
use kernels::{Input, Job, KvType, PlayerConfig, Want};
use quant::TensorType;
use tests::encoders;
use tests::models::{Rope, Spec};
use tests::play::load;
use tests::vocab::Vocabulary;
use tokenizer::{Encode, Tokenizer};

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 64, n_slots: 1, kv: KvType::F32, n_threads: 2 };
const ALLOWED: f64 = 1e-6;

pub fn parsed(bytes: Vec<u8>) -> Gguf {
    Gguf::open(Box::new(bytes)).unwrap()
}

pub fn files(folder: &hf::Folder) -> Vec<File> {
    let file = |(name, bytes): &(String, Vec<u8>)| File {
        name: name.clone(),
        bytes: Box::new(bytes.clone()),
    };
    folder.iter().map(file).collect()
}

/// The folder converted, and read as the file it would be.
pub fn converted(folder: &hf::Folder) -> Gguf {
    let source = convert::open("model", files(folder)).unwrap();
    let view = GgufView::new(source).unwrap();
    // Read whole, and in odd pieces, it is the same file.
    let mut whole = vec![0; usize::try_from(view.len()).unwrap()];
    view.read_at(0, &mut whole).unwrap();
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let mut piece = vec![0; 4097.min(whole.len() - pieces.len())];
        view.read_at(pieces.len() as u64, &mut piece).unwrap();
        pieces.extend(piece);
    }
    assert!(pieces == whole, "pieces of a view differ from its whole");
    parsed(whole)
}

/// Logits (or the rows of an encoder) after a prompt, by the reference player.
pub fn numbers(gguf: &Gguf) -> Vec<f32> {
    let plan = model::build(gguf).unwrap().plan;
    let mut player = load(gguf, &plan, kernels::reference::loader(&plan, CONFIG).unwrap());
    let n_vocab = u32::try_from(plan.dims.n_vocab).unwrap();
    let tokens: Vec<u32> = (0..24).map(|i| (i * 37 + 11) % n_vocab).collect();
    let want = if plan.is_causal() { Want::LastLogits } else { Want::Hidden };
    player.submit(&Job { input: Input::Tokens(&tokens), place: 0.into(), want }).unwrap();
    pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
    if plan.is_causal() { player.logits().to_vec() } else { player.hidden().to_vec() }
}

pub fn nmse(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let pairs = || got.iter().zip(want).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs().map(|(_, b)| b * b).sum::<f64>()
}

/// Everything a folder can be the origin of.
fn catalog() -> Vec<(String, Spec)> {
    let mut out = Vec::new();
    for architecture in ["llama", "qwen2", "qwen3", "gemma3"] {
        let tiny = Spec::tiny(architecture);
        out.push((format!("{architecture} tied"), tiny.clone()));
        out.push((format!("{architecture} untied"), Spec { tied: false, ..tiny.clone() }));
        for (name, rope) in [("linear", Rope::Linear(4.0)), ("yarn", Rope::Yarn(4.0))] {
            out.push((format!("{architecture} {name}"), Spec { rope, ..tiny.clone() }));
        }
        for ty in [TensorType::F16, TensorType::BF16] {
            out.push((format!("{architecture} {ty}"), Spec { ty, ..tiny.clone() }));
        }
    }
    out.push(("llama spm".to_owned(), Spec { vocabulary: Vocabulary::Spm, ..Spec::tiny("llama") }));
    out.push(("bert".to_owned(), encoders::tiny("bert")));
    out
}

#[test]
fn a_folder_becomes_the_model_it_was_made_of() {
    for (name, spec) in catalog() {
        let want = parsed(spec.bytes());
        let got = converted(&hf::folder(&want));
        let (ours, theirs) = (model::build(&got).unwrap(), model::build(&want).unwrap());
        assert_eq!(ours.hyper, theirs.hyper, "{name}");
        assert_eq!(format!("{:?}", ours.plan), format!("{:?}", theirs.plan), "{name}");
        same_tensors(&name, &got, &want);
        same_tokenizer(&name, &got, &want);
        let error = nmse(&numbers(&got), &numbers(&want));
        assert!(error <= ALLOWED, "{name}: NMSE {error:.1e}");
    }
}

fn same_tensors(name: &str, got: &Gguf, want: &Gguf) {
    assert_eq!(got.tensors.len(), want.tensors.len(), "{name}");
    for info in &want.tensors {
        let ours = got.tensor(&info.name).unwrap();
        assert_eq!((&ours.dims, ours.ty), (&info.dims, info.ty), "{name} {}", info.name);
        let read = |gguf: &Gguf, info| {
            let mut bytes = vec![0; usize::try_from(ours.n_bytes).unwrap()];
            gguf.read_tensor(info, 0, &mut bytes).unwrap();
            bytes
        };
        let is_gain = name.starts_with("gemma3") && info.name.ends_with("norm.weight");
        if !is_gain {
            assert!(read(got, ours) == read(want, info), "{name} {}", info.name);
        }
    }
}

fn same_tokenizer(name: &str, got: &Gguf, want: &Gguf) {
    for key in ["tokens", "token_type", "merges", "scores", "bos_token_id", "eos_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        assert!(got.metadata.get(&key) == want.metadata.get(&key), "{name} {key}");
    }
    let template = "tokenizer.chat_template";
    assert_eq!(got.metadata.get(template), want.metadata.get(template), "{name}");
    let ids = |gguf: &Gguf| {
        let tokenizer = Tokenizer::from_gguf(&gguf.metadata).unwrap();
        let options = Encode { add_special: true, parse_special: true };
        tokenizer.encode("It's 2026, and the trees are green.<|im_end|> \n\n x", options)
    };
    assert_eq!(ids(got), ids(want), "{name}");
}

#[test]
fn weights_may_be_in_several_files() {
    let want = parsed(Spec::tiny("llama").bytes());
    let mut folder = hf::folder(&want);
    let tensors = hf::tensors(&want);
    folder.retain(|(name, _)| name != "model.safetensors");
    let mut map = serde_json::Map::new();
    for (i, part) in tensors.chunks(7).enumerate() {
        let file = format!("model-{:05}-of-00009.safetensors", i + 1);
        for (name, ..) in part {
            map.insert(name.clone(), file.clone().into());
        }
        folder.push((file, hf::safetensors(part)));
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": map}).to_string();
    folder.push(("model.safetensors.index.json".to_owned(), index.into_bytes()));
    // What another library left there is not read.
    folder.push(("consolidated.safetensors".to_owned(), b"nothing".to_vec()));
    same_tensors("several files", &converted(&folder), &want);
    folder.retain(|(name, _)| !name.starts_with("model-00002"));
    let error = convert::open("m", files(&folder)).err().unwrap().to_string();
    assert!(error.contains("model-00002-of-00009.safetensors"), "{error}");
}
