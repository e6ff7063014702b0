//! Answers shaped by a grammar: whatever the model wants, the form holds.
#![cfg(feature = "structure")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use chat::structure::Grammar;
use common::*;
use engine::{Prompt, Request};
use kernels::Sampling;
use serde_json::{Value, json};

fn request(grammar: Grammar, sampling: Sampling) -> Request {
    let prompt = Prompt::Tokens(vec![BOS, 40, 41]);
    Request { grammar: Some(grammar), sampling, max_tokens: Some(250), ..Request::new(prompt) }
}

fn person() -> Value {
    json!({
        "type": "object",
        "properties": { "kind": { "enum": ["cat", "dog"] }, "legs": { "enum": [3, 4] } },
        "required": ["kind", "legs"],
        "additionalProperties": false,
    })
}

#[test]
fn answers_have_their_form_and_end_with_it() {
    let warm = Sampling { temperature: 1.5, ..Sampling::default() };
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let sampling = if seed == 0 { Sampling::default() } else { warm };
        let mut session = Fake { can_sample: true, ..Fake::default() }.session(256);
        let request = request(Grammar::JsonSchema(person()), sampling);
        let output = generate(&mut session, Request { seed: Some(seed), ..request });
        assert_eq!(output.reason(), "stop", "{}", output.text);
        let answer: Value = serde_json::from_str(&output.text).unwrap();
        assert!(["cat", "dog"].contains(&answer["kind"].as_str().unwrap()), "{answer}");
        assert!([3, 4].contains(&answer["legs"].as_i64().unwrap()), "{answer}");
        seen.insert(answer.to_string());
    }
    assert!(seen.len() > 1, "the model still chooses: {seen:?}");
}

#[test]
fn forced_tokens_are_read_like_others() {
    // The rule of the fake follows from all ids in its cache: were one lost, the text would differ.
    let grammar = || Grammar::Regex("hello you, x(ab|c)+!".to_owned());
    let plain = request(grammar(), Sampling::default());
    let asked = Request { logprobs: Some(0), ..plain.clone() };
    let forced = generate(&mut Fake::default().session(128), plain);
    let chosen = generate(&mut Fake::default().session(128), asked);
    assert!(forced.text.starts_with("hello you, x") && forced.pieces.len() < chosen.pieces.len());
    assert_eq!(forced.ids, chosen.ids);
    assert_eq!(forced.summary.generated_tokens, forced.ids.len());
}

#[test]
fn limits_bias_and_refusals_hold() {
    let mut session = Fake::default().session(64);
    let endless = request(Grammar::Regex("a*".to_owned()), Sampling::default());
    let short = generate(&mut session, Request { max_tokens: Some(5), ..endless.clone() });
    assert_eq!((short.text.as_str(), short.reason()), ("aaaaa", "length"));
    let ban = vec![(byte(b'a'), f32::NEG_INFINITY)];
    let ended = generate(&mut session, Request { logit_bias: ban, ..endless });
    assert_eq!((ended.text.as_str(), ended.reason()), ("", "stop"));
    for (grammar, word) in [
        (Grammar::JsonSchema(json!({ "not": {} })), "'not'"),
        (Grammar::Regex("(".to_owned()), "regular expression"),
        (Grammar::Lark("start: none".to_owned()), "grammar"),
    ] {
        let error = session.generate(request(grammar, Sampling::default())).err().unwrap();
        assert_eq!(error.code(), "request.invalid");
        assert!(error.to_string().contains(word), "{error}");
    }
    let good =
        generate(&mut session, request(Grammar::Regex("ok".to_owned()), Sampling::default()));
    assert_eq!(good.text, "ok");
}
