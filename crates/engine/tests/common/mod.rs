//! A tiny model file made here, and players that answer by rule, for the engine's tests.
//!
//! The fake player's logits are a function of the ids it really has in its cache. So a wrong reuse
//! of the cache, a skipped token or a wrong position changes the text, and a test sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "shared by tests")]

mod fake;

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use engine::{Env, Generation, Request, Session, Step, Summary};
#[allow(unused_imports, reason = "shared by tests")]
pub use fake::{Fake, JobLog, hash_rule};
use gguf::{Array, Gguf, Metadata, Value, Writer};
use quant::TensorType;

/// Ids of the vocabulary: `<unk> <s> </s>`, 256 bytes, then these words.
pub const BOS: u32 = 1;
pub const EOS: u32 = 2;
const FIRST_WORD: u32 = 3 + 256;
const WORDS: &[&str] =
    &["\u{2581}", "STOP", "ST", "OP", "ab", "c", "hello", "\u{2581}you", "\n\n", "caf", "x"];
pub const N_VOCAB: usize = FIRST_WORD as usize + WORDS.len();

/// Id of a byte token.
pub fn byte(b: u8) -> u32 {
    3 + u32::from(b)
}

/// Id of a word.
pub fn word(text: &str) -> u32 {
    let i = WORDS.iter().position(|word| *word == text).expect("a word of the vocabulary");
    FIRST_WORD + i as u32
}

/// Ids that spell `text` in single bytes.
pub fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(byte).collect()
}

pub const DIM: u64 = 32;
pub const N_LAYERS: usize = 2;

fn metadata() -> Metadata {
    let mut m = Metadata::new();
    let mut text = |key: &str, value: &str| m.insert(key, Value::String(value.to_owned()));
    text("general.architecture", "llama");
    text("general.name", "tiny");
    text("tokenizer.ggml.model", "llama");
    let numbers = [
        ("block_count", N_LAYERS as u32),
        ("embedding_length", DIM as u32),
        ("feed_forward_length", DIM as u32),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("context_length", 4096),
    ];
    for (key, value) in numbers {
        m.insert(format!("llama.{key}"), Value::U32(value));
    }
    m.insert("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    tokens.extend((0..256).map(|b| format!("<0x{b:02X}>")));
    tokens.extend(WORDS.iter().map(|word| (*word).to_owned()));
    let mut types = vec![2, 3, 3];
    types.extend([6; 256]);
    types.extend(vec![1; WORDS.len()]);
    let scores: Vec<f32> = (0..tokens.len()).map(|i| -(i as f32)).collect();
    m.insert("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    m.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    m.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    m.insert("tokenizer.ggml.bos_token_id", Value::U32(BOS));
    m.insert("tokenizer.ggml.eos_token_id", Value::U32(EOS));
    m.insert("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    m
}

/// Names and shapes of the tensors.
fn tensors() -> Vec<(String, Vec<u64>)> {
    let mut all = vec![("token_embd.weight".to_owned(), vec![DIM, N_VOCAB as u64])];
    for layer in 0..N_LAYERS {
        let mut add = |name: &str, dims: &[u64]| {
            all.push((format!("blk.{layer}.{name}.weight"), dims.to_vec()));
        };
        add("attn_norm", &[DIM]);
        add("attn_q", &[DIM, DIM]);
        add("attn_k", &[DIM, DIM / 2]);
        add("attn_v", &[DIM, DIM / 2]);
        add("attn_output", &[DIM, DIM]);
        add("ffn_norm", &[DIM]);
        add("ffn_gate", &[DIM, DIM]);
        add("ffn_up", &[DIM, DIM]);
        add("ffn_down", &[DIM, DIM]);
    }
    all.push(("output_norm.weight".to_owned(), vec![DIM]));
    all
}

/// A llama file of two layers with seeded weights; `template` is its chat template.
pub fn model_file(template: Option<&str>) -> Vec<u8> {
    let mut metadata = metadata();
    if let Some(template) = template {
        metadata.insert("tokenizer.chat_template", Value::String(template.to_owned()));
    }
    let mut writer = Writer::new(metadata);
    for (name, dims) in tensors() {
        writer.tensor(name, TensorType::F32, &dims).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    let mut state = 7u32;
    for (name, dims) in tensors() {
        let n: u64 = dims.iter().product();
        let mut values = Vec::new();
        for _ in 0..n {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            values.extend((if name.contains("norm") { value + 1.0 } else { value }).to_le_bytes());
        }
        data.write_tensor(&name, &values).unwrap();
    }
    data.finish().unwrap()
}

pub fn gguf(template: Option<&str>) -> Gguf {
    Gguf::open(Box::new(model_file(template))).unwrap()
}

/// A clock that moves 1 ms at each look, and a fixed "chance".
pub fn env() -> Env {
    let now = Rc::new(std::cell::Cell::new(0.0));
    Env {
        now_ms: Box::new(move || {
            now.set(now.get() + 1.0);
            now.get()
        }),
        now_local: Box::new(|| chat::Moment::from_unix(0, 0)),
        entropy: Box::new(|| 4242),
        pause: None,
    }
}

/// Polls to the end; our futures only wait for players.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}

/// Everything one generation gave.
pub struct Output {
    pub text: String,
    pub ids: Vec<u32>,
    pub pieces: Vec<String>,
    pub summary: Summary,
}

impl Output {
    pub fn reason(&self) -> &'static str {
        self.summary.finish_reason.unwrap().name()
    }
}

pub fn finish(mut generation: Generation<'_>) -> Output {
    let (mut ids, mut pieces) = (Vec::new(), Vec::new());
    loop {
        match block_on(generation.step()).unwrap() {
            Step::Prefill { .. } => {}
            Step::Piece => {
                ids.extend(&generation.piece().ids);
                pieces.push(generation.piece().text.clone());
            }
            Step::Done => break,
        }
    }
    Output { text: pieces.concat(), ids, pieces, summary: *generation.summary() }
}

pub fn generate(session: &mut Session, request: Request) -> Output {
    finish(session.generate(request).unwrap())
}
