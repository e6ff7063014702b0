//! Bad requests, H01 to H55: what this crate answers, and what is the transport's.
//!
//! The list is complete on purpose: a row without a test here says who tests it. "Transport" rows
//! need sockets, "process" rows a process; both are the host's.

use api::http::access::AccessSettings;
use api::http::{Body, BodyError, OriginPolicy};
use api::limits;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::fake::{Answer, Server, request, settings};

/// Rows that are decided before a request exists, or outside of this crate.
const ELSEWHERE: [(&str, &str); 22] = [
    ("H07", "transport: an absolute-form target; its authority becomes the Host that is checked"),
    ("H16", "transport: upgrades, HTTP/2 without negotiation, TLS bytes"),
    ("H17", "transport: time for the header"),
    ("H19", "transport: idle connections"),
    ("H20", "transport: size and number of headers"),
    ("H22", "transport: Content-Length that is wrong, doubled, or beside Transfer-Encoding"),
    ("H23", "transport: chunk sizes"),
    ("H48", "transport: a client that does not read; the stream is only polled when it does"),
    ("H49", "transport: pipelining, reuse of connections"),
    ("H50", "process: signals; `Scheduler::close` is tested in `scheduler`"),
    ("H55", "process: the address that is listened on"),
    ("H14", "`access`: preflights"),
    ("H39", "`tables`: formats that are refused before anything waits"),
    ("H42", "`tables` and the store: digests are checked there, nothing half is visible"),
    ("H45", "`streams`: deleting a model while it is used"),
    ("H46", "the store: pulls are shared there"),
    ("H47", "`streams` and `scheduler`: leaving while queued, loading, reading, writing"),
    ("H51", "`scheduler`: more requests than may wait"),
    ("H53", "`tables`: a device that fails inside of a stream ends it with an error"),
    ("H54", "process: logs; names with control characters are refused below"),
    ("H30", "process: logs; the text itself is accepted below"),
    ("H04", "`access`: names that only Ollama answers to"),
];

fn chat_with(field: &str, value: Value) -> String {
    let mut body = json!({ "model": "llama", "messages": [{ "role": "user", "content": "hi" }] });
    body[field] = value;
    body.to_string()
}

fn send(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    // The strictest settings: listed origins only, JSON from everyone.
    let access = AccessSettings {
        origins: OriginPolicy::listed("http://allowed.org"),
        json_from_all: true,
        ..AccessSettings::loopback("")
    };
    let mut server = Server::with(api::Settings { access, ..settings() });
    let mut request = request(method, path, body);
    request.headers.set("content-type", "application/json");
    for (name, value) in headers {
        match value.strip_prefix('+') {
            Some(value) => request.headers.add(name, value),
            None => request.headers.set(name, *value),
        }
    }
    let answer = server.send(request);
    // Whatever it was, the next one is served.
    assert_eq!(server.get("/api/version").status, 200);
    answer
}

/// Id, method, path, headers, body, status.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);

#[test]
fn headers() {
    let chat = &chat_with("stream", json!(false));
    let pull = r#"{"model":"llama"}"#;
    let rows: [Row; 18] = [
        ("H01", "POST", "/api/chat", &[("host", "evil.com")], chat, 403),
        ("H03", "POST", "/api/chat", &[("host", "127.0.0.1.evil.com")], chat, 403),
        ("H03", "POST", "/api/chat", &[("host", "localhost.evil.com")], chat, 403),
        ("H05", "POST", "/api/chat", &[("host", "localhost:11434@evil.com")], chat, 403),
        ("H05", "POST", "/api/chat", &[("host", "LOCALHOST:11434")], chat, 200),
        ("H06", "POST", "/api/chat", &[("host", "+localhost")], chat, 400),
        ("H08", "POST", "/api/chat", &[("host", "[::1]:11434")], chat, 200),
        ("H08", "POST", "/api/chat", &[("host", "2130706433")], chat, 403),
        ("H09", "POST", "/api/pull", &[("origin", "https://evil.com")], pull, 403),
        ("H10", "POST", "/api/pull", &[("origin", "null")], pull, 403),
        ("H11", "POST", "/api/pull", &[("origin", "http://localhost:3000")], pull, 403),
        ("H11", "POST", "/api/pull", &[("origin", "http://localhost.evil.com")], pull, 403),
        ("H12", "POST", "/api/chat", &[("content-type", "text/plain")], chat, 415),
        (
            "H13",
            "POST",
            "/api/chat",
            &[("content-type", "application/x-www-form-urlencoded")],
            chat,
            415,
        ),
        ("H13", "POST", "/api/chat", &[("content-type", "multipart/form-data")], chat, 415),
        ("H15", "GET", "/api/tags", &[("sec-fetch-site", "cross-site")], "", 403),
        ("H25", "POST", "/api/chat", &[("content-encoding", "gzip")], chat, 415),
        ("H25", "POST", "/api/chat", &[("content-encoding", "zstd")], chat, 415),
    ];
    for (id, method, path, headers, body, want) in rows {
        assert_eq!(send(method, path, headers, body).status, want, "{id} {headers:?}");
    }
    let mut server = Server::new();
    let mut without = request("GET", "/", "");
    without.headers = api::http::Headers::default();
    assert_eq!(server.send(without).status, 400, "H02");
}

#[test]
fn addresses() {
    let long = format!("/{}", "a".repeat(1 << 20));
    let rows = [
        ("H21", long.as_str(), 414),
        ("H21", "/api/%00", 400),
        ("H21", "/api/%zz", 400),
        ("H21", "/api/%2e%2e/etc", 404),
        ("H21", "/api/../etc", 404),
        ("H52", "/debug/pprof", 404),
        ("H52", "/metrics", 404),
    ];
    for (id, path, want) in rows {
        let shown: String = path.chars().take(30).collect();
        assert_eq!(send("GET", path, &[], "").status, want, "{id} {shown}");
    }
}

#[test]
fn bodies() {
    let deep = "[".repeat(100_000);
    let many = format!("{{\"model\":\"llama\",\"x\":[{}0]}}", "0,".repeat(limits::MAX_JSON_VALUES));
    let digits = format!("{{\"model\":\"llama\",\"keep_alive\":{}}}", "9".repeat(400));
    let rows: [(&str, &str, u16); 16] = [
        ("H26", &deep, 400),
        ("H26", &many, 400),
        ("H27", r#"{"model":"llama","model":"llama"}"#, 400),
        ("H27", r#"{"model":"llama"} {}"#, 400),
        ("H27", "\u{feff}{\"model\":\"llama\"}", 400),
        ("H27", "", 400),
        ("H28", r#"{"model":"llama","keep_alive":1e999}"#, 400),
        ("H28", r#"{"model":"llama","keep_alive":NaN}"#, 400),
        ("H28", &digits, 400),
        ("H28", r#"{"model":"llama","keep_alive":-0}"#, 200),
        ("H29", r#"{"model":"llama","x":"\ud800"}"#, 400),
        (
            "H30",
            r#"{"model":"llama","messages":[{"role":"user","content":"\u0000\u001b[2J"}]}"#,
            200,
        ),
        ("H31", r#"{"model":"llama","unknown":1}"#, 200),
        ("H31", r#"{"model":7}"#, 400),
        ("H31", r#"{"model":"llama","stream":1}"#, 400),
        ("H31", r#"{"model":"llama","top_logprobs":1.5}"#, 400),
    ];
    for (id, body, want) in rows {
        let shown: String = body.chars().take(60).collect();
        let answer = send("POST", "/api/chat", &[], body);
        assert_eq!(answer.status, want, "{id} {shown}: {}", answer.body);
        assert!(answer.body.len() < 2000, "{id} {shown}");
    }
    let mut invalid = request("POST", "/api/chat", "");
    invalid.body = Body::Bytes(b"{\"model\":\"\xff\"}".to_vec());
    assert_eq!(Server::new().send(invalid).status, 400, "H29");
}

#[test]
fn numbers() {
    let option = |name: &str, value: Value| chat_with("options", json!({ name: value }));
    let big = json!(u64::MAX);
    let rows = [
        ("H32", option("num_predict", json!(-2)), 200),
        ("H32", option("num_predict", json!(0)), 200),
        ("H32", option("num_predict", json!(1u64 << 31)), 400),
        ("H32", option("num_predict", json!(1u64 << 63)), 400),
        ("H32", option("num_ctx", json!(-2)), 400),
        ("H32", option("num_ctx", json!(0)), 200),
        ("H32", option("num_ctx", json!(1u64 << 31)), 400),
        ("H33", option("temperature", json!(-1)), 400),
        ("H33", option("temperature", json!(1e38)), 400),
        ("H33", option("temperature", json!("NaN")), 400),
        ("H33", option("top_p", json!(2)), 400),
        ("H33", option("top_k", json!(-5)), 400),
        ("H33", option("seed", big), 400),
        ("H34", option("num_keep", json!(-1)), 400),
        ("H35", option("stop", json!(vec!["x"; 10_000])), 400),
        ("H35", option("stop", json!([""])), 400),
        ("H35", option("stop", json!(["x".repeat(1 << 20)])), 400),
    ];
    for (id, body, want) in rows {
        let shown: String = body.chars().take(100).collect();
        assert_eq!(send("POST", "/api/chat", &[], &body).status, want, "{id} {shown}");
    }
    let bias: serde_json::Map<String, Value> =
        (0..1_000_000).map(|id| (id.to_string(), json!(1))).collect();
    let rows = [
        ("H32", chat_with("n", json!(-2)), 400),
        ("H32", chat_with("n", json!(0)), 400),
        ("H32", chat_with("n", json!(1u64 << 31)), 400),
        ("H36", chat_with("logit_bias", json!({ "300": 1 })), 400),
        ("H36", chat_with("logit_bias", json!({ "-1": 1 })), 400),
        ("H36", chat_with("logit_bias", Value::Object(bias)), 400),
    ];
    for (id, body, want) in rows {
        let shown: String = body.chars().take(100).collect();
        assert_eq!(send("POST", "/v1/chat/completions", &[], &body).status, want, "{id} {shown}");
    }
}

#[test]
fn conversations() {
    let message = json!({ "role": "user", "content": "hi" });
    let rows = [
        ("H37", chat_with("messages", json!(vec![message; 100_000])), 400),
        ("H37", chat_with("messages", json!([{ "role": "boss", "content": "hi" }])), 400),
        ("H37", chat_with("messages", json!([{ "content": "hi" }])), 400),
        // Null is "not given", as in Ollama: an assistant that only calls tools says nothing.
        ("H37", chat_with("messages", json!([{ "role": "assistant", "content": null }])), 200),
        ("H38", chat_with("messages", json!([{ "role": "user", "images": ["!"] }])), 400),
        ("H39", chat_with("format", json!({ "not": {} })), 400),
        ("H39", chat_with("format", json!("yaml")), 400),
    ];
    for (id, body, want) in rows {
        let shown: String = body.chars().take(100).collect();
        assert_eq!(send("POST", "/api/chat", &[], &body).status, want, "{id} {shown}");
    }
    let url = json!([{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "http://169.254.169.254/x" } },
    ] }]);
    let body = chat_with("messages", url);
    assert_eq!(send("POST", "/v1/chat/completions", &[], &body).status, 400, "H38");
}

#[test]
fn names() {
    let long = "a".repeat(10 << 10);
    let names = [
        "../../etc/passwd",
        "/abs",
        &long,
        "a\u{202e}b",
        "a\nb",
        "a\u{1b}[2J",
        "a\0b",
        "C:\\x",
        "",
    ];
    for name in names {
        for (method, path) in [
            ("POST", "/api/generate"),
            ("POST", "/api/show"),
            ("POST", "/api/pull"),
            ("DELETE", "/api/delete"),
            ("POST", "/v1/chat/completions"),
        ] {
            let message = json!([{ "role": "user", "content": "hi" }]);
            let body = json!({ "model": name, "prompt": "hi", "messages": message }).to_string();
            let answer = send(method, path, &[], &body);
            assert_eq!(answer.status, 400, "H40 {path} {name:?}: {}", answer.body);
            assert!(!answer.body.contains('\u{1b}'), "H54 {path} {name:?}");
        }
    }
    for path in ["/api/show", "/api/generate"] {
        let missing = |name: &str| send("POST", path, &[], &json!({ "model": name }).to_string());
        let (a, b) = (missing("none"), missing("secret"));
        assert_eq!((a.status, a.body.replace("none", "secret")), (404, b.body), "H44 {path}");
    }
}

#[test]
fn digests() {
    let hex = "0123456789abcdef".repeat(4);
    let rows = [
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256-{hex}"),
        format!("sha512:{hex}"),
        format!("sha256:..%2f..%2f{}", &hex[6..]),
        format!("sha256:%2e%2e%2f{}", &hex[3..]),
        format!("sha256:%00{}", &hex[1..]),
    ];
    for digest in rows {
        for method in ["HEAD", "POST"] {
            let status = send(method, &format!("/api/blobs/{digest}"), &[], "").status;
            assert_eq!(status, 400, "H41 {method} {digest}");
        }
    }
}

#[test]
fn create_takes_no_paths() {
    for from in ["/dev/random", "/proc/self/environ", "../x", "./model.gguf"] {
        let body = json!({ "model": "mine", "from": from }).to_string();
        assert_eq!(send("POST", "/api/create", &[], &body).status, 400, "H43 {from}");
        let body = json!({ "model": from }).to_string();
        assert_eq!(send("POST", "/api/pull", &[], &body).status, 400, "H43 {from}");
    }
}

#[test]
fn bodies_that_do_not_come() {
    let chunks =
        |items: Vec<Result<Vec<u8>, BodyError>>| Body::Stream(stream::iter(items).boxed_local());
    let endless = || Body::Stream(stream::repeat_with(|| Ok(vec![b' '; 1 << 20])).boxed_local());
    let broken = BodyError::Broken("connection reset".into());
    let rows = [
        ("H18", chunks(vec![Ok(b"{".to_vec()), Err(BodyError::TimedOut)]), 408),
        ("H23", chunks(vec![Ok(b"{".to_vec()), Err(broken)]), 400),
        ("H24", endless(), 413),
        ("H24", Body::Bytes(vec![b' '; limits::MAX_JSON_BYTES + 1]), 413),
    ];
    for (id, body, want) in rows {
        let mut server = Server::new();
        let mut request = request("POST", "/api/chat", "");
        request.body = body;
        assert_eq!(server.send(request).status, want, "{id}");
    }
    let mut server = Server::new();
    let digest = format!("sha256:{:064x}", 5);
    let mut upload = request("POST", &format!("/api/blobs/{digest}"), "");
    upload.body = chunks(vec![Ok(b"123".to_vec()), Err(BodyError::Broken("reset".into()))]);
    assert_eq!(server.send(upload).status, 400, "H42");
    assert_eq!(server.send(request("HEAD", &format!("/api/blobs/{digest}"), "")).status, 404);
}

/// Every number from 1 to 55 stands in this file.
#[test]
fn the_list_is_complete() {
    let text = include_str!("bad_input.rs");
    for n in 1..=55 {
        let id = format!("\"H{n:02}");
        assert!(text.contains(&id), "{id} is nowhere");
    }
    for (id, why) in ELSEWHERE {
        assert!(!why.is_empty(), "{id} says where it is tested");
    }
}
