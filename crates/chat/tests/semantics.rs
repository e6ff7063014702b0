//! Python's and Jinja2's semantics, one construct at a time.
//!
//! `data/semantics.json` holds templates written for this test and what Jinja2 3.1.6, set up as
//! Hugging Face does, renders for them (or that it refuses). Published templates are a small sample
//! of what people write: this table covers what they may use.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use chat::{ChatTemplate, Moment, RenderOptions, SpecialTokens};
use serde_json::{Value, json};

#[test]
fn constructs_render_as_in_jinja2() {
    let file: Value = serde_json::from_str(include_str!("data/semantics.json")).unwrap();
    let options = RenderOptions {
        now: Some(Moment { year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5 }),
        extra: file["variables"].as_object().unwrap().clone(),
        ..RenderOptions::default()
    };
    let mut wrong = Vec::new();
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let source = case["template"].as_str().unwrap();
        let got = ChatTemplate::with_source(source, SpecialTokens::default())
            .and_then(|template| template.render_json(&json!([]), &options));
        match (case.get("expected"), &got) {
            (Some(want), Ok(got)) if want == got => {}
            (None, Err(_)) => {}
            (Some(want), Ok(got)) => {
                wrong.push(format!("{source}\n  got  {got:?}\n  want {want}"));
            }
            (Some(want), Err(error)) => {
                wrong.push(format!("{source}\n  got  {error:?}\n  want {want}"));
            }
            (None, Ok(got)) => {
                wrong.push(format!("{source}\n  got  {got:?}\n  want {}", case["error"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 150);
}
