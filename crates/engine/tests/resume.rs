//! An answer that was begun by a session that is gone: cut at every token, it goes on as if nothing
//! had happened.
//!
//! The fake player's logits follow from the ids it really has in its cache, so one that was lost,
//! doubled or put elsewhere changes every token behind it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::*;
use engine::{Error, Prompt, Request};
use kernels::Sampling;

const PROMPT: [u32; 3] = [BOS, 40, 41];

fn greedy() -> Request {
    Request { sampling: Sampling::default(), ..Request::new(Prompt::Tokens(PROMPT.to_vec())) }
}

fn drawn(sampling: Sampling) -> Request {
    Request { seed: Some(77), sampling, ..greedy() }
}

/// Names, players, contexts and requests.
fn table() -> Vec<(&'static str, Fake, usize, Request)> {
    let fake = Fake::default;
    let device = || Fake { can_sample: true, queue: 1, ..Fake::default() };
    let warm = Sampling { temperature: 1.0, top_k: 20, ..Sampling::default() };
    let penal = Sampling { repeat_penalty: 1.7, presence_penalty: 0.5, ..warm };
    let (smile, e) = (bytes("\u{1F600}"), bytes("é"));
    let spelled = [&[word("x")], &smile[..], &[word("ST")], &e, &[word("OP"), word("STOP")]];
    let script = || Fake::script(PROMPT.len(), &spelled.concat());
    let n = |max_tokens, request| Request { max_tokens: Some(max_tokens), ..request };
    let stops = |stop: &[&str]| Request {
        stop: stop.iter().map(|&stop| stop.to_owned()).collect(),
        ..greedy()
    };
    vec![
        ("greedy", fake(), 64, n(20, greedy())),
        ("greedy, in chains", device(), 64, n(20, greedy())),
        ("drawn", fake(), 64, n(20, drawn(warm))),
        ("drawn, in chains", device(), 64, n(20, drawn(warm))),
        ("penalties", device(), 64, n(20, drawn(penal))),
        ("one chunk is all of a prompt", Fake { max_rows: 2, ..fake() }, 64, n(9, greedy())),
        ("unfinished characters", script(), 64, greedy()),
        ("a stop", script(), 64, stops(&["STOP"])),
        ("a stop that was only begun", script(), 64, stops(&["STEP", "x\u{1F600}!"])),
        ("a full context", fake(), 16, greedy()),
        ("a context that moves on", fake(), 16, n(40, Request { shift: true, ..drawn(warm) })),
        ("... with a head that stays", fake(), 16, {
            n(30, Request { shift: true, num_keep: 2, ..greedy() })
        }),
        ("a bias", fake(), 64, {
            n(12, Request { logit_bias: vec![(word("x"), 6.0)], ..drawn(warm) })
        }),
        ("log-probabilities", fake(), 64, n(12, Request { logprobs: Some(2), ..greedy() })),
    ]
}

/// The whole answer, and what is left of it after each of its steps.
fn check(name: &str, fake: &Fake, n_ctx: usize, request: &Request) {
    let whole = generate(&mut fake.session(n_ctx), request.clone());
    assert!(whole.ids.len() > 5, "{name}: {:?}", whole.ids);
    for n in 0..=whole.ids.len() {
        let resume = whole.ids[..n].to_vec();
        let rest = generate(&mut fake.session(n_ctx), Request { resume, ..request.clone() });
        assert_eq!(rest.ids, whole.ids[n..], "{name}: after {n} tokens");
        assert_eq!(rest.reason(), whole.reason(), "{name}: after {n} tokens");
        let summary = (rest.summary.generated_tokens, rest.summary.resumed_tokens);
        assert_eq!(summary, (whole.ids.len(), n), "{name}");
        assert_eq!(rest.summary.shifted_tokens, whole.summary.shifted_tokens, "{name}");
        assert!(whole.text.ends_with(&rest.text), "{name}: after {n}: {:?}", rest.text);
    }
    let (mut text, mut ids, mut last) = (String::new(), Vec::new(), String::new());
    let mut session = fake.session(n_ctx);
    let mut generation = session.generate(request.clone()).unwrap();
    loop {
        // What a page has when its engine goes away here.
        let resume = Request { resume: ids.clone(), ..request.clone() };
        let rest = generate(&mut fake.session(n_ctx), resume);
        // What is let go behind the last token comes again, since no token says that it was.
        let again = if rest.ids.is_empty() { last.as_str() } else { "" };
        let shown = text.strip_suffix(again).unwrap();
        assert_eq!(format!("{shown}{}", rest.text), whole.text, "{name}: after {ids:?}");
        if block_on(generation.step()).unwrap() == engine::Step::Done {
            break;
        }
        let piece = generation.piece();
        last = if piece.ids.is_empty() { piece.text.clone() } else { String::new() };
        text.push_str(&piece.text);
        ids.extend(&piece.ids);
    }
}

#[test]
fn an_answer_goes_on_from_every_token() {
    for (name, fake, n_ctx, request) in table() {
        check(name, &fake, n_ctx, &request);
    }
}

#[cfg(feature = "structure")]
#[test]
fn a_form_goes_on_from_every_token_also_within_a_forced_run() {
    use chat::structure::Grammar;
    let warm = Sampling { temperature: 1.5, ..Sampling::default() };
    for pattern in ["hello you, x(ab|c)+! and (caf|x){3} you", "(a|b){12}c"] {
        let grammar = Some(Grammar::Regex(pattern.to_owned()));
        let request = Request { grammar, max_tokens: Some(90), ..drawn(warm) };
        check(pattern, &Fake::default(), 256, &request);
    }
}

/// In a slot beside others, which write meanwhile.
#[test]
fn others_do_not_matter() {
    let fake = Fake::default();
    let request = Request { max_tokens: Some(18), ..greedy() };
    let whole = generate(&mut fake.session(64), request.clone());
    let mut session = fake.session_with(gguf(None), 64, 2);
    let other = Request { max_tokens: Some(30), ..Request::new(Prompt::Tokens(vec![BOS, 99])) };
    let beside = session.admit(Request { seed: Some(3), ..other }).unwrap();
    let resume = whole.ids[..9].to_vec();
    let slot = session.admit(Request { resume, ..request }).unwrap();
    let (mut ids, mut is_done): (Vec<u32>, bool) = (Vec::new(), false);
    while !is_done {
        block_on(session.round()).unwrap();
        while let Some((i, outcome)) = session.next_outcome() {
            is_done |= i == slot && outcome.unwrap() == engine::Step::Done;
        }
        ids.extend(&session.piece(slot).unwrap().ids);
    }
    assert_eq!(ids, whole.ids[9..]);
    assert!(session.summary(beside).unwrap().generated_tokens > 0);
}

#[test]
fn what_is_no_token_is_refused_and_a_cancel_ends_the_replay() {
    let mut session = Fake::default().session(64);
    let resume = vec![40, N_VOCAB as u32];
    let error = session.generate(Request { resume, ..greedy() }).err().unwrap();
    assert!(matches!(error, Error::Token { .. }), "{error}");

    let resume = bytes("abcdefgh");
    let mut generation = session.generate(Request { resume, ..greedy() }).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(block_on(generation.step()).unwrap());
    }
    let total = PROMPT.len() + 8;
    let read = |done| engine::Step::Prefill { done, total };
    assert_eq!(seen, [read(3), read(4), read(5)]);
    generation.cancel();
    let output = finish(generation);
    assert_eq!((output.text.as_str(), output.reason()), ("", "cancelled"));
}
