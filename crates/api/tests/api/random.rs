//! Whatever is sent, the answer is JSON and the next request is served.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::fake::{Server, request};

const PATHS: [(&str, &str); 13] = [
    ("POST", "/api/generate"),
    ("POST", "/api/chat"),
    ("POST", "/api/embed"),
    ("POST", "/api/embeddings"),
    ("POST", "/api/show"),
    ("POST", "/api/copy"),
    ("POST", "/api/pull"),
    ("POST", "/api/create"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/responses"),
];

/// Names of fields that the routes know, so that random objects get past the first check.
const FIELDS: [&str; 30] = [
    "model",
    "messages",
    "prompt",
    "input",
    "stream",
    "options",
    "format",
    "tools",
    "think",
    "keep_alive",
    "suffix",
    "system",
    "template",
    "raw",
    "context",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "stop",
    "n",
    "echo",
    "tool_choice",
    "response_format",
    "role",
    "content",
    "type",
    "text",
    "function",
    "name",
    "num_ctx",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..30).prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["llama", "vectors", "user", "assistant", "json", "auto", "text"])
            .prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 6, |inner| {
        let field = (prop::sample::select(FIELDS.to_vec()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            prop::collection::vec(field, 0..6).prop_map(|fields| {
                let fields: Map<String, Value> =
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                Value::Object(fields)
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    let fields = prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..8);
    let object = fields.prop_map(|fields| {
        let mut object =
            json!({ "model": "llama", "messages": [{ "role": "user", "content": "hi" }] });
        for (name, value) in fields {
            object[name] = value;
        }
        object.to_string()
    });
    let cut = (value(), any::<prop::sample::Index>()).prop_map(|(value, at)| {
        let text = value.to_string();
        let end = at.index(text.len() + 1);
        text.char_indices().take_while(|(i, _)| *i < end).map(|(_, c)| c).collect()
    });
    prop_oneof![4 => object, 1 => cut, 1 => "\\PC{0,60}"]
}

/// Lines of NDJSON, events, or one object.
fn is_json(media_type: &str, body: &str) -> bool {
    let is_value = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    match media_type {
        "application/x-ndjson" => body.lines().all(is_value),
        "text/event-stream" => body.lines().all(|line| match line.strip_prefix("data: ") {
            Some("[DONE]") => true,
            Some(data) => is_value(data),
            None => line.is_empty() || line.starts_with("event: "),
        }),
        _ => is_value(body),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_json(bodies in prop::collection::vec(body(), 13)) {
        let mut server = Server::new();
        for ((method, path), body) in PATHS.iter().zip(&bodies) {
            let answer = server.send(request(method, path, body));
            let media_type = answer.headers.get("content-type").unwrap_or_default();
            let is_empty_ok = answer.status == 200 && answer.body.is_empty();
            let is_good = is_empty_ok || is_json(media_type, &answer.body);
            prop_assert!(is_good, "{path} {body}\n{} {}", answer.status, answer.body);
            prop_assert!(answer.status < 500, "{path} {body}\n{} {}", answer.status, answer.body);
        }
        let chat = r#"{"model":"llama","messages":[{"role":"user","content":"hi"}]}"#;
        let good = server.post("/api/chat", chat);
        prop_assert_eq!(good.status, 200);
        prop_assert_eq!(server.backend.running.get(), 0);
    }

    #[test]
    fn every_path_is_answered(
        method in "(GET|HEAD|POST|DELETE|OPTIONS|X)",
        path in "/?[/a-z0-9%:._-]{0,30}",
    ) {
        let mut server = Server::new();
        let answer = server.send(request(&method, &path, "{}"));
        prop_assert!((200..500).contains(&answer.status), "{method} {path} {}", answer.status);
    }
}
