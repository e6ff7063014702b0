//! What the seeded models answer natively, as JSON, for the comparison with browsers:
//! `native_answers FOLDER MODEL...` prints a list of `{ model, device, tokens, logits }`; `logits`
//! are those after [`PROMPT`], as little-endian floats in base64. A GPU that is not there is left
//! out.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool of the tests")]

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{Prompt, Request, Session, Step};
use gguf::Gguf;
use kernels::{KvType, Loader, Plan, PlayerConfig, PlayerError, Sampling};
use serde_json::{Value, json};
use tests::play::env;

/// As in `tests/web/browsers.mjs`.
const PROMPT: std::ops::Range<u32> = 3..20;
const N_TOKENS: usize = 24;

fn session(
    bytes: Vec<u8>,
    loader: impl FnOnce(&Plan, PlayerConfig) -> Result<Box<dyn Loader>, PlayerError>,
) -> Session {
    let opened = engine::open(Gguf::open(Box::new(bytes)).unwrap()).unwrap();
    let config = PlayerConfig { n_ctx: 64, n_slots: 1, kv: KvType::F32, n_threads: 2 };
    let load = opened.load(config, loader, env(), |_, _| ControlFlow::Continue(()));
    pollster::block_on(load).unwrap()
}

fn answer(model: &str, device: &str, mut session: Session) -> Value {
    let ids: Vec<u32> = PROMPT.collect();
    let mut logits = Vec::new();
    pollster::block_on(session.logits(&ids, false, |rows| {
        logits.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
    }))
    .unwrap();
    let request = Request {
        sampling: Sampling::default(),
        max_tokens: Some(N_TOKENS),
        ignore_eos: true,
        ..Request::new(Prompt::Tokens(ids))
    };
    let mut tokens: Vec<u32> = Vec::new();
    let mut generation = session.generate(request).unwrap();
    while pollster::block_on(generation.step()).unwrap() != Step::Done {
        tokens.extend(&generation.piece().ids);
    }
    json!({ "model": model, "device": device, "tokens": tokens, "logits": STANDARD.encode(logits) })
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_default();
    let options = gpu::Options { allow_software: true, ..gpu::Options::default() };
    let gpu = pollster::block_on(gpu::Gpu::open(&options)).ok();
    let mut answers = Vec::new();
    for model in args {
        let bytes = std::fs::read(format!("{folder}/{model}.gguf")).unwrap();
        answers.push(answer(&model, "cpu", session(bytes.clone(), cpu::loader)));
        if let Some(gpu) = &gpu {
            let loader = |plan: &Plan, config| gpu.loader(plan, config);
            answers.push(answer(&model, "gpu", session(bytes, loader)));
        }
    }
    println!("{}", Value::Array(answers));
}
