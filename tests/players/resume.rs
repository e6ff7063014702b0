//! Answers that were begun by a session that is gone, on the CPU: the same tokens, and the same
//! logits to the bit, because what was written is played again as it was written.

use std::ops::ControlFlow;

use engine::{Prompt, Request, Session, Step};
use gguf::Gguf;
use kernels::{KvType, PlayerConfig, Sampling};
use tests::models;
use tests::play::env;

fn session(bytes: &[u8]) -> Session {
    let opened = engine::open(Gguf::open(Box::new(bytes.to_vec())).unwrap()).unwrap();
    let config = PlayerConfig { n_ctx: 64, n_slots: 1, kv: KvType::F16, n_threads: 2 };
    let load = opened.load(config, cpu::loader, env(), |_, _| ControlFlow::Continue(()));
    pollster::block_on(load).unwrap()
}

/// Ids, and the log-probability of each.
fn write(session: &mut Session, request: Request) -> (Vec<u32>, Vec<f32>) {
    let (mut ids, mut logprobs) = (Vec::new(), Vec::new());
    let mut generation = session.generate(request).unwrap();
    while pollster::block_on(generation.step()).unwrap() != Step::Done {
        ids.extend(&generation.piece().ids);
        logprobs.extend(generation.piece().logprobs.iter().map(|entry| entry.logprob));
    }
    (ids, logprobs)
}

#[test]
fn an_answer_goes_on_to_the_bit() {
    let warm = Sampling { temperature: 0.9, top_k: 30, ..Sampling::default() };
    for (name, spec) in models::catalog() {
        let bytes = spec.bytes();
        for sampling in [Sampling::default(), warm] {
            let prompt = Prompt::Tokens((3..20).collect());
            let whole = Request {
                sampling,
                seed: Some(5),
                max_tokens: Some(24),
                logprobs: Some(0),
                ignore_eos: true,
                ..Request::new(prompt)
            };
            let (ids, logprobs) = write(&mut session(&bytes), whole.clone());
            for n in [0, 1, 11, 23, 24] {
                let resume = Request { resume: ids[..n].to_vec(), ..whole.clone() };
                let (rest, same) = write(&mut session(&bytes), resume);
                assert_eq!(rest, ids[n..], "{name}: after {n} tokens");
                assert_eq!(same, logprobs[n..], "{name}: after {n} tokens");
            }
        }
    }
}
