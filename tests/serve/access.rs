//! Who may ask, over real sockets: `Host`, `Origin`, what browsers say, tokens; for a server that
//! only this machine reaches, one with settings of its own, and one that others reach.

use serde_json::json;

use crate::server::Server;
use crate::wire::request;

/// What is allowed to read an answer: `access-control-allow-origin`.
type Reader = Option<&'static str>;

/// Request line without the version, headers, status, who may read the answer.
type Row = (&'static str, &'static str, u16, Reader);

const JSON: &str = "content-type: application/json\r\n";
/// A change that would be seen.
const COPY: &str = "POST /api/copy";
const BODY: &str = r#"{"source":"tiny","destination":"copied"}"#;

/// Only this machine reaches it.
const LOOPBACK: [Row; 35] = [
    ("GET /api/tags", "host: localhost:1\r\n", 200, None),
    ("GET /api/tags", "host: LOCALHOST\r\n", 200, None),
    ("GET /api/tags", "host: app.localhost:80\r\n", 200, None),
    ("GET /api/tags", "host: 127.0.0.1\r\n", 200, None),
    ("GET /api/tags", "host: 127.0.0.2:11434\r\n", 200, None),
    ("GET /api/tags", "host: [::1]:11434\r\n", 200, None),
    ("GET /api/tags", "host: evil.com\r\n", 403, None),
    ("GET /api/tags", "host: localhost.evil.com\r\n", 403, None),
    ("GET /api/tags", "host: 127.0.0.1.evil.com\r\n", 403, None),
    ("GET /api/tags", "host: foo.local\r\n", 403, None),
    ("GET /api/tags", "host: foo.internal\r\n", 403, None),
    ("GET /api/tags", "host: 192.168.1.9\r\n", 403, None),
    ("GET /api/tags", "host: 0.0.0.0\r\n", 403, None),
    ("GET /api/tags", "host: [::ffff:127.0.0.1]\r\n", 403, None),
    ("GET /api/tags", "host: 2130706433\r\n", 403, None),
    ("GET /api/tags", "host: localhost.\r\n", 403, None),
    ("GET /api/tags", "host: localhost:1@evil.com\r\n", 403, None),
    ("GET /api/tags", "host: localhost\r\nhost: localhost\r\n", 400, None),
    ("GET http://evil.com/api/tags", "host: localhost\r\n", 403, None),
    ("GET http://localhost/api/tags", "host: evil.com\r\n", 200, None),
    ("GET /api/tags", "origin: http://localhost:3000\r\n", 200, Some("http://localhost:3000")),
    ("GET /api/tags", "origin: app://obsidian.md\r\n", 200, Some("app://obsidian.md")),
    ("GET /api/tags", "origin: https://evil.com\r\n", 403, None),
    ("GET /api/tags", "origin: null\r\n", 403, None),
    ("GET /api/tags", "origin: http://localhost.evil.com\r\n", 403, None),
    ("GET /api/tags", "origin: http://localhost\r\norigin: https://evil.com\r\n", 403, None),
    (COPY, "origin: https://evil.com\r\ncontent-type: application/json\r\n", 403, None),
    (
        COPY,
        "origin: http://localhost:3000\r\ncontent-type: text/plain\r\n",
        415,
        Some("http://localhost:3000"),
    ),
    (COPY, "content-type: multipart/form-data; boundary=x\r\n", 415, None),
    (COPY, "content-type: application/json\r\ncontent-encoding: gzip\r\n", 415, None),
    ("GET /api/tags", "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n", 403, None),
    (COPY, "sec-fetch-site: cross-site\r\ncontent-type: application/json\r\n", 403, None),
    (
        "GET /",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n",
        200,
        None,
    ),
    (
        "OPTIONS /api/chat",
        "origin: http://127.0.0.1:8080\r\naccess-control-request-method: POST\r\n",
        204,
        Some("http://127.0.0.1:8080"),
    ),
    (
        "OPTIONS /api/chat",
        "origin: https://evil.com\r\naccess-control-request-method: POST\r\n",
        403,
        None,
    ),
];

/// Only this machine reaches it, under a name of its own too, with a page and a token.
const SET_UP: [Row; 11] = [
    ("GET /api/tags", "host: My-PC:1\r\nauthorization: Bearer secret\r\n", 200, None),
    ("GET /api/tags", "host: other-pc\r\nauthorization: Bearer secret\r\n", 403, None),
    ("GET /api/tags", "authorization: bearer secret\r\n", 200, None),
    ("GET /api/tags", "x-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "", 401, None),
    ("GET /api/tags", "authorization: Bearer secre\r\n", 401, None),
    ("GET /api/tags", "authorization: Basic secret\r\n", 401, None),
    (
        "GET /api/tags",
        "origin: https://chat.example.org\r\nx-api-key: secret\r\n",
        200,
        Some("https://chat.example.org"),
    ),
    (
        "GET /api/tags",
        "origin: https://chat.example.org\r\n",
        401,
        Some("https://chat.example.org"),
    ),
    ("GET /api/tags", "origin: http://chat.example.org\r\nx-api-key: secret\r\n", 403, None),
    (
        "OPTIONS /v1/chat/completions",
        "origin: https://chat.example.org\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: x-stainless-os\r\n",
        204,
        Some("https://chat.example.org"),
    ),
];

/// Others may reach it: `Host` is checked all the same.
const NETWORK: [Row; 12] = [
    ("GET /api/tags", "host: localhost\r\nx-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "host: 192.168.1.9:11434\r\nx-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "host: [fd00::1]\r\nx-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "host: 0.0.0.0:11434\r\nx-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "host: my-pc\r\nx-api-key: secret\r\n", 200, None),
    ("GET /api/tags", "host: evil.com\r\nx-api-key: secret\r\n", 403, None),
    ("GET /api/tags", "host: foo.local\r\nx-api-key: secret\r\n", 403, None),
    ("GET /api/tags", "host: 8.8.8.8\r\nx-api-key: secret\r\n", 403, None),
    ("GET /api/tags", "host: 192.168.1.9\r\n", 401, None),
    ("GET /api/tags", "origin: https://evil.com\r\nx-api-key: secret\r\n", 403, None),
    ("GET /healthz", "", 200, None), // who probes cannot keep a secret
    (COPY, "origin: null\r\nx-api-key: secret\r\ncontent-type: application/json\r\n", 403, None),
];

fn check(server: &Server, name: &str, rows: &[Row]) {
    for (line, headers, status, reader) in rows {
        let (method, path) = line.split_once(' ').unwrap();
        let body = if method == "POST" { BODY } else { "" };
        let more = format!("connection: close\r\n{headers}");
        let bytes = request(server.address, method, path, &more, body.as_bytes());
        let answers = server.exchange(&bytes);
        let [answer] = &answers[..] else { panic!("{name}: {line} {headers:?}: {answers:?}") };
        let shown = format!("{name}: {line} {headers:?}: {} {}", answer.status, answer.text());
        assert_eq!(answer.status, *status, "{shown}");
        assert_eq!(answer.header("access-control-allow-origin"), *reader, "{shown}");
        assert_eq!(answer.header("vary"), reader.map(|_| "Origin"), "{shown}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{shown}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{shown}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{shown}");
        if *status >= 400 {
            assert!(answer.error().len() > 10, "{shown}");
        }
        let allowed = answer.header("access-control-allow-headers");
        assert_eq!(allowed.is_some(), *status == 204, "{shown}");
    }
}

/// The names of the stored models.
fn names(server: &Server, headers: &str) -> String {
    let tags = server.ask("GET", "/api/tags", headers, b"").json();
    let mut names: Vec<_> = tags["models"].as_array().unwrap().iter().collect();
    names.sort_by_key(|model| model["name"].to_string());
    json!(names.iter().map(|model| &model["name"]).collect::<Vec<_>>()).to_string()
}

const STORED: &str = r#"["other:latest","tiny:latest"]"#;

#[test]
fn a_server_that_only_this_machine_reaches() {
    let server = Server::start(&[]);
    check(&server, "loopback", &LOOPBACK);
    // None of the refused changes was made; an allowed one is.
    assert_eq!(names(&server, ""), STORED);
    assert_eq!(server.ask("POST", "/api/copy", JSON, BODY.as_bytes()).status, 200);
    assert_ne!(names(&server, ""), STORED);
}

#[test]
fn a_server_with_settings_of_its_own() {
    let server = Server::start(&[
        ("OLLAMA_HOST", "127.0.0.2:0"),
        ("OLLAMA_ORIGINS", "https://chat.example.org"),
        ("INGLE_HOSTS", "my-pc"),
        ("INGLE_TOKEN", "secret"),
    ]);
    check(&server, "set up", &SET_UP);
}

#[test]
fn a_server_that_others_reach() {
    // This address is none of loopback's for whoever reads it, and yet only this machine reaches
    // it: no test opens a port to a network.
    let server = Server::try_start(&[
        ("OLLAMA_HOST", "[::ffff:127.0.0.1]:0"),
        ("INGLE_HOSTS", "my-pc"),
        ("INGLE_TOKEN", "secret"),
    ]);
    let server = match server {
        Ok(server) => server,
        Err(said) if said.contains("cannot listen on") => {
            println!("SKIPPED a_server_that_others_reach: no IPv6 on this machine");
            return;
        }
        Err(said) => panic!("{said}"),
    };
    check(&server, "network", &NETWORK);
    assert_eq!(names(&server, "x-api-key: secret\r\n"), STORED);
}
