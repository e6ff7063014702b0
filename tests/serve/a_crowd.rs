//! Sixty-four clients stream for two minutes over four slots: nothing is lost, mixed or doubled,
//! and each answer is the one that its question gets alone.
//!
//! `INGLE_LOAD_SECONDS` sets the time, for a longer run:
//! `INGLE_LOAD_SECONDS=600 cargo test -p tests --test serve sixty_four`. The name of this file
//! sorts first, so that the longest test is the first to begin.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

const N_CLIENTS: usize = 64;
const SECONDS: u64 = 120;
/// Tokens of an answer: enough that several are under way at any time.
const N_PREDICT: u64 = 24;

/// A question of one client through one route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    path: &'static str,
    text: String,
}

fn questions() -> Vec<Question> {
    let paths = ["/api/generate", "/api/chat", "/v1/chat/completions", "/v1/completions"];
    let texts = ["the river", "a hill and", "hello there you", "one two three four five six"];
    let text = |i: usize| format!("{} {}", texts[i % texts.len()], i / texts.len());
    (0..16).map(|i| Question { path: paths[i / 4], text: text(i) }).collect()
}

impl Question {
    fn body(&self) -> Value {
        let message = json!([{ "role": "user", "content": self.text }]);
        let mut body = json!({ "model": "tiny", "stream": true,
            "options": { "temperature": 0, "num_predict": N_PREDICT } });
        match self.path {
            "/api/generate" | "/v1/completions" => body["prompt"] = json!(self.text),
            _ => body["messages"] = message,
        }
        if self.path.starts_with("/v1") {
            body["max_tokens"] = json!(N_PREDICT);
            body["temperature"] = json!(0);
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }

    /// The whole answer; every rule of its stream is checked.
    fn ask(&self, server: &Server) -> String {
        let mut lines = server.stream(self.path, &self.body());
        assert_eq!(lines.status, 200, "{}", self.path);
        let (mut text, mut n_ends, mut n_tokens) = (String::new(), 0, 0);
        let mut ids = Vec::new();
        while let Some(line) = lines.next_line() {
            if line == "[DONE]" {
                n_ends += 1;
                continue;
            }
            assert_eq!(n_ends, 0, "{} goes on behind its end: {line}", self.path);
            let object: Value =
                serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(object.get("error").is_none(), "{object}");
            let choice = &object["choices"][0];
            let piece = [
                &object["response"],
                &object["message"]["content"],
                &choice["delta"]["content"],
                &choice["text"],
            ];
            text.extend(piece.iter().filter_map(|piece| piece.as_str()));
            n_ends += usize::from(object["done"] == true);
            let tokens = object["eval_count"].as_u64();
            n_tokens += tokens.or(object["usage"]["completion_tokens"].as_u64()).unwrap_or(0);
            ids.extend(object["id"].as_str().map(str::to_owned));
        }
        ids.dedup();
        assert!(ids.len() <= 1, "{}: two answers in one stream", self.path);
        assert_eq!(n_ends, 1, "{}: {n_ends} ends", self.path);
        assert!(n_tokens <= N_PREDICT, "{}: {n_tokens} tokens", self.path);
        format!("{n_tokens}: {text}")
    }
}

#[test]
fn sixty_four_clients_over_four_slots() {
    let seconds = std::env::var("INGLE_LOAD_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let server = Server::start(&[("OLLAMA_NUM_PARALLEL", "4"), ("INGLE_METRICS", "1")]);
    server.load("tiny");
    let alone: BTreeMap<Question, String> =
        questions().into_iter().map(|question| (question.clone(), question.ask(&server))).collect();
    let different: std::collections::BTreeSet<&String> = alone.values().collect();
    assert!(different.len() >= 12, "the answers can be told apart");
    let asked = AtomicU64::new(0);
    let tokens = server.metric("ingle_generated_tokens_total");
    let begun = Instant::now();
    thread::scope(|scope| {
        for client in 0..N_CLIENTS {
            let (server, alone, asked) = (&server, &alone, &asked);
            scope.spawn(move || {
                let mut questions = alone.iter().cycle().skip(client * 7 % alone.len());
                // Each asks at least once, however slow the machine is.
                loop {
                    let (question, want) = questions.next().unwrap();
                    let got = question.ask(server);
                    assert_eq!(got, *want, "{} {}", question.path, question.text);
                    asked.fetch_add(1, Ordering::Relaxed);
                    if begun.elapsed() >= time {
                        return;
                    }
                }
            });
        }
    });
    let n = asked.load(Ordering::Relaxed);
    let tokens = server.metric("ingle_generated_tokens_total") - tokens;
    println!("{n} streams, {tokens} tokens in {:.0} s", begun.elapsed().as_secs_f64());
    assert!(n >= N_CLIENTS as u64);
    assert_eq!(server.metric("ingle_http_responses_total{class=\"5xx\"}"), 0.0);
    assert_eq!(server.metric("ingle_queue_length"), 0.0);
}
