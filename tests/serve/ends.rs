//! The start that is refused, and the three ends: asked for, asked for twice, and killed.
#![cfg(unix)]

use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};
use tests::scratch::Scratch;

use crate::cancel::endless;
use crate::server::{Server, command, until};
use crate::wire::Lines;

/// Answers under way when the server is asked to stop.
const N_STREAMS: usize = 16;

fn streams(server: &Server, n_predict: i64) -> Vec<Lines> {
    let mut body = endless("/api/generate", "hello");
    body["options"]["num_predict"] = json!(n_predict);
    let mut all: Vec<Lines> =
        (0..N_STREAMS).map(|_| server.stream("/api/generate", &body)).collect();
    all.iter_mut().for_each(|lines| assert!(lines.next_line().is_some()));
    all
}

fn start() -> Server {
    let server = Server::start(&[("OLLAMA_NUM_PARALLEL", "16")]);
    server.load("tiny");
    server
}

fn rest(lines: &mut Lines) -> Vec<Value> {
    std::iter::from_fn(|| lines.next_json()).collect()
}

#[test]
fn answers_that_end_soon_end_well() {
    let mut server = start();
    let mut streams = streams(&server, 60);
    server.signal("TERM");
    for lines in &mut streams {
        let rest = rest(lines);
        let last = rest.last().unwrap();
        assert!(last["done"] == true && last["eval_count"] == 60, "H50 {last}");
    }
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log().contains("stopping"), "{}", server.log());
    assert!(TcpStream::connect(server.address).is_err(), "new ones are refused");
}

#[test]
fn answers_that_do_not_end_are_told() {
    let mut server = start();
    let mut streams = streams(&server, -1);
    server.signal("INT");
    // New ones are refused while the old ones have their time.
    until("the closed port", || TcpStream::connect(server.address).is_err().then_some(()));
    for lines in &mut streams {
        let rest = rest(lines);
        let said = rest.last().unwrap()["error"].as_str().unwrap_or_default();
        assert!(said.contains("the server is stopping"), "H50 {:?}", rest.last());
        let is_final = |object: &&Value| object["done"] == true || object["error"].is_string();
        assert_eq!(rest.iter().filter(is_final).count(), 1, "H50");
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once_and_a_killed_server_starts_again() {
    let mut server = start();
    let streams = streams(&server, -1);
    server.signal("TERM");
    until("the first signal", || server.log().contains("stopping").then_some(()));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(130), "H50");
    drop(streams);
    let address = server.address.to_string();
    let scratch = server.into_scratch();
    // The same port is free, and the store is as it was.
    let mut server = Server::over(scratch, &[("OLLAMA_HOST", &address)]).unwrap();
    server.load("tiny");
    let mut lines = server.stream("/api/generate", &endless("/api/generate", "hello"));
    lines.next_line().unwrap();
    server.signal("KILL");
    assert_eq!(server.wait().code(), None, "H50");
    let server = Server::over(server.into_scratch(), &[("OLLAMA_HOST", &address)]).unwrap();
    let tags = server.get("/api/tags").json();
    assert_eq!(tags["models"].as_array().unwrap().len(), 2, "H50 {tags}");
    server.load("tiny");
}

#[test]
fn a_start_that_would_stand_open_is_refused() {
    let scratch = Scratch::new();
    for (host, more) in [("0.0.0.0:0", ""), ("[::]:0", ""), ("192.168.0.1:0", ""), (":0", "")] {
        let run = command(&scratch, &[("OLLAMA_HOST", host), ("OLLAMA_ORIGINS", more)])
            .arg("serve")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.code().is_some_and(|code| code != 0), "H55 {host}: {said}");
        assert!(said.starts_with("error: refusing to listen on"), "H55 {host}: {said}");
        assert!(said.contains("INGLE_TOKEN") && said.contains("127.0.0.1"), "H55 {said}");
    }
    // Who says so gets it. This address is no loopback address to its reader, and reaches nobody.
    for variable in ["INGLE_TOKEN", "INGLE_NO_TOKEN"] {
        let host = ("OLLAMA_HOST", "[::ffff:127.0.0.1]:0");
        match Server::try_start(&[host, (variable, "1")]) {
            Ok(server) => {
                let status = if variable == "INGLE_TOKEN" { 401 } else { 200 };
                assert_eq!(server.get("/api/version").status, status, "H55 {variable}");
                assert_eq!(server.log().contains("WARN"), status == 200, "{}", server.log());
            }
            Err(said) => assert!(said.contains("cannot listen on"), "H55 {variable}: {said}"),
        }
    }
}
