//! Clients that go away: what was worked on for them stops within a token or a chunk, and nothing
//! of theirs is left.
//!
//! Whether work goes on is seen by the tokens that the server counts and by its processor time; how
//! long something takes on a busy machine says nothing.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Server, until};
use crate::wire::{Lines, connect, request};

/// Every route that streams an answer.
const ROUTES: [&str; 6] = [
    "/api/generate",
    "/api/chat",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
];

/// An answer to `text` that does not end by itself while a test runs.
pub fn endless(path: &str, text: &str) -> Value {
    let message = json!([{ "role": "user", "content": text }]);
    let mut body = json!({ "model": "tiny", "stream": true, "options": { "temperature": 0 } });
    match path {
        "/api/generate" => body["prompt"] = json!(text),
        "/v1/completions" => {
            body["prompt"] = json!(text);
            body["max_tokens"] = json!(100_000);
        }
        "/v1/responses" => body["input"] = message,
        "/v1/messages" => {
            body["messages"] = message;
            body["max_tokens"] = json!(100_000);
        }
        _ => body["messages"] = message,
    }
    body
}

/// A prompt of some fifteen thousand tokens, none of them as in another one.
fn long(i: usize) -> String {
    format!("{i} {}", "the river and the hill ".repeat(1900))
}

fn short(server: &Server) {
    let body = json!({ "model": "tiny", "prompt": "hi", "stream": false,
        "options": { "num_predict": 1 } });
    let answer = server.post("/api/generate", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

const GENERATED: &str = "ingle_generated_tokens_total";
const PROMPTED: &str = "ingle_prompt_tokens_total";

/// The server does nothing any more.
fn rests(server: &Server, name: &str) {
    let tokens = server.metric(GENERATED);
    let ticks = server.cpu_ticks();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.metric(GENERATED), tokens, "{name}: tokens are still counted");
    if let (Some(before), Some(after)) = (ticks, server.cpu_ticks()) {
        assert!(after - before < 10, "{name}: {} ticks of 30 were used", after - before);
    }
}

#[test]
fn work_stops_in_the_answer() {
    let server = Server::start(&[("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", "1")]);
    server.load("tiny");
    for path in ROUTES {
        let mut lines = server.stream(path, &endless(path, "hello"));
        assert_eq!(lines.status, 200, "{path}");
        for _ in 0..6 {
            assert!(lines.next_line().is_some(), "H47 {path}: it goes on");
        }
        drop(lines);
        // The only slot is free again.
        short(&server);
        rests(&server, path);
    }
}

#[test]
fn work_stops_in_the_prompt() {
    let server = Server::start(&[("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", "1")]);
    server.load("tiny");
    let ticks = |server: &Server| server.cpu_ticks().unwrap_or(0);
    let before = ticks(&server);
    let mut whole = endless("/api/generate", &long(99));
    whole["options"]["num_predict"] = json!(1);
    let answer = server.post("/api/generate", &whole);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let whole = ticks(&server) - before;
    for (i, path) in ROUTES.into_iter().enumerate() {
        let tokens = server.metric(PROMPTED);
        let body = endless(path, &long(i)).to_string();
        let mut stream = connect(server.address);
        let headers = "content-type: application/json\r\n";
        let bytes = request(server.address, "POST", path, headers, body.as_bytes());
        std::io::Write::write_all(&mut stream, &bytes).unwrap();
        // Counted when the slot is taken and nothing is read yet.
        until("the prompt", || (server.metric(PROMPTED) > tokens).then_some(()));
        // What is used before the client leaves is no matter of the server's.
        let before = ticks(&server);
        drop(stream);
        short(&server);
        rests(&server, path);
        let used = ticks(&server) - before;
        println!("{path}: {used} ticks, a whole prompt takes {whole}");
        let is_blind = server.cpu_ticks().is_none();
        assert!(is_blind || used < whole / 2, "H47 {path}: {used} of {whole} ticks were used");
    }
}

#[test]
fn a_score_lets_others_go_on_and_stops() {
    let server = Server::start(&[("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", "2")]);
    server.load("tiny");
    let body = json!({ "model": "tiny", "prompt": long(0), "echo": true, "logprobs": 1,
        "max_tokens": 0 })
    .to_string();
    let headers = "content-type: application/json\r\n";
    let bytes = request(server.address, "POST", "/v1/completions", headers, body.as_bytes());
    for leaves in [true, false] {
        let mut stream = connect(server.address);
        let begun = server.cpu_ticks().unwrap_or(0);
        std::io::Write::write_all(&mut stream, &bytes).unwrap();
        if server.cpu_ticks().is_some() {
            until("the score", || (server.cpu_ticks()? > begun + 20).then_some(()));
        }
        stream.set_nonblocking(true).unwrap();
        (0..3).for_each(|_| short(&server));
        let is_running = stream.peek(&mut [0]).is_err();
        assert!(is_running, "three answers came beside it");
        if leaves {
            drop(stream);
            short(&server);
            rests(&server, "a score");
            continue;
        }
        stream.set_nonblocking(false).unwrap();
        let answer = crate::wire::answers_of(stream, 1).remove(0);
        let choice = &answer.json()["choices"][0];
        let logprobs = choice["logprobs"]["token_logprobs"].as_array().unwrap();
        assert!(logprobs.len() > 10_000, "{} scores", logprobs.len());
        assert!(logprobs[1..].iter().all(|p| p.as_f64().is_some_and(|p| p < 0.0)));
    }
}

/// What a client does before it goes away, by its number.
fn leave(server: &Server, i: usize) {
    let path = ROUTES[i % ROUTES.len()];
    let body = match i % 5 {
        0 => endless(path, &long(i)),
        _ => endless(path, "hello"),
    };
    let body = body.to_string();
    let headers = "content-type: application/json\r\n";
    let bytes = request(server.address, "POST", path, headers, body.as_bytes());
    let mut stream = connect(server.address);
    // In the middle of its question, behind it, in the prompt, in the answer.
    let n = if i.is_multiple_of(7) { bytes.len() / 2 } else { bytes.len() };
    std::io::Write::write_all(&mut stream, &bytes[..n]).unwrap();
    match i % 4 {
        _ if n < bytes.len() || i.is_multiple_of(5) => {}
        0 => thread::sleep(Duration::from_millis(20)),
        1 => {
            let mut lines = Lines::of(stream);
            assert_eq!(lines.status, 200);
            (0..i % 9).for_each(|_| assert!(lines.next_line().is_some()));
        }
        _ => {}
    }
}

#[test]
fn a_thousand_that_leave_leak_nothing() {
    let server = Server::start(&[("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", "4")]);
    server.load("tiny");
    let round = |from: usize, to: usize| {
        thread::scope(|scope| {
            for part in 0..8 {
                let server = &server;
                scope.spawn(move || {
                    (from..to).filter(|i| i % 8 == part).for_each(|i| leave(server, i));
                });
            }
        });
    };
    // What a server takes once, it may keep.
    round(0, 200);
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| short(&server)))));
    let (memory, files) = (server.resident_kb(), server.n_files());
    round(200, 1200);
    // All four slots are free: four answers come side by side, and the server rests.
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| short(&server)))));
    assert_eq!(server.metric("ingle_queue_length"), 0.0);
    rests(&server, "a thousand");
    if let Some(files) = files {
        until("the end of all connections", || (server.n_files()? <= files + 2).then_some(()));
    }
    if let (Some(before), Some(after)) = (memory, server.resident_kb()) {
        println!("1000 cancels: {before} KB before, {after} KB after");
        assert!(after < before + (32 << 10), "{before} KB grew to {after} KB");
    }
    // One is active: the request that asks.
    assert_eq!(server.metric("ingle_http_requests_active"), 1.0);
}

#[test]
fn a_model_that_is_deleted_while_it_writes() {
    let server = Server::start(&[("OLLAMA_NUM_PARALLEL", "8")]);
    server.load("tiny");
    let mut body = endless("/api/generate", "hello");
    body["options"]["num_predict"] = json!(300);
    let mut streams: Vec<Lines> = (0..8).map(|_| server.stream("/api/generate", &body)).collect();
    streams.iter_mut().for_each(|lines| drop(lines.next_json().unwrap()));
    let delete = json!({ "model": "tiny" }).to_string();
    let headers = "content-type: application/json\r\n";
    let answer = server.ask("DELETE", "/api/delete", headers, delete.as_bytes());
    assert_eq!(answer.status, 200, "H45 {}", answer.text());
    for lines in &mut streams {
        let rest: Vec<Value> = std::iter::from_fn(|| lines.next_json()).collect();
        let is_final = |object: &&Value| object["done"] == true || object["error"].is_string();
        assert_eq!(rest.iter().filter(is_final).count(), 1, "H45");
        assert!(rest.last().is_some_and(|last| is_final(&last)), "H45 {:?}", rest.last());
    }
    assert_eq!(server.post("/api/show", &json!({ "model": "tiny" })).status, 404);
}
