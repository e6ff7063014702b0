//! More requests than may wait, and many that want the same.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use serde_json::{Value, json};
use tests::scratch::Scratch;

use crate::cancel::endless;
use crate::clients::can_open;
use crate::server::{Server, until};
use crate::wire::{Lines, answers_of, connect, request};

/// Ollama's words, with both spaces.
const BUSY: &str = "server busy, please try again.  maximum pending requests exceeded";

/// Sends `n` requests and leaves their answers for later.
fn send(server: &Server, path: &str, n: usize) -> Vec<TcpStream> {
    let body = json!({ "model": "tiny", "prompt": "hi", "stream": false, "max_tokens": 1,
        "messages": [{ "role": "user", "content": "hi" }], "options": { "num_predict": 1 } });
    let headers = "content-type: application/json\r\n";
    let body = body.to_string();
    let bytes = request(server.address, "POST", path, headers, body.as_bytes());
    let one = |_| {
        let mut stream = connect(server.address);
        stream.write_all(&bytes).unwrap();
        stream
    };
    (0..n).map(one).collect()
}

fn check(max_queue: Option<&str>, n_slots: &str, n_waiting: usize, n_over: usize) {
    let mut variables = vec![("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", n_slots)];
    variables.extend(max_queue.map(|n| ("OLLAMA_MAX_QUEUE", n)));
    let server = Server::start(&variables);
    server.load("tiny");
    let mut running: Vec<Lines> = (0..n_slots.parse().unwrap())
        .map(|_| server.stream("/api/generate", &endless("/api/generate", "hello")))
        .collect();
    running.iter_mut().for_each(|lines| assert!(lines.next_line().is_some()));
    let waiting = send(&server, "/api/generate", n_waiting);
    let length = || server.metric("ingle_queue_length") as usize;
    until("the queue", || (length() == n_waiting).then_some(()));
    // Each one above is told so at once, in the words of its protocol.
    for (path, n) in [("/api/generate", n_over), ("/v1/chat/completions", 3), ("/v1/messages", 3)] {
        for stream in send(&server, path, n) {
            let answer = answers_of(stream, 1).remove(0);
            assert_eq!((answer.status, answer.error().as_str()), (503, BUSY), "H51 {path}");
            assert_eq!(answer.header("retry-after"), Some("1"), "H51 {path}");
        }
    }
    let whole = answers_of(send(&server, "/api/chat", 1).remove(0), 1).remove(0);
    assert_eq!(whole.text(), format!("{{\"error\":\"{BUSY}\"}}"), "H51");
    // Who waits in the queue and leaves makes room.
    assert_eq!(length(), n_waiting);
    drop(running);
    for stream in waiting {
        let answer = answers_of(stream, 1).remove(0);
        assert_eq!(answer.status, 200, "H51 {}", answer.text());
    }
    assert_eq!(length(), 0);
}

#[test]
fn above_the_queue_s_length_requests_are_refused() {
    check(Some("8"), "1", 8, 20);
}

#[test]
fn a_thousand_requests_at_the_usual_length() {
    if can_open(1000, "a_thousand_requests_at_the_usual_length") {
        check(None, "4", 512, 488);
    }
}

#[test]
fn who_leaves_the_queue_makes_room() {
    let server = Server::start(&[
        ("INGLE_METRICS", "1"),
        ("OLLAMA_NUM_PARALLEL", "1"),
        ("OLLAMA_MAX_QUEUE", "2"),
    ]);
    server.load("tiny");
    let mut running = server.stream("/api/generate", &endless("/api/generate", "hello"));
    running.next_line().unwrap();
    let length = |n: f64| {
        until("the queue", || (server.metric("ingle_queue_length") == n).then_some(()));
    };
    let waiting = send(&server, "/api/generate", 2);
    length(2.0);
    drop(waiting);
    length(0.0);
    let waiting = send(&server, "/api/generate", 2);
    length(2.0);
    drop(running);
    for stream in waiting {
        assert_eq!(answers_of(stream, 1).remove(0).status, 200, "H47");
    }
}

#[test]
fn a_pull_that_many_ask_for_is_one_download() {
    let registry = Server::start(&[("INGLE_REGISTRY", "1")]);
    let server = Server::over(Scratch::new(), &[]).unwrap();
    let name = format!("127.0.0.1:{}/library/tiny", registry.address.port());
    let body = json!({ "model": name, "insecure": true });
    let ends: Vec<Value> = thread::scope(|scope| {
        let pull = || {
            let mut lines = server.stream("/api/pull", &body);
            std::iter::from_fn(|| lines.next_json()).last().unwrap()
        };
        let all: Vec<_> = (0..64).map(|_| scope.spawn(pull)).collect();
        all.into_iter().map(|pull| pull.join().unwrap()).collect()
    });
    for end in &ends {
        assert_eq!(end["status"], "success", "H46 {end}");
    }
    // Each blob was asked for in as many parts as one download has, whoever wanted it.
    let blob = |line: &str| {
        line.split_whitespace().find(|word| word.contains("/blobs/")).unwrap().to_owned()
    };
    let asked = |log: &str| {
        let gets = log.lines().filter(|line| line.contains("GET /v2/library/tiny/blobs/"));
        let mut blobs: Vec<String> = gets.map(blob).collect();
        blobs.sort();
        let n_gets = blobs.len();
        blobs.dedup();
        (n_gets, blobs.len())
    };
    // A line comes behind its answer.
    let log = until("the lines of the blobs", || {
        let log = registry.log();
        (asked(&log).1 >= 2).then_some(log)
    });
    let (n_gets, n_blobs) = asked(&log);
    println!("H46: {n_gets} requests for {n_blobs} blobs");
    assert!(n_gets < 2 * n_blobs + 2, "H46: {log}");
    assert_eq!(server.post("/api/show", &json!({ "model": name })).status, 200);
}
