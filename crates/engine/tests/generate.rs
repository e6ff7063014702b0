//! What a generation promises: stops, limits, cancel, reuse of the cache, the same text again.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::*;
use engine::{Error, Prompt, Request, Step};
use kernels::Sampling;

fn greedy(prompt: &[u32]) -> Request {
    Request { sampling: Sampling::default(), ..Request::new(Prompt::Tokens(prompt.to_vec())) }
}

const PROMPT: [u32; 3] = [BOS, 40, 41];

#[test]
fn stop_strings_over_token_boundaries() {
    let stop = word("STOP");
    let (st, op) = (word("ST"), word("OP"));
    let e = bytes("é");
    let cases: &[(&[u32], &[&str], &str, &str)] = &[
        (&[word("hello"), stop, word("x")], &["STOP"], "hello", "stop"),
        (&[word("hello"), st, op, word("x")], &["STOP"], "hello", "stop"),
        (&[word("hello"), st, word("x")], &["STOP"], "helloSTx", "stop"),
        (&[word("ab"), word("c"), word("ab")], &["bca", "zzz"], "a", "stop"),
        (&[word("caf"), e[0], e[1], word("x")], &["é"], "caf", "stop"),
        (&[word("caf"), e[0], e[1], word("x")], &["fé"], "ca", "stop"),
        (&[word("x"), word("\n\n"), word("x")], &["\n\n"], "x", "stop"),
        (&[word("hello"), st], &["STOP"], "helloST", "stop"),
    ];
    for (script, stops, text, reason) in cases {
        let mut session = Fake::script(PROMPT.len(), script).session(64);
        let stop = stops.iter().map(|stop| stop.to_string()).collect();
        let output = generate(&mut session, Request { stop, ..greedy(&PROMPT) });
        assert_eq!((output.text.as_str(), output.reason()), (*text, *reason), "{script:?}");
        assert!(output.pieces.iter().all(|piece| text.contains(piece.as_str())));
    }
}

#[test]
fn broken_characters_are_held_back_and_the_end_token_is_not_text() {
    let smile = bytes("\u{1F600}");
    let script = [&[word("x")], &smile[..], &[word("hello"), EOS, word("x")]].concat();
    let mut session = Fake::script(PROMPT.len(), &script).session(64);
    let output = generate(&mut session, greedy(&PROMPT));
    assert_eq!(output.text, "x\u{1F600}hello");
    assert_eq!(output.pieces[..5], ["x", "", "", "", "\u{1F600}"]);
    assert_eq!(output.ids, script[..6]);
    assert_eq!((output.reason(), output.summary.generated_tokens), ("stop", 6));
}

#[test]
fn limits_end_a_generation_with_their_names() {
    let mut session = Fake::default().session(16);
    let five = generate(&mut session, Request { max_tokens: Some(5), ..greedy(&PROMPT) });
    assert_eq!((five.ids.len(), five.reason()), (5, "length"));
    let none = generate(&mut session, Request { max_tokens: Some(0), ..greedy(&PROMPT) });
    assert_eq!((none.ids.len(), none.reason()), (0, "length"));
    let full = generate(&mut session, greedy(&PROMPT));
    assert_eq!((full.ids.len(), full.reason()), (13, "context"));
    assert_eq!(full.ids[..5], five.ids);
}

#[test]
fn ignoring_the_end_goes_on_to_the_limit() {
    let script = [word("x"), EOS, word("x"), EOS];
    let mut session = Fake::script(PROMPT.len(), &script).session(64);
    let request = Request { ignore_eos: true, max_tokens: Some(4), ..greedy(&PROMPT) };
    let output = generate(&mut session, request);
    assert_eq!(
        (output.ids, output.summary.finish_reason.unwrap().name()),
        (script.to_vec(), "length")
    );
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_with_numbers() {
    let mut session = Fake::default().session(8);
    for n in [8, 9, 100] {
        let error = session.generate(greedy(&vec![40; n])).err().unwrap();
        assert!(matches!(error, Error::PromptTooLong { need, have: 8 } if need == n), "{n}");
        assert!(error.to_string().contains(&format!("{n} tokens")), "{error}");
    }
    assert_eq!(generate(&mut session, greedy(&[40; 7])).ids.len(), 1);
}

#[test]
fn wrong_requests_are_refused() {
    let mut session = Fake::default().session(8);
    let id = N_VOCAB as u32;
    let refused = |session: &mut engine::Session, request: Request| {
        session.generate(request).err().unwrap().to_string()
    };
    assert!(refused(&mut session, greedy(&[id])).contains(&id.to_string()));
    assert!(refused(&mut session, greedy(&[])).contains("empty"));
    for sampling in [
        Sampling { temperature: f32::NAN, ..Sampling::default() },
        Sampling { temperature: -1.0, ..Sampling::default() },
        Sampling { top_p: 1.5, ..Sampling::default() },
        Sampling { repeat_penalty: 0.0, ..Sampling::default() },
    ] {
        let error = session.generate(Request { sampling, ..greedy(&PROMPT) }).err().unwrap();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    let logit_bias = vec![(id, 1.0)];
    assert!(
        refused(&mut session, Request { logit_bias, ..greedy(&PROMPT) }).contains("vocabulary")
    );
    let logprobs = Some(engine::MAX_LOGPROBS + 1);
    assert!(refused(&mut session, Request { logprobs, ..greedy(&PROMPT) }).contains("logprobs"));
}

#[test]
fn the_common_prefix_is_read_once() {
    let fake = Fake::default();
    let mut session = fake.session(64);
    let prompt: Vec<u32> = (40..60).collect();
    let first = generate(&mut session, Request { max_tokens: Some(4), ..greedy(&prompt) });
    // 20 tokens in chunks of 8, the last with logits, then one row per token.
    let jobs = [(0, 8, "nothing"), (8, 8, "nothing"), (16, 4, "last")];
    assert_eq!(fake.log.borrow()[..3], jobs);
    assert_eq!(first.summary.reused_tokens, 0);

    // The next turn repeats the prompt and the answer and adds three tokens.
    let next = [&prompt[..], &first.ids, &[70, 71, 72]].concat();
    fake.log.borrow_mut().clear();
    let reused = generate(&mut session, Request { max_tokens: Some(6), ..greedy(&next) });
    assert_eq!(reused.summary.reused_tokens, 23);
    assert_eq!(fake.log.borrow()[0], (23, 4, "last"));
    let fresh = generate(&mut fake.session(64), Request { max_tokens: Some(6), ..greedy(&next) });
    assert_eq!(reused.ids, fresh.ids);

    // The same prompt again: its last token is evaluated again.
    let again = generate(&mut session, Request { max_tokens: Some(6), ..greedy(&next) });
    assert_eq!((again.summary.reused_tokens, &again.ids), (26, &fresh.ids));

    // A prompt that differs in the middle, then one that is a prefix of what is cached.
    let other = [&prompt[..10], &[99], &prompt[11..]].concat();
    let other = generate(&mut session, Request { max_tokens: Some(3), ..greedy(&other) });
    assert_eq!(other.summary.reused_tokens, 10);
    let short = generate(&mut session, Request { max_tokens: Some(3), ..greedy(&prompt[..5]) });
    assert_eq!(short.summary.reused_tokens, 4);
    let fresh =
        generate(&mut fake.session(64), Request { max_tokens: Some(3), ..greedy(&prompt[..5]) });
    assert_eq!(short.ids, fresh.ids);
}

#[test]
fn cancel_ends_after_the_running_token_or_chunk() {
    let fake = Fake::default();
    let mut session = fake.session(128);
    let prompt: Vec<u32> = (40..90).collect();
    let mut generation = session.generate(greedy(&prompt)).unwrap();
    let step = block_on(generation.step()).unwrap();
    assert_eq!(step, Step::Prefill { done: 8, total: 50 });
    generation.cancel();
    assert_eq!(block_on(generation.step()).unwrap(), Step::Done);
    assert_eq!(generation.summary().finish_reason.unwrap().name(), "cancelled");
    assert_eq!(fake.log.borrow().len(), 1);

    // What the cancelled prompt left in the cache is used.
    let request = Request { max_tokens: Some(9), stop: vec!["\0\0".into()], ..greedy(&prompt) };
    let mut generation = session.generate(request).unwrap();
    assert_eq!(generation.summary().reused_tokens, 8);
    let mut n_tokens = 0;
    while n_tokens < 3 {
        if block_on(generation.step()).unwrap() == Step::Piece {
            n_tokens += generation.piece().ids.len();
        }
    }
    let n_jobs = fake.log.borrow().len();
    generation.cancel();
    let output = finish(generation);
    assert_eq!((output.ids.len(), output.reason()), (0, "cancelled"));
    assert_eq!(fake.log.borrow().len(), n_jobs, "nothing is computed after a cancel");
}

#[test]
fn a_dropped_future_leaves_a_right_session() {
    let fake = Fake::default();
    let mut session = fake.session(64);
    let prompt: Vec<u32> = (40..60).collect();
    {
        let mut generation = session.generate(greedy(&prompt)).unwrap();
        let mut step = std::pin::pin!(generation.step());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(step.as_mut().poll(&mut cx).is_pending());
    }
    let output = generate(&mut session, Request { max_tokens: Some(5), ..greedy(&prompt) });
    let fresh = generate(&mut fake.session(64), Request { max_tokens: Some(5), ..greedy(&prompt) });
    assert_eq!((output.summary.reused_tokens, output.ids), (0, fresh.ids));
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let sampling = Sampling { temperature: 1.0, top_k: 40, ..Sampling::default() };
    let run = |seed: Option<u32>| {
        let request = Request { sampling, seed, max_tokens: Some(20), ..greedy(&PROMPT) };
        generate(&mut Fake::default().session(64), request)
    };
    let (a, b, c) = (run(Some(1)), run(Some(1)), run(Some(2)));
    assert_eq!(a.ids, b.ids);
    assert_ne!(a.ids, c.ids);
    assert_eq!((a.summary.seed, run(None).summary.seed), (1, 4242));
}

#[test]
fn a_device_that_samples_gives_the_text_of_the_host() {
    let host = Fake::default();
    let devices = [0, 1, 3].map(|queue| Fake { can_sample: true, queue, ..Fake::default() });
    let settings = [
        Sampling::default(),
        Sampling { temperature: 1.0, top_k: 20, top_p: 0.95, ..Sampling::default() },
        Sampling { temperature: 0.7, repeat_penalty: 1.3, ..Sampling::default() },
    ];
    for sampling in settings {
        for tokens_per_job in [None, Some(1), Some(3), Some(100)] {
            for (max_tokens, device) in [Some(17), None].into_iter().zip(devices.iter().cycle()) {
                let request = Request {
                    sampling,
                    seed: Some(5),
                    tokens_per_job,
                    max_tokens,
                    stop: vec!["\u{1}\u{1}".to_owned()],
                    ..greedy(&PROMPT)
                };
                let (mut a, mut b) = (host.session(40), device.session(40));
                let (x, y) = (generate(&mut a, request.clone()), generate(&mut b, request));
                assert_eq!((&x.ids, x.reason()), (&y.ids, y.reason()));
                // And the next turn finds a cache that is right.
                let next = [&PROMPT[..], &x.ids[..10], &[77, 78]].concat();
                let next = Request { max_tokens: Some(5), ..greedy(&next) };
                let (x, y) = (generate(&mut a, next.clone()), generate(&mut b, next));
                assert_eq!(x.ids, y.ids);
            }
        }
    }
}

/// A device has work while its last tokens are read, and what it chose behind the end is dropped.
#[test]
fn jobs_are_queued_ahead_and_dropped_at_the_end() {
    let script: Vec<u32> = (0..6).map(|i| byte(b'a' + i)).collect();
    let fake = Fake { can_sample: true, queue: 4, ..Fake::script(3, &script) };
    let mut session = fake.session(64);
    let request = Request { tokens_per_job: Some(1), ..greedy(&PROMPT) };
    let output = generate(&mut session, request.clone());
    assert_eq!((output.text.as_str(), output.reason()), ("abcdef", "stop"));
    let jobs: Vec<_> = fake.log.take().into_iter().map(|(_, _, want)| want).collect();
    // The first token on the host; then two jobs at once, and one more for each that is read. The
    // end token is the sixth job's, so that one more was queued for nothing.
    assert_eq!(jobs, ["last", "tokens", "next", "next", "next", "next", "next", "next"]);

    // The sequence goes on where the answer ended: nothing of what was dropped is taken for cached.
    let longer = [&PROMPT[..], &output.ids[..], &[77, 78]].concat();
    let next = Request { max_tokens: Some(1), ..greedy(&longer) };
    let again = generate(&mut session, next);
    assert_eq!(again.summary.reused_tokens, PROMPT.len() + output.ids.len() - 1);

    // Cancelled: the next step ends it, whatever is queued.
    let mut generation = session.generate(request).unwrap();
    for _ in 0..3 {
        block_on(generation.step()).unwrap();
    }
    generation.cancel();
    while block_on(generation.step()).unwrap() != Step::Done {}
    assert_eq!(generation.summary().generated_tokens, 3);
}

#[test]
fn bias_and_penalties_reach_the_choice() {
    let mut session = Fake::script(3, &[word("x"), word("ab"), EOS]).session(64);
    let logit_bias = vec![(word("hello"), 1000.0)];
    let request = Request { logit_bias, max_tokens: Some(3), ..greedy(&PROMPT) };
    assert_eq!(generate(&mut session, request).text, "hellohellohello");

    fn two(_: &[u32], logits: &mut [f32]) {
        logits[word("x") as usize] = 2.0;
        logits[word("c") as usize] = 1.0;
    }
    let mut session = Fake { rule: two, ..Fake::default() }.session(64);
    let plain = Request { max_tokens: Some(4), ..greedy(&PROMPT) };
    assert_eq!(generate(&mut session, plain.clone()).text, "xxxx");
    let sampling = Sampling { frequency_penalty: 0.7, ..Sampling::default() };
    assert_eq!(generate(&mut session, Request { sampling, ..plain }).text, "xxcx");
}

#[test]
fn logprobs_come_with_their_tokens() {
    let mut session = Fake::default().session(64);
    let plain = generate(&mut session, Request { max_tokens: Some(3), ..greedy(&PROMPT) });
    let request = Request { max_tokens: Some(3), logprobs: Some(4), ..greedy(&PROMPT) };
    let mut generation = session.generate(request).unwrap();
    let mut ids = Vec::new();
    while block_on(generation.step()).unwrap() != Step::Done {
        for entry in &generation.piece().logprobs {
            assert_eq!(entry.top.len(), 4);
            assert_eq!(entry.top[0], (entry.id, entry.logprob));
            assert!(entry.top.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            assert!(entry.logprob <= 0.0);
            ids.push(entry.id);
        }
    }
    assert_eq!(ids, plain.ids);
}

#[test]
fn the_end_has_a_logprob_and_is_no_token() {
    let mut session = Fake::script(3, &[word("x"), EOS]).session(64);
    let request = Request { logprobs: Some(1), ..greedy(&PROMPT) };
    let mut generation = session.generate(request).unwrap();
    let (mut entries, mut n_ids) = (Vec::new(), 0);
    while block_on(generation.step()).unwrap() != Step::Done {
        entries.extend(generation.piece().logprobs.iter().map(|entry| entry.id));
        n_ids += generation.piece().ids.len();
    }
    assert_eq!((entries, n_ids), (vec![word("x"), EOS], 1));
}

#[test]
fn numbers_that_are_none_are_an_error_and_the_session_goes_on() {
    fn nan_after_four(ids: &[u32], logits: &mut [f32]) {
        hash_rule(ids, logits);
        if ids.len() == 4 {
            logits[7] = f32::NAN;
        }
    }
    let fake = Fake { rule: nan_after_four, ..Fake::default() };
    let mut session = fake.session(64);
    let mut generation = session.generate(greedy(&PROMPT)).unwrap();
    assert_eq!(block_on(generation.step()).unwrap(), Step::Piece);
    let error = block_on(generation.step()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { pos: 4 }), "{error}");
    let output = generate(&mut session, Request { max_tokens: Some(1), ..greedy(&PROMPT) });
    assert_eq!(output.ids.len(), 1);
}

#[test]
fn logits_of_the_last_and_of_all_positions() {
    let fake = Fake { max_rows: 4, ..Fake::default() };
    let mut session = fake.session(64);
    let ids: Vec<u32> = (40..51).collect();
    let (mut all, mut last) = (Vec::new(), Vec::new());
    block_on(session.logits(&ids, true, |rows| all.extend_from_slice(rows))).unwrap();
    block_on(session.logits(&ids, false, |rows| last.extend_from_slice(rows))).unwrap();
    assert_eq!(all.len(), ids.len() * N_VOCAB);
    for (i, row) in all.chunks(N_VOCAB).enumerate() {
        let mut want = vec![0.0; N_VOCAB];
        hash_rule(&ids[..=i], &mut want);
        assert_eq!(row, want, "position {i}");
    }
    assert_eq!(last, all[10 * N_VOCAB..]);
    assert!(block_on(session.logits(&[], true, |_| ())).is_err());
    assert!(block_on(session.logits(&vec![40; 65], false, |_| ())).is_err());
}

#[test]
fn times_are_those_of_the_clock() {
    let mut session = Fake::default().session(64);
    let output = generate(&mut session, Request { max_tokens: Some(5), ..greedy(&PROMPT) });
    // The clock moves 1 ms at each look: once at the start, once per token.
    let s = output.summary;
    assert_eq!((s.prefill_ms, s.decode_ms), (1.0, 4.0));
    assert_eq!((s.prefill_tok_s(), s.decode_tok_s()), (3000.0, 1000.0));
}
