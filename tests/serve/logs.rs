//! What is logged: a line for each request, whatever its client wishes to stand there, and nothing
//! of what it said.

use std::io::Write;

use serde_json::json;

use crate::server::{Server, until};
use crate::wire::{answers, connect};

/// What nobody else may read.
const SECRET: &str = "zebra-umbrella-17";

/// Lines that clients would like to see in the log.
fn forgeries(server: &Server) {
    let forged = "x\n2026-01-01T00:00:00Z  INFO GET /forged 200\u{1b}[2J\u{1b}]0;t\u{7}\u{202e}";
    for path in ["/api/show", "/api/pull", "/api/generate", "/api/push", "/api/create"] {
        let body = json!({ "model": forged, "from": forged, "prompt": forged, "insecure": true,
            "username": forged, "password": SECRET });
        assert_eq!(server.post(path, &body).status, 400, "H54 {path}");
    }
    for target in [
        "/%0a2026-01-01T00:00:00Z%20%20INFO%20GET%20/forged%20200",
        "/%1b[2J",
        "/\u{1b}[2J",
        "/\u{9b}2J",
        "/\u{202e}forged",
        "/a\u{85}2026-01-01T00:00:00Z INFO /forged",
        "/x?q=zebra-umbrella-17",
    ] {
        let mut stream = connect(server.address);
        let head = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let more = format!("authorization: Bearer {SECRET}\r\nx-forged: \u{1b}[2J{SECRET}\r\n");
        stream.write_all(format!("{head}{more}\r\n").as_bytes()).unwrap();
        let answers = answers(&mut stream, false);
        assert_eq!(answers.len(), 1, "{target:?}");
        assert!([400, 404].contains(&answers[0].status), "{target:?}: {answers:?}");
    }
}

#[test]
fn a_client_cannot_write_the_log() {
    // Also with all that hyper and others say.
    for level in ["0", "1", "2"] {
        let server = Server::start(&[("OLLAMA_DEBUG", level)]);
        forgeries(&server);
        let body = json!({ "model": "tiny", "stream": false, "options": { "num_predict": 2 },
            "system": SECRET, "prompt": format!("{SECRET}\n\u{1b}[31m\r\nforged") });
        let answer = server.post("/api/generate", &body);
        assert_eq!(answer.status, 200, "H30 {}", answer.text());
        let log = until("the last line", || {
            let log = server.log();
            log.contains("POST /api/generate 200").then_some(log)
        });
        assert!(!log.contains(SECRET), "level {level}: a prompt or a token is in the log:\n{log}");
        let is_raw = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2066}".contains(c));
        assert_eq!(log.find(is_raw), None, "H54 level {level}");
        for line in log.lines() {
            let is_stamped = line.get(..4).is_some_and(|year| year.parse::<u32>().is_ok())
                && line.contains("T")
                && !line.starts_with("2026-01-01T00:00:00Z");
            assert!(is_stamped, "H54 level {level}: {line:?}");
        }
    }
}

#[test]
fn every_request_has_its_line() {
    let server = Server::start(&[]);
    server.get("/api/version");
    server.get("/nothing");
    server.ask("DELETE", "/api/tags", "", b"");
    server.ask("POST", "/api/show", "origin: https://evil.com\r\n", b"{}");
    let wanted =
        ["GET /api/version 200", "GET /nothing 404", "DELETE /api/tags 405", "POST /api/show 403"];
    let is_there = |line: &&str| server.log().contains(*line);
    until("all lines", || wanted.iter().all(is_there).then_some(()));
    let log = server.log();
    assert_eq!(log.lines().filter(|line| line.contains(" s")).count(), wanted.len(), "{log}");
}
