//! Requests that are whole and wrong: a row each of what `crates/api` decides, through the process.

use serde_json::{Value, json};

use crate::server::Server;

const JSON: &str = "content-type: application/json\r\n";

fn chat(field: &str, value: Value) -> Value {
    let mut body = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "hi" }],
        "stream": false });
    body[field] = value;
    body
}

fn option(name: &str, value: Value) -> Value {
    chat("options", json!({ name: value }))
}

/// Id, path, body, status.
type Row = (&'static str, &'static str, Value, u16);

fn rows() -> Vec<Row> {
    let chat_path = "/api/chat";
    let openai = "/v1/chat/completions";
    let short = json!({ "num_predict": 1 });
    let with = |mut body: Value| {
        body["options"] = short.clone();
        body
    };
    let message = json!({ "role": "user", "content": "hi" });
    let url = json!([{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "http://169.254.169.254/x" } }] }]);
    let bias: serde_json::Map<String, Value> =
        (0..100_000).map(|id| (id.to_string(), json!(1))).collect();
    vec![
        (
            "H30",
            chat_path,
            with(chat(
                "messages",
                json!([
            { "role": "user", "content": "\u{0}\u{1b}[2J\r\nforged" }]),
            )),
            200,
        ),
        ("H31", chat_path, with(chat("unknown", json!(1))), 200),
        ("H31", chat_path, chat("model", json!(7)), 400),
        ("H31", chat_path, chat("stream", json!(1)), 400),
        ("H31", chat_path, chat("top_logprobs", json!(1.5)), 400),
        ("H32", chat_path, option("num_predict", json!(1u64 << 31)), 400),
        ("H32", chat_path, option("num_predict", json!(1u64 << 63)), 400),
        ("H32", chat_path, option("num_ctx", json!(-2)), 400),
        ("H32", chat_path, option("num_ctx", json!(1u64 << 31)), 400),
        ("H32", openai, chat("n", json!(-2)), 400),
        ("H32", openai, chat("n", json!(0)), 400),
        ("H32", openai, chat("n", json!(1u64 << 31)), 400),
        ("H33", chat_path, option("temperature", json!(-1)), 400),
        ("H33", chat_path, option("temperature", json!(1e38)), 400),
        ("H33", chat_path, option("top_p", json!(2)), 400),
        ("H33", chat_path, option("top_k", json!(-5)), 400),
        ("H33", chat_path, option("seed", json!(u64::MAX)), 400),
        ("H34", chat_path, option("num_keep", json!(-1)), 400),
        ("H35", chat_path, option("stop", json!(vec!["x"; 10_000])), 400),
        ("H35", chat_path, option("stop", json!([""])), 400),
        ("H35", chat_path, option("stop", json!(["x".repeat(1 << 20)])), 400),
        ("H36", openai, chat("logit_bias", json!({ "4000000000": 1 })), 400),
        ("H36", openai, chat("logit_bias", json!({ "-1": 1 })), 400),
        ("H36", openai, chat("logit_bias", Value::Object(bias)), 400),
        ("H37", chat_path, chat("messages", json!(vec![message; 100_000])), 400),
        ("H37", chat_path, chat("messages", json!([{ "role": "boss", "content": "hi" }])), 400),
        ("H37", chat_path, chat("messages", json!([{ "content": "hi" }])), 400),
        ("H38", chat_path, chat("messages", json!([{ "role": "user", "images": ["!"] }])), 400),
        ("H38", openai, chat("messages", url), 400),
        ("H39", chat_path, chat("format", json!({ "not": {} })), 400),
        (
            "H39",
            chat_path,
            chat("format", json!({ "type": "string", "pattern": "(".repeat(9999) })),
            400,
        ),
        ("H39", chat_path, chat("format", json!({ "enum": [] })), 400),
        ("H39", chat_path, chat("format", json!("yaml")), 400),
        ("H43", "/api/create", json!({ "model": "mine", "from": "/dev/random" }), 400),
        ("H43", "/api/create", json!({ "model": "mine", "from": "/proc/self/environ" }), 400),
        (
            "H43",
            "/api/create",
            json!({ "model": "mine", "files": { "x": "../../etc/passwd" } }),
            400,
        ),
    ]
}

#[test]
fn wrong_requests_are_refused_and_right_ones_served() {
    let server = Server::start(&[]);
    server.load("tiny");
    for (id, path, body, status) in rows() {
        let answer = server.post(path, &body);
        let shown: String = body.to_string().chars().take(120).collect();
        assert_eq!(answer.status, status, "{id} {path} {shown}: {}", answer.text());
        if status >= 400 {
            let said = answer.error();
            assert!((10..1000).contains(&said.len()), "{id} {shown}: {said}");
        }
        // H39: whatever it was, the next one is served.
        let next = server.post("/api/chat", &option("num_predict", json!(1)));
        assert_eq!(next.status, 200, "after {id} {shown}");
    }
}

#[test]
fn names_and_digests() {
    let server = Server::start(&[]);
    let long = "a".repeat(10 << 10);
    for name in [
        "../../etc/passwd",
        "/abs",
        &long,
        "a\u{202e}b",
        "a\nb",
        "a\u{1b}[2J",
        "a\0b",
        "C:\\x",
        "con",
        "NUL",
        "http://169.254.169.254/x y",
        "",
    ] {
        let body = json!({ "model": name, "prompt": "hi",
            "messages": [{ "role": "user", "content": "hi" }] });
        for path in ["/api/generate", "/api/show", "/api/chat", "/v1/completions"] {
            let answer = server.post(path, &body);
            assert_eq!(answer.status, 400, "H40 {path} {name:?}: {}", answer.text());
        }
    }
    // Names that are well-formed and not there look like any other.
    let said = |name: &str| {
        let answer = server.post("/api/show", &json!({ "model": name }));
        (answer.status, answer.text().replace(name, "N"))
    };
    for name in ["none", "a/none", "none:x"] {
        assert_eq!(said(name), said("secret"), "H44 {name}");
        assert_eq!(said(name).0, 404, "H44 {name}");
    }
    let hex = "0123456789abcdef".repeat(4);
    for digest in [
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha512:{hex}"),
        format!("sha256:..%2f..%2f{}", &hex[6..]),
        format!("sha256:%2e%2e%2f{}", &hex[3..]),
        format!("sha256:%00{}", &hex[1..]),
    ] {
        let path = format!("/api/blobs/{digest}");
        assert_eq!(server.ask("POST", &path, "", b"x").status, 400, "H41 {digest}");
        assert_eq!(server.ask("HEAD", &path, "", b"").status, 400, "H41 {digest}");
    }
}

#[test]
fn strangers_change_nothing() {
    let server = Server::start(&[("INGLE_METRICS", "0")]);
    let tags = || server.get("/api/tags").text();
    let before = tags();
    let delete = br#"{"model":"tiny"}"#;
    for (id, headers, status) in [
        ("H01", "host: evil.com\r\n", 403),
        ("H03", "host: 127.0.0.1.evil.com\r\n", 403),
        ("H04", "host: foo.local\r\n", 403),
        ("H05", "host: localhost:1@evil.com\r\n", 403),
        ("H08", "host: 2130706433\r\n", 403),
        ("H09", "origin: https://evil.com\r\n", 403),
        ("H10", "origin: null\r\n", 403),
        ("H11", "origin: http://localhost.evil.com\r\n", 403),
        ("H15", "sec-fetch-site: cross-site\r\n", 403),
    ] {
        let answer = server.ask("DELETE", "/api/delete", &format!("{JSON}{headers}"), delete);
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        assert_eq!(tags(), before, "{id}");
    }
    // What a page can send without asking first.
    for (id, media_type) in [("H12", "text/plain"), ("H13", "application/x-www-form-urlencoded")] {
        let headers = format!("content-type: {media_type}\r\norigin: http://localhost:3000\r\n");
        let answer = server.ask("DELETE", "/api/delete", &headers, delete);
        assert_eq!(answer.status, 415, "{id}: {}", answer.text());
    }
    let preflight = "origin: https://evil.com\r\naccess-control-request-method: DELETE\r\n";
    let answer = server.ask("OPTIONS", "/api/delete", preflight, b"");
    let is_cors = |(name, _): &(String, String)| name.starts_with("access-control-");
    assert!(answer.status == 403 && !answer.headers.iter().any(is_cors), "H14 {answer:?}");
    for path in ["/debug/pprof", "/debug/vars", "/metrics", "/api/metrics", "/actuator"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.error().as_str()), (404, "404 page not found"), "H52");
    }
    assert_eq!(tags(), before);
}
