//! Requests and their whole answers, from the text files beside this one.
//!
//! A case begins with `> METHOD PATH`; then come the body, if there is one, `= ` and what the model
//! says (pieces between slashes; nothing: its prompt), `+ ` and a step that the library reports
//! (`+ !` and an error), `< STATUS MEDIA_TYPE`, and the lines of the answer, each behind a `|`.
//! Lines that begin with `#` are for readers. Every case has a server of its own.

use api::host::LibraryError;
use api::types::ollama::{Progress, Retry};

use crate::fake::{Server, request};

#[derive(Default)]
struct Case {
    line: usize,
    method: String,
    path: String,
    body: String,
    says: Option<String>,
    steps: Vec<String>,
    head: String,
    answer: Vec<String>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if let Some(head) = line.strip_prefix("> ") {
            let (method, path) = head.split_once(' ').expect("a method and a path");
            let (method, path) = (method.into(), path.into());
            cases.push(Case { line: i + 1, method, path, ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match line.split_at_checked(1) {
            Some(("=", says)) => case.says = Some(says.trim_start().into()),
            Some(("+", step)) => case.steps.push(step.trim_start().into()),
            Some(("<", head)) => case.head = head.trim_start().into(),
            Some(("|", answer)) => case.answer.push(answer.into()),
            Some(("#", _)) | None => {}
            Some(_) => case.body.push_str(line),
        }
    }
    cases
}

fn step(text: &str) -> Result<Progress, LibraryError> {
    if let Some(error) = text.strip_prefix('!') {
        return Err(LibraryError::Failed(error.trim().into()));
    }
    let fields: serde_json::Value = serde_json::from_str(text).expect("a step is JSON");
    let number = |name: &str| fields[name].as_u64();
    Ok(Progress {
        status: fields["status"].as_str().unwrap_or_default().into(),
        digest: fields["digest"].as_str().map(Into::into),
        total: number("total"),
        completed: number("completed"),
        retry: retry(&fields["retry"]),
    })
}

/// A wait of a pull, in a step.
fn retry(fields: &serde_json::Value) -> Option<Retry> {
    let attempt = u32::try_from(fields["attempt"].as_u64()?).ok()?;
    Some(Retry { attempt, of: 6, wait_ms: fields["wait_ms"].as_u64()?, busy: false })
}

/// What a case gives: the head line, and the body.
fn run(case: &Case) -> (String, String) {
    let mut server = Server::new();
    if let Some(says) = &case.says {
        server.says(&says.split('/').filter(|piece| !piece.is_empty()).collect::<Vec<_>>());
    }
    *server.library.progress.borrow_mut() = case.steps.iter().map(|s| step(s)).collect();
    let answer = server.send(request(&case.method, &case.path, &case.body));
    let media_type = answer.headers.get("content-type").unwrap_or_default();
    (format!("{} {media_type}", answer.status).trim_end().into(), answer.body)
}

fn check(name: &str, text: &str, at_least: usize) {
    let cases = cases(text);
    assert!(cases.len() >= at_least, "{name} has {} cases", cases.len());
    for case in &cases {
        let (head, body) = run(case);
        let at = format!("{name}:{} {} {} {}", case.line, case.method, case.path, case.body);
        let want = case.answer.join("\n");
        assert_eq!(body.trim_end_matches('\n'), want.trim_end_matches('\n'), "{at}");
        assert_eq!(head, case.head, "{at}");
    }
}

macro_rules! tables {
    ($($name:ident: $at_least:literal,)*) => {
        $(
            #[test]
            fn $name() {
                let name = concat!(stringify!($name), ".txt");
                check(name, include_str!(concat!("tables/", stringify!($name), ".txt")), $at_least);
            }
        )*
    };
}

tables! {
    generate: 20,
    chat: 20,
    embed: 10,
    models: 20,
    store: 15,
    openai_chat: 25,
    openai_completions: 15,
    openai_other: 10,
    anthropic: 15,
    responses: 12,
}
