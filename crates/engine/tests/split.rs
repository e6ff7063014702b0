//! Two players in a row give what one gives, wherever the cut is.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::ops::ControlFlow;

use common::*;
use engine::{Prompt, Request, Session, SplitLoader};
use kernels::reference;
use kernels::{KvType, Loader, Plan, PlayerConfig, PlayerError, Sampling};

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 48, n_slots: 1, kv: KvType::F32, n_threads: 1 };

fn load(make: impl FnOnce(&Plan, PlayerConfig) -> Result<Box<dyn Loader>, PlayerError>) -> Session {
    let opened = engine::open(gguf(None)).unwrap();
    block_on(opened.load(CONFIG, make, env(), |_, _| ControlFlow::Continue(()))).unwrap()
}

fn split_at(layer: usize) -> Session {
    load(|plan, config| {
        let half = |part: &Plan| reference::loader(part, config);
        Ok(Box::new(SplitLoader::new(plan, layer, half, half)?))
    })
}

#[test]
fn every_cut_gives_the_same_numbers_and_text() {
    let ids: Vec<u32> = (30..50).collect();
    let mut whole = load(reference::loader);
    let mut want = Vec::new();
    block_on(whole.logits(&ids, true, |rows| want.extend_from_slice(rows))).unwrap();
    assert_eq!(want.len(), ids.len() * N_VOCAB);
    assert!(want.iter().all(|logit| logit.is_finite()));
    let sampling = Sampling { temperature: 0.9, top_k: 10, ..Sampling::default() };
    let prompt = Prompt::Tokens(ids.clone());
    let request = Request { sampling, seed: Some(3), ignore_eos: true, ..Request::new(prompt) };
    let text = generate(&mut whole, request.clone());
    assert_eq!(text.reason(), "context");
    for layer in 0..=N_LAYERS {
        let mut split = split_at(layer);
        let mut got = Vec::new();
        block_on(split.logits(&ids, true, |rows| got.extend_from_slice(rows))).unwrap();
        assert!(got == want, "logits of the cut before layer {layer}");
        for tokens_per_job in [None, Some(1), Some(4)] {
            let request = Request { tokens_per_job, ..request.clone() };
            assert_eq!(generate(&mut split, request).ids, text.ids, "cut before layer {layer}");
        }
        let info = split.player_info();
        assert_eq!(info.device, "reference+reference");
    }
}
