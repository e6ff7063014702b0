//! Hosts, origins and what a browser may do: tables over the pure function, and the proof that a
//! refused request reaches no handler.

use api::http::access::{AccessSettings, Verdict, judge};
use api::http::{Body, Headers, HostPolicy, Method, OriginPolicy, Request};

use crate::fake::{Server, request, settings};

fn asked(method: Method, path: &str, headers: &[(&str, &str)]) -> Request {
    let headers = Headers::of(headers.iter().copied());
    Request { method, path: path.into(), query: String::new(), headers, body: Body::empty() }
}

fn status(settings: &AccessSettings, request: &Request) -> u16 {
    match judge(settings, request) {
        Verdict::Pass(_) => 200,
        Verdict::Preflight(_) => 204,
        Verdict::Refuse(status, ..) => status,
    }
}

fn hosts(policy: HostPolicy) -> AccessSettings {
    AccessSettings { hosts: Some(policy), ..AccessSettings::loopback("") }
}

#[test]
fn hosts_are_answered_or_not() {
    let loopback = hosts(HostPolicy::loopback(["My-PC"]));
    let network = hosts(HostPolicy::network(["my-pc"]));
    let ollama = hosts(HostPolicy::ollama(["my-pc"]));
    // What a server on loopback, on a network, and Ollama itself say.
    let cases = [
        ("localhost", [200, 200, 200]),
        ("localhost:11434", [200, 200, 200]),
        ("LOCALHOST:11434", [200, 200, 200]),
        ("app.localhost", [200, 200, 200]),
        ("127.0.0.1:11434", [200, 200, 200]),
        ("127.1.2.3", [200, 200, 200]),
        ("[::1]:11434", [200, 200, 200]),
        ("[::1]", [200, 200, 200]),
        ("my-pc:11434", [200, 200, 200]),
        ("MY-PC", [200, 200, 200]),
        ("192.168.1.9", [403, 200, 200]),
        ("10.0.0.1:11434", [403, 200, 200]),
        ("169.254.1.1", [403, 200, 200]),
        ("[fe80::1]", [403, 200, 200]),
        ("[fd00::1]:80", [403, 200, 200]),
        ("0.0.0.0:11434", [403, 200, 200]),
        ("[::]", [403, 200, 200]),
        ("foo.local", [403, 403, 200]),
        ("foo.internal:11434", [403, 403, 200]),
        ("evil.com", [403, 403, 403]),
        ("evil.com:11434", [403, 403, 403]),
        ("8.8.8.8", [403, 403, 403]),
        ("127.0.0.1.evil.com", [403, 403, 403]),
        ("localhost.evil.com", [403, 403, 403]),
        ("evillocalhost", [403, 403, 403]),
        ("localhost.", [403, 403, 403]),
        (".localhost", [403, 403, 403]),
        ("localhost:11434@evil.com", [403, 403, 403]),
        ("user@localhost", [403, 403, 403]),
        ("localhost:", [403, 403, 403]),
        ("localhost:port", [403, 403, 403]),
        ("localhost:99999", [403, 403, 403]),
        ("localhost:1:2", [403, 403, 403]),
        ("[::ffff:127.0.0.1]", [403, 403, 403]),
        ("[::1", [403, 403, 403]),
        ("[localhost]", [403, 403, 403]),
        ("2130706433", [403, 403, 403]),
        ("127.1", [403, 403, 403]),
        ("0x7f.0.0.1", [403, 403, 403]),
        ("", [403, 403, 403]),
        ("local host", [403, 403, 403]),
    ];
    for (host, want) in cases {
        let request = asked(Method::Get, "/api/tags", &[("host", host)]);
        let got = [&loopback, &network, &ollama].map(|settings| status(settings, &request));
        assert_eq!(got, want, "{host}");
    }
}

#[test]
fn the_host_is_named_once() {
    let settings = AccessSettings::loopback("");
    let cases: [(&[(&str, &str)], u16); 4] = [
        (&[], 400),
        (&[("Host", "localhost"), ("HOST", "localhost")], 400),
        (&[("Host", "localhost"), ("host", "evil.com")], 400),
        (&[("Host", "localhost")], 200),
    ];
    for (headers, want) in cases {
        assert_eq!(status(&settings, &asked(Method::Get, "/", headers)), want, "{headers:?}");
    }
    let in_page = AccessSettings::in_page();
    let json = ("content-type", "application/json");
    let page = asked(Method::Post, "/api/chat", &[json, ("origin", "https://chat.example.org")]);
    assert_eq!(status(&in_page, &page), 200);
    assert_eq!(status(&in_page, &asked(Method::Get, "/", &[])), 200);
}

#[test]
fn origins_are_allowed_or_not() {
    let policies = [
        OriginPolicy::ollama(""),
        OriginPolicy::ollama("https://chat.example.org, https://*.example.net"),
        OriginPolicy::listed("https://chat.example.org/,http://localhost:3000"),
        OriginPolicy::listed(" * "),
    ];
    let cases = [
        ("http://localhost", [true, true, false, true]),
        ("http://localhost:3000", [true, true, true, true]),
        ("https://127.0.0.1:8080", [true, true, false, true]),
        ("http://0.0.0.0", [true, true, false, true]),
        ("app://obsidian.md", [true, true, false, true]),
        ("tauri://localhost", [true, true, false, true]),
        ("vscode-webview://x", [true, true, false, true]),
        ("chrome-extension://abc", [true, true, false, true]),
        ("moz-extension://abc", [true, true, false, true]),
        ("https://chat.example.org", [false, true, true, true]),
        ("HTTPS://CHAT.EXAMPLE.ORG", [false, true, true, true]),
        ("https://a.example.net", [false, true, false, true]),
        ("https://example.net", [false, false, false, true]),
        ("https://evil.com/.example.net", [false, false, false, true]),
        ("https://evil.com:1.example.net", [false, false, false, true]),
        ("http://chat.example.org", [false, false, false, true]),
        ("https://evil.com", [false, false, false, true]),
        ("null", [false, false, false, true]),
        ("", [false, false, false, true]),
        ("http://localhost.evil.com", [false, false, false, true]),
        ("http://localhost:3000.evil.com", [false, false, false, true]),
        ("http://localhost:", [false, false, false, true]),
        ("http://localhost@evil.com", [false, false, false, true]),
        ("http://127.0.0.1.evil.com", [false, false, false, true]),
        ("xapp://x", [false, false, false, true]),
    ];
    for (origin, want) in cases {
        let got = [0, 1, 2, 3].map(|i| policies[i].allows(origin));
        assert_eq!(got, want, "{origin}");
    }
}

/// Method and path, headers, status with ordinary and with the strictest settings.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], [u16; 2]);

#[test]
fn browsers_and_programs() {
    let settings = AccessSettings::loopback("https://chat.example.org");
    let strict = AccessSettings { json_from_all: true, ..settings.clone() };
    let post = "POST /api/pull";
    let json = ("content-type", "application/json; charset=utf-8");
    let cross = ("sec-fetch-site", "cross-site");
    let cases: [Case; 20] = [
        // Programs.
        (post, &[json], [200, 200]),
        (post, &[("content-type", "application/x-www-form-urlencoded")], [200, 415]),
        (post, &[], [200, 415]),
        (post, &[("content-type", "multipart/form-data; boundary=x")], [415, 415]),
        (post, &[json, ("content-encoding", "gzip")], [415, 415]),
        (post, &[json, ("content-encoding", "identity")], [200, 200]),
        ("DELETE /api/delete", &[json], [200, 200]),
        ("POST /api/blobs/sha256:x", &[("content-type", "application/octet-stream")], [200, 200]),
        // Pages of allowed origins, and of this server itself.
        (post, &[json, ("origin", "https://chat.example.org"), cross], [200, 200]),
        (post, &[("content-type", "text/plain"), ("origin", "http://localhost:3000")], [415, 415]),
        (post, &[json, ("origin", "http://localhost:11434")], [200, 200]),
        ("GET /api/tags", &[("origin", "http://localhost:3000")], [200, 200]),
        // Strangers.
        (post, &[json, ("origin", "https://evil.com")], [403, 403]),
        (post, &[json, ("origin", "null")], [403, 403]),
        (post, &[json, ("origin", "http://localhost"), ("origin", "https://evil.com")], [403, 403]),
        ("GET /api/tags", &[cross], [403, 403]),
        ("GET /api/tags", &[cross, ("sec-fetch-mode", "no-cors")], [403, 403]),
        (
            "GET /",
            &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
            [200, 200],
        ),
        (
            post,
            &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
            [403, 403],
        ),
        (
            "GET /",
            &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            [403, 403],
        ),
    ];
    for (line, headers, want) in cases {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let all: Vec<_> = [("host", "localhost:11434")].iter().chain(headers).copied().collect();
        let request = asked(Method::parse(method), path, &all);
        let got = [&settings, &strict].map(|settings| status(settings, &request));
        assert_eq!(got, want, "{line} {headers:?}");
    }
}

#[test]
fn tokens_are_asked_for() {
    let token = Some("secret".to_owned());
    let settings = AccessSettings { token, ..AccessSettings::loopback("") };
    let cases = [
        (("authorization", "Bearer secret"), 200),
        (("authorization", "bearer secret"), 200),
        (("x-api-key", "secret"), 200),
        (("authorization", "Bearer secre"), 401),
        (("authorization", "Bearer secrets"), 401),
        (("authorization", "Bearer "), 401),
        (("authorization", "Basic secret"), 401),
        (("authorization", "secret"), 401),
        (("x-other", "secret"), 401),
    ];
    for (header, want) in cases {
        let request = asked(Method::Get, "/api/tags", &[("host", "localhost"), header]);
        assert_eq!(status(&settings, &request), want, "{header:?}");
    }
    for (path, host, want) in [
        ("/livez", "localhost", 200),
        ("/readyz", "localhost", 200),
        ("/healthz", "localhost", 200),
        ("/readyz", "evil.example", 403),
        ("/readyz/", "localhost", 401),
        ("/metrics", "localhost", 401),
        ("/", "localhost", 401),
    ] {
        let request = asked(Method::Get, path, &[("host", host)]);
        assert_eq!(status(&settings, &request), want, "{path} at {host} without a token");
    }
}

#[test]
fn preflights_are_answered_for_allowed_pages_only() {
    let ask = |origin: &str, list: &str| {
        let mut server =
            Server::with(api::Settings { access: AccessSettings::loopback(list), ..settings() });
        let mut request = request("OPTIONS", "/api/chat", "");
        request.headers.set("origin", origin);
        request.headers.set("access-control-request-method", "POST");
        server.send(request)
    };
    let allowed = ask("http://localhost:3000", "");
    assert_eq!(allowed.status, 204);
    let header = |name| allowed.headers.get(name);
    assert_eq!(header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(header("vary"), Some("Origin"));
    assert_eq!(header("access-control-max-age"), Some("43200"));
    assert!(header("access-control-allow-headers").is_some_and(|h| h.contains("x-stainless-os")));

    let everyone = ask("https://any.org", "*");
    assert_eq!(everyone.headers.get("access-control-allow-origin"), Some("*"));

    let foreign = ask("https://evil.com", "");
    assert_eq!(foreign.status, 403);
    assert!(foreign.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
}

#[test]
fn every_answer_carries_its_headers() {
    for (method, path) in [("GET", "/"), ("GET", "/nothing"), ("POST", "/api/chat")] {
        let mut server = Server::new();
        let mut request = request(method, path, "");
        request.headers.set("origin", "http://localhost:3000");
        let answer = server.send(request);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
            ("access-control-allow-origin", "http://localhost:3000"),
        ] {
            assert_eq!(answer.headers.get(name), Some(value), "{method} {path}");
        }
    }
}

#[test]
fn a_refused_request_does_nothing() {
    let mut server = Server::new();
    for (name, value) in [("origin", "https://evil.com"), ("host", "evil.com")] {
        for (method, path, body) in [
            ("DELETE", "/api/delete", r#"{"model":"llama"}"#),
            ("POST", "/api/copy", r#"{"source":"llama","destination":"b"}"#),
            ("POST", "/api/generate", r#"{"model":"llama","prompt":"hi"}"#),
        ] {
            let mut request = request(method, path, body);
            request.headers.set(name, value);
            assert_eq!(server.send(request).status, 403);
        }
    }
    assert_eq!(server.library.models.borrow().len(), 4);
    assert_eq!(server.backend.take_log(), "");
}
