//! Loading, answering, cancelling and unloading, with a tiny model in a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test")]

mod text;
mod tiny;

use std::future::Future;
use std::ops::ControlFlow;
use std::rc::Rc;

use ::engine::{FinishReason, Prompt, Request, Step};
use api::host::{
    Backend, EmbedRequest, Event, EventStream, Format, GenerateRequest, LoadError, LoadSpec,
    RunError, Runner,
};
use futures_util::StreamExt;
use serde_json::json;
use store::{FsIo, StorePath};

use super::{BackendSettings, NativeBackend, NativeRunner};
use crate::args::{Device, Kv, LoadArgs};
use crate::{load, settings};

/// A store with the tiny model, and a backend on it.
struct Lab {
    blobs: FsIo,
    backend: NativeBackend,
    file: String,
    _folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        Lab::with(Kv::F32, 4096)
    }

    fn with(kv: Kv, n_ctx_train: u32) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FsIo::new(folder.path());
        let file = tiny::put(&blobs, &tiny::file(n_ctx_train));
        let settings = BackendSettings { device: Device::Cpu, kv, ..BackendSettings::default() };
        let backend = NativeBackend::new(blobs.clone(), settings);
        Lab { blobs, backend, file, _folder: folder }
    }

    fn spec(&self, num_ctx: u32, slots: usize) -> LoadSpec {
        let (files, num_thread) = (vec![self.file.clone()], Some(1));
        LoadSpec { files, num_ctx: Some(num_ctx), slots, num_thread, ..LoadSpec::default() }
    }

    async fn load(&self, num_ctx: u32, slots: usize) -> NativeRunner {
        self.backend.load(&self.spec(num_ctx, slots)).await.unwrap()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future)
}

/// Greedy, and never at an end before so many tokens.
fn greedy(prompt: &[u32], n: usize) -> GenerateRequest {
    GenerateRequest {
        prompt: prompt.to_vec(),
        max_tokens: Some(n),
        logit_bias: tiny::ENDS.map(|id| (id, f32::NEG_INFINITY)).to_vec(),
        ..GenerateRequest::default()
    }
}

/// Ids, text, and how it ended.
async fn read(mut events: EventStream) -> Result<(Vec<u32>, String, FinishReason), RunError> {
    let (mut ids, mut text) = (Vec::new(), String::new());
    while let Some(event) = events.next().await {
        match event? {
            Event::Piece { text: more, ids: new, .. } => {
                ids.extend(new);
                text.push_str(&more);
            }
            Event::Done(summary) => return Ok((ids, text, summary.finish_reason.unwrap())),
            Event::Started { .. } | Event::Progress { .. } => {}
        }
    }
    panic!("a stream ends with its last event");
}

/// What a session without threads and mailboxes makes of it.
fn alone(lab: &Lab, request: &GenerateRequest) -> Vec<u32> {
    let digest = store::Digest::parse_wire(&lab.file).unwrap();
    let opened = load::open(&lab.blobs.place(&StorePath::blob(&digest))).unwrap();
    let kv = settings::kv_type(Kv::F32);
    let config = kernels::PlayerConfig { n_ctx: 512, n_slots: 1, kv, n_threads: 1 };
    let args =
        LoadArgs { device: Device::Cpu, gpu_layers: None, threads: None, ctx: None, kv: Kv::F32 };
    let mut session =
        load::load_with(opened, &args, config, |_, _| ControlFlow::Continue(())).unwrap();
    let request = Request {
        sampling: request.sampling,
        max_tokens: request.max_tokens,
        logit_bias: request.logit_bias.clone(),
        ..Request::new(Prompt::Tokens(request.prompt.clone()))
    };
    let mut generation = session.generate(request).unwrap();
    let mut ids = Vec::new();
    loop {
        match pollster::block_on(generation.step()).unwrap() {
            Step::Piece => ids.extend_from_slice(&generation.piece().ids),
            Step::Prefill { .. } => {}
            Step::Done => return ids,
        }
    }
}

#[test]
fn answers_are_those_of_a_session_also_side_by_side() {
    let lab = Lab::new();
    let first = greedy(&[1, 40, 41, 42], 24);
    let second = greedy(&(50..90).collect::<Vec<u32>>(), 24);
    let want = (alone(&lab, &first), alone(&lab, &second));
    assert_eq!(want.0.len(), 24);
    block_on(async {
        let runner = lab.load(512, 2).await;
        assert_eq!((runner.info().num_ctx, runner.info().n_vocab), (512, tiny::N_VOCAB));
        let solo = read(runner.generate(first.clone())).await.unwrap();
        assert_eq!((&solo.0, solo.2), (&want.0, FinishReason::Length));
        let both = (read(runner.generate(first)), read(runner.generate(second)));
        let (a, b) = futures_util::future::join(both.0, both.1).await;
        assert_eq!((a.unwrap().0, b.unwrap().0), want);
    });
}

#[test]
fn a_dropped_stream_frees_its_slot() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(4096, 1).await;
        for _ in 0..20 {
            let mut events = runner.generate(greedy(&[1, 40], 4000));
            assert!(matches!(events.next().await, Some(Ok(Event::Started { .. }))));
            drop(events);
        }
        let (ids, ..) = read(runner.generate(greedy(&[1, 50], 5))).await.unwrap();
        assert_eq!(ids.len(), 5);
    });
}

#[test]
fn a_slow_reader_delays_nobody_and_loses_nothing() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(4096, 2).await;
        // With log-probabilities every token comes alone, so that there are many events.
        let long = GenerateRequest { logprobs: Some(0), ..greedy(&[1, 40], 900) };
        let mut slow = runner.generate(long.clone());
        assert!(matches!(slow.next().await, Some(Ok(Event::Started { .. }))));
        for _ in 0..3 {
            let quick = read(runner.generate(greedy(&[1, 60], 200))).await.unwrap();
            assert_eq!(quick.0.len(), 200);
        }
        let (ids, _, reason) = read(slow).await.unwrap();
        assert_eq!((ids.len(), reason), (900, FinishReason::Length));
        assert_eq!(read(runner.generate(long)).await.unwrap().0, ids);
    });
}

#[test]
fn unloading_ends_the_engine_and_what_waits_for_it() {
    let lab = Lab::new();
    block_on(async {
        let runner = Rc::new(lab.load(4096, 1).await);
        let running = runner.generate(greedy(&[1, 40], 4000));
        lab.backend.unload(Rc::clone(&runner)).await;
        let (ids, _, reason) = read(running).await.unwrap();
        assert_eq!(reason, FinishReason::Cancelled);
        assert!(ids.len() < 4000);
        let late = read(runner.generate(greedy(&[1], 1))).await;
        assert!(matches!(late, Err(RunError::Failed(_))), "{late:?}");
        lab.backend.unload(runner).await;
    });
}

#[test]
fn scores_are_the_log_probabilities_of_an_answer() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(64, 1).await;
        let request = GenerateRequest { logprobs: Some(2), ..greedy(&[1, 40, 41], 8) };
        let mut events = runner.generate(request);
        let (mut ids, mut said) = (vec![1, 40, 41], Vec::new());
        while let Some(event) = events.next().await {
            if let Event::Piece { ids: new, logprobs, .. } = event.unwrap() {
                ids.extend(new);
                said.extend(logprobs);
            }
        }
        let scores = runner.score(&ids, 2).await.unwrap();
        assert_eq!(scores.len(), ids.len() - 1);
        assert_eq!(said.len(), 8);
        for (score, said) in scores[2..].iter().zip(&said) {
            assert_eq!((score.id, score.top.len()), (said.id, 2));
            assert!((score.logprob - said.logprob).abs() < 1e-3, "{score:?} {said:?}");
        }
        assert_eq!(runner.score(&[1], 0).await, Ok(Vec::new()));
        let long = runner.score(&[1; 65], 0).await;
        assert_eq!(long, Err(RunError::TooLong { need: 65, have: 64 }));
    });
}

#[test]
fn a_prompt_is_read_in_batches_of_the_asked_size() {
    let lab = Lab::new();
    block_on(async {
        for (num_batch, want) in [(Some(16), 16), (Some(1), 1), (Some(1 << 20), 100)] {
            let spec = LoadSpec { num_batch, ..lab.spec(512, 1) };
            let runner = lab.backend.load(&spec).await.unwrap();
            let mut events = runner.generate(greedy(&[40; 101], 2));
            let (mut last, mut most) = (0, 0);
            while let Some(event) = events.next().await {
                if let Event::Progress { done, .. } = event.unwrap() {
                    most = most.max(done - last);
                    last = done;
                }
            }
            // The last batch comes with the first token, and no batch leaves a single row over.
            assert!(most == want || want == 100 && last == 0, "{num_batch:?}: {most}");
        }
    });
}

#[test]
fn the_stop_string_that_was_found_is_told() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(512, 1).await;
        let (_, text, _) = read(runner.generate(greedy(&[1, 40], 60))).await.unwrap();
        let found: String = text.chars().skip(4).take(2).collect();
        for (stop, want) in [
            (vec!["\u{1}never".to_owned(), found.clone()], Some(found.clone())),
            (vec!["\u{1}never".to_owned()], None),
        ] {
            let mut events = runner.generate(GenerateRequest { stop, ..greedy(&[1, 40], 60) });
            let mut said = None;
            while let Some(event) = events.next().await {
                if let Event::Done(summary) = event.unwrap() {
                    said = summary.stop_text;
                }
            }
            assert_eq!(said, want);
        }
    });
}

#[test]
fn texts_become_vectors() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(64, 1).await;
        let inputs = vec![vec![1, 40, 41], vec![1; 70]];
        let ask = |truncate| EmbedRequest { inputs: inputs.clone(), truncate };
        let done = runner.embed(ask(true)).await.unwrap();
        assert_eq!(done.vectors.iter().map(Vec::len).collect::<Vec<_>>(), [tiny::DIM; 2]);
        assert_eq!((done.prompt_tokens, done.truncated_tokens), (67, 6));
        assert!(done.vectors.iter().flatten().all(|x| x.is_finite()));
        let refused = runner.embed(ask(false)).await;
        assert_eq!(refused, Err(RunError::TooLong { need: 70, have: 64 }));
    });
}

#[test]
fn an_answer_has_the_form_that_was_asked_for() {
    let lab = Lab::new();
    let schema = json!({ "type": "object", "properties": { "x": { "enum": [1, 22, 333] } },
        "required": ["x"], "additionalProperties": false });
    block_on(async {
        let runner = lab.load(512, 1).await;
        let format = Some(Format::Schema(schema));
        let request = GenerateRequest { format, prompt: vec![1, 40], ..GenerateRequest::default() };
        let (_, text, reason) = read(runner.generate(request)).await.unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).expect(&text);
        assert!([1, 22, 333].iter().any(|x| value["x"] == *x), "{text}");
        assert_eq!(reason, FinishReason::Stop);
    });
}

#[test]
fn a_begun_thought_ends_before_the_form_begins() {
    let lab = Lab::new();
    let x = json!({ "x": { "enum": [1, 22] } });
    let schema = json!({ "type": "object", "properties": x, "required": ["x"] });
    block_on(async {
        let runner = lab.load(2048, 1).await;
        let prompt: Vec<u32> = "<think>\n".bytes().map(tiny::byte).collect();
        let answers = [(prompt, false), (vec![1, 40], true)];
        for (prompt, is_form) in answers {
            let format = Some(Format::Schema(schema.clone()));
            let request = GenerateRequest { format, prompt, ..greedy(&[], 60) };
            let (_, text, _) = read(runner.generate(request)).await.unwrap();
            assert_eq!(text.starts_with('{'), is_form, "{text}");
        }
    });
}

#[test]
fn wrong_requests_are_told_from_failures() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(64, 1).await;
        for (request, is_right) in [
            (greedy(&[9999], 1), false),
            (greedy(&[], 1), false),
            (GenerateRequest { template: Some("{{ .Prompt".into()), ..greedy(&[1], 1) }, false),
            (greedy(&[1], 1), true),
        ] {
            let got = read(runner.generate(request)).await;
            assert_eq!(got.is_ok(), is_right);
            assert!(is_right || matches!(got, Err(RunError::Invalid(_))), "{got:?}");
        }
        let long = read(runner.generate(greedy(&[1; 64], 1))).await;
        assert_eq!(long, Err(RunError::TooLong { need: 64, have: 64 }));
    });
}

#[test]
fn the_estimate_is_near_what_is_held() {
    for (kv, num_ctx, slots) in
        [(Kv::F32, 64, 1), (Kv::F16, 4096, 1), (Kv::Q8_0, 4096, 4), (Kv::F16, 65536, 8)]
    {
        let lab = Lab::with(kv, 65536);
        block_on(async {
            let spec = lab.spec(num_ctx, slots);
            let said = lab.backend.estimate(&spec).await.unwrap();
            let runner = lab.backend.load(&spec).await.unwrap();
            let held = runner.info().memory;
            assert_eq!((said.device, held.device), (0, 0));
            let ratio = said.host as f64 / held.host as f64;
            assert!((0.8..2.0).contains(&ratio), "{kv:?} {num_ctx} x {slots}: {said:?} {held:?}");
        });
    }
}

#[test]
fn a_context_is_never_larger_than_what_the_model_was_trained_for() {
    let lab = Lab::with(Kv::F16, 1000);
    block_on(async {
        for (asked, want) in [(Some(4096), 1000), (None, 1000), (Some(10), 10), (Some(0), 2)] {
            let spec = LoadSpec { num_ctx: asked, ..lab.spec(0, 1) };
            assert_eq!(lab.backend.load(&spec).await.unwrap().info().num_ctx, want, "{asked:?}");
        }
    });
}

#[test]
fn what_cannot_be_loaded_is_said_in_a_sentence() {
    let lab = Lab::new();
    let mut short = tiny::file(4096);
    short.truncate(short.len() / 2);
    let files = [
        tiny::put(&lab.blobs, b"GGUF"),
        tiny::put(&lab.blobs, &short),
        format!("sha256:{}", "0".repeat(64)),
        "nonsense".to_owned(),
    ];
    block_on(async {
        for file in files {
            let spec = LoadSpec { files: vec![file.clone()], ..lab.spec(64, 1) };
            for result in [
                lab.backend.estimate(&spec).await.map(|_| ()),
                lab.backend.load(&spec).await.map(|_| ()),
            ] {
                assert!(matches!(result, Err(LoadError::Failed(_))), "{file}: {result:?}");
            }
        }
        let with_adapter = LoadSpec { adapters: vec![lab.file.clone()], ..lab.spec(64, 1) };
        assert!(matches!(lab.backend.load(&with_adapter).await, Err(LoadError::Failed(_))));
    });
}
