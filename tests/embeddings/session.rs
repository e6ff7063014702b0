//! The engine's side: texts in, vectors out, pooled as the file says.

use std::ops::ControlFlow;

use engine::{Error, Prompt, Request, Session, Step, bench};
use gguf::Gguf;
use kernels::{KvType, PlayerConfig};
use tests::encoders;
use tests::models::Spec;
use tests::play::env;

use crate::truth::nmse;
use crate::{EIGHT_BIT, FLOAT, cases};

fn session(spec: &Spec, n_ctx: usize) -> Session {
    let opened = engine::open(Gguf::open(Box::new(spec.bytes())).unwrap()).unwrap();
    let config = PlayerConfig { n_ctx, n_slots: 1, kv: KvType::F16, n_threads: 2 };
    let load = opened.load(config, cpu::loader, env(), |_, _| ControlFlow::Continue(()));
    pollster::block_on(load).unwrap()
}

fn embed(session: &mut Session, texts: &[&str], truncate: bool) -> engine::Embeddings {
    let inputs: Vec<Prompt> = texts.iter().map(|text| Prompt::Text((*text).to_owned())).collect();
    let slot = session.admit_embed(&inputs, truncate).unwrap();
    loop {
        pollster::block_on(session.round()).unwrap();
        while let Some((_, outcome)) = session.next_outcome() {
            if matches!(outcome.unwrap(), Step::Done) {
                return session.release(slot).unwrap();
            }
        }
    }
}

#[test]
fn vectors_are_pooled_as_llama_cpp_pools_them() {
    for (name, spec, case) in cases() {
        let rows = [(1, &case.mean), (2, &case.cls), (3, &case.last)];
        for (pooling, want) in rows {
            let spec = Spec { pooling: Some(pooling), ..spec.clone() };
            let mut session = session(&spec, 300);
            let done = embed(&mut session, &[&case.long, &case.short, &case.long], false);
            assert_eq!(done.vectors.len(), 3);
            assert_eq!(done.vectors[0], done.vectors[2], "{name}: a text alone is a text beside");
            let error = nmse(&done.vectors[0], want);
            let is_float = matches!(spec.ty, quant::TensorType::F32 | quant::TensorType::F16);
            // The decoder's cache is F16 here, as it is by default.
            let allowed = if is_float && spec.architecture != "qwen3" { FLOAT } else { EIGHT_BIT };
            assert!(error <= allowed, "{name}, pooling {pooling}: NMSE {error:.1e}");
            assert_eq!(done.n_tokens, 2 * case.long_ids.len() + case.short_ids.len());
        }
    }
}

#[test]
fn a_text_beyond_the_context_is_cut_before_its_end_token_or_refused() {
    let spec = encoders::tiny("bert");
    let mut session = session(&spec, 16);
    let text = "the boy looked at the birds and the hill and the clouds for a whole year";
    let n_ids = session.prompt_ids(&Prompt::Text(text.to_owned())).unwrap().len();
    let cut = embed(&mut session, &[text], true);
    assert_eq!((cut.n_tokens, cut.truncated_tokens), (16, n_ids - 16));
    // The same ids by hand: the first fifteen, and the separator.
    let mut ids = session.prompt_ids(&Prompt::Text(text.to_owned())).unwrap();
    ids.drain(15..ids.len() - 1);
    let slot = session.admit_embed(&[Prompt::Tokens(ids)], false).unwrap();
    pollster::block_on(session.round()).unwrap();
    assert_eq!(session.release(slot).unwrap().vectors, cut.vectors);
    let refused = session.admit_embed(&[Prompt::Text(text.to_owned())], false);
    assert!(matches!(refused, Err(Error::InputTooLong { need, have: 16 }) if need == n_ids));
}

#[test]
fn an_encoder_has_the_context_it_was_trained_with_and_writes_no_text() {
    let mut session = session(&encoders::tiny("bert"), 4096);
    assert_eq!(session.n_ctx(), 300);
    assert!(session.model_info().only_embeds);
    let request = Request::new(Prompt::Text("the house".into()));
    let error = session.admit(request).unwrap_err();
    assert!(matches!(error, Error::OnlyEmbeds) && error.code() == "request.invalid", "{error}");
    let ids = [2, 5, 6, 3];
    let scores = pollster::block_on(session.logits(&ids, true, |_| {}));
    assert!(matches!(scores, Err(Error::OnlyEmbeds)));
    // One layer of rows, whatever the number of layers is.
    assert!(session.player_info().kv_bytes <= 320 * 2 * 64 * 4);
}

#[test]
fn files_that_pool_otherwise_are_refused() {
    for (pooling, is_good) in [(Some(0), true), (None, true), (Some(4), false), (Some(9), false)] {
        let spec = Spec { pooling, ..encoders::tiny("nomic-bert") };
        let opened = engine::open(Gguf::open(Box::new(spec.bytes())).unwrap());
        match opened {
            Ok(_) => assert!(is_good, "{pooling:?}"),
            Err(error) => {
                assert!(!is_good && error.to_string().contains("nomic-bert.pooling_type"));
                assert_eq!(error.code(), "model.unsupported");
            }
        }
    }
}

struct Quiet;

impl bench::Watch for Quiet {
    fn progress(&mut self, _: &bench::Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn row(&mut self, _: &bench::Row) {}

    fn peak_memory(&mut self) -> Option<u64> {
        None
    }
}

#[test]
fn reading_is_measured_and_writing_is_refused() {
    for name in ["bert", "nomic-bert"] {
        let spec = encoders::tiny(name);
        let mut session = session(&spec, 64);
        let test = |n_prompt, n_gen| bench::Test { n_prompt, n_gen, depth: 0, n_slots: 1 };
        let settings = bench::Settings {
            tests: vec![test(40, 0), test(0, 4), test(65, 0)],
            // Smaller batches would cut a text that is read in both directions.
            n_batch: Some(8),
            n_runs: 2,
            peaks: false,
            ..bench::Settings::default()
        };
        let (asked, mut pace, mut quiet) = (bench::Asked::default(), bench::Pace::default(), Quiet);
        let run = bench::run(&mut session, &asked, &settings, &mut pace, &mut quiet);
        let rows = pollster::block_on(run);
        let done: Vec<bool> = rows.iter().map(|row| row.outcome == bench::Outcome::Done).collect();
        assert_eq!(done, [true, false, false], "{name}");
        assert_eq!(rows[0].seconds.len(), 2, "{name}");
    }
}
