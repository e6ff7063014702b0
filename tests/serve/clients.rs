//! Many connections, slow readers, and several requests on one connection.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use crate::cancel::endless;
use crate::server::Server;
use crate::wire::{answers, answers_of, connect, request};

/// Files that this test needs beside its connections.
const OTHER_FILES: u64 = 200;

/// Whether so many sockets can be open here.
pub fn can_open(n: usize, name: &str) -> bool {
    let wanted = n as u64 + OTHER_FILES;
    let can = rlimit::increase_nofile_limit(wanted).is_ok_and(|limit| limit >= wanted);
    if !can {
        println!("SKIPPED {name}: {wanted} files cannot be open here");
    }
    can
}

#[test]
fn idle_connections_delay_nobody() {
    if !can_open(1000, "idle_connections_delay_nobody") {
        return;
    }
    let server = Server::start(&[]);
    let idle: Vec<TcpStream> = (0..1000).map(|_| connect(server.address)).collect();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            let answer = server.get("/healthz");
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "H19");
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "H19: /healthz with 1000 idle connections: median {:?}, p99 {:?}",
        times[50], times[98]
    );
    drop(idle);
}

#[test]
fn who_reads_slowly_delays_nobody() {
    let server = Server::start(&[("OLLAMA_NUM_PARALLEL", "2")]);
    server.load("tiny");
    let body = endless("/api/generate", "hello").to_string();
    let headers = "content-type: application/json\r\n";
    let bytes = request(server.address, "POST", "/api/generate", headers, body.as_bytes());
    let mut slow = connect(server.address);
    slow.write_all(&bytes).unwrap();
    assert!(slow.peek(&mut [0; 16]).unwrap() > 0, "it writes");
    let before = server.resident_kb();
    let quick = json!({ "model": "tiny", "prompt": "hi", "stream": false,
        "options": { "num_predict": 20 } });
    for _ in 0..40 {
        assert_eq!(server.post("/api/generate", &quick).status, 200, "H48");
    }
    if let (Some(before), Some(after)) = (before, server.resident_kb()) {
        assert!(after < before + (16 << 10), "H48: {before} KB grew to {after} KB");
    }
}

#[test]
fn several_requests_on_one_connection() {
    let server = Server::start(&[]);
    let get = |path: &str| request(server.address, "GET", path, "", b"");
    // Sent together, answered in their order.
    let mut stream = connect(server.address);
    let all = [get("/api/version"), get("/nothing"), get("/api/tags"), get("/healthz")].concat();
    stream.write_all(&all).unwrap();
    let answers = answers_of(stream, 4);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 200, 200], "H49");
    assert!(answers[2].json()["models"].is_array() && answers[3].text() == "ok", "H49");
}

#[test]
fn a_body_that_nobody_read_is_no_request() {
    let server = Server::start(&[]);
    let inner = request(server.address, "GET", "/api/tags", "", b"");
    for n in [1, 50, 5000] {
        // Refused before its body is looked at, which looks like requests.
        let headers = "origin: https://evil.com\r\ncontent-type: application/json\r\n";
        let outer = request(server.address, "POST", "/api/show", headers, &inner.repeat(n));
        let after = request(server.address, "GET", "/api/version", "connection: close\r\n", b"");
        let mut stream = connect(server.address);
        // It may be closed while this is sent.
        drop(stream.write_all(&[outer, after].concat()));
        let answers = answers(&mut stream, false);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert!(statuses == [403] || statuses == [403, 200], "H49 {n}: {statuses:?}");
        let last = answers.last().unwrap();
        assert!(statuses.len() == 1 || last.json()["version"].is_string(), "H49 {n}");
    }
}
