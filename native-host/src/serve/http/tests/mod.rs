//! Clients that break the rules, over real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ends;
mod toy;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use api::http::BodyError;
use toy::{limits, read_until, rest, start};

use super::Limits;

fn head(extra: &str) -> Vec<u8> {
    format!("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{extra}\r\n").into_bytes()
}

#[test]
fn heads_within_bounds_are_answered_and_others_refused() {
    let server = start(limits());
    let headers = |n: usize| (0..n).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
    let long = |n: usize| format!("x: {}\r\n", "y".repeat(n));
    for (name, bytes, status) in [
        ("plain", head(""), "200"),
        ("98 more headers", head(&headers(98)), "200"),
        ("99 more headers", head(&headers(99)), "431"),
        ("60 KiB", head(&long(60 << 10)), "200"),
        ("256 KiB", head(&long(256 << 10)), "431"),
        ("1 MiB", head(&long(1 << 20)), "431"),
        ("no HTTP", b"hello there\r\n\r\n".to_vec(), "400"),
        ("a NUL", b"GET /\0 HTTP/1.1\r\n\r\n".to_vec(), "400"),
        ("two lengths", head("content-length: 1\r\ncontent-length: 2\r\n"), "400"),
        ("bad length", head("content-length: -1\r\n"), "400"),
    ] {
        let answer = server.exchange(&bytes);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer:?}");
        let is_json = answer.contains("\r\n\r\n{\"error\":\"");
        assert_eq!(is_json, status != "200", "{name}: {answer:?}");
    }
    assert_eq!(server.running(), 0);
}

#[test]
fn a_slow_head_ends_the_connection() {
    let (idle, head) = (Duration::from_secs(3), Duration::from_millis(300));
    let linger = Duration::from_millis(200);
    let server = start(Limits { idle, head, linger, ..limits() });
    for (bytes, word) in [
        (&b""[..], ""),
        (b"GET /hel", "HTTP/1.1 408 "),
        (b"GET /hello HTTP/1.1\r\nhost: a\r\n", "HTTP/1.1 408 "),
    ] {
        let begun = Instant::now();
        let answer = server.exchange(bytes);
        assert!(answer.starts_with(word) && answer.is_empty() == word.is_empty(), "{answer}");
        assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
    }
    // A byte now and then earns no time.
    let (mut stream, begun) = (server.connect(), Instant::now());
    while begun.elapsed() < Duration::from_secs(30) && stream.write_all(b"G").is_ok() {
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn half_bodies_end_in_an_error() {
    let (body, linger) = (Duration::from_millis(400), Duration::from_millis(200));
    let server = start(Limits { body, linger, ..limits() });
    let half = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello";
    assert!(server.exchange(half).starts_with("HTTP/1.1 408 "));
    assert_eq!(server.broken(), BodyError::TimedOut);
    // Bytes that drip have no longer time in all than a body that stops.
    let mut stream = server.connect();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n\r\n").unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) && stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.broken(), BodyError::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(30));
    server.until_running(0);
    // A client that goes away in the middle, and chunks that are none: no time is up then.
    let server = start(limits());
    let mut stream = server.connect();
    stream.write_all(half).unwrap();
    drop(stream);
    assert!(matches!(server.broken(), BodyError::Broken(_)));
    let chunks = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    assert!(server.exchange(chunks).starts_with("HTTP/1.1 400 "));
    server.until_running(0);
}

#[test]
fn whole_bodies_come_through() {
    let server = start(limits());
    let post = |rest: &str| {
        server.exchange(
            format!("POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{rest}").as_bytes(),
        )
    };
    assert!(post("content-length: 5\r\n\r\nhello").ends_with("\r\n\r\nhello"));
    let chunked = post("transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    assert!(chunked.ends_with("\r\n\r\nhello"), "{chunked}");
    // curl waits for a word before it sends much.
    let continued = post("expect: 100-continue\r\ncontent-length: 2\r\n\r\nhi");
    assert!(continued.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "), "{continued}");
    let large = "x".repeat(1 << 20);
    let answer = post(&format!("content-length: {}\r\n\r\n{large}", large.len()));
    assert!(answer.ends_with(&large));
}

#[test]
fn connections_are_kept_for_more_requests_and_head_has_no_body() {
    let idle = Duration::from_secs(5);
    let server = start(Limits { idle, head: Duration::from_secs(1), ..limits() });
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let answer = read_until(&mut stream, "\r\n\r\nhello");
        assert!(answer.contains("content-length: 5\r\n"), "{answer}");
    }
    let begun = Instant::now();
    stream.write_all(b"HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").ends_with("\r\n\r\n"));
    // Then it is idle, and ends; the time for a head is shorter, and begins with a head.
    assert_eq!(rest(&mut stream), "");
    let took = begun.elapsed();
    assert!(took >= idle - Duration::from_millis(10) && took.as_secs() < 50, "{took:?}");
}

#[test]
fn a_target_in_absolute_form_names_the_host() {
    let server = start(limits());
    let answer = server.exchange(
        b"GET http://real:1/host?q=%20 HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.ends_with("\r\n\r\nreal:1 /host q=%20"), "{answer}");
}

#[test]
fn streams_arrive_piece_by_piece() {
    let server = start(limits());
    let mut stream = server.connect();
    stream.write_all(b"GET /lines?120 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let answer = read_until(&mut stream, "{\"i\":0}\n");
    assert!(answer.contains("content-type: application/x-ndjson\r\n"), "{answer}");
    assert!(!answer.contains("{\"i\":119}") && server.running() == 1, "it came at once: {answer}");
    let answer = read_until(&mut stream, "0\r\n\r\n");
    assert!(answer.contains("{\"i\":119}\n"), "{answer}");
}

#[test]
fn a_fault_ends_one_connection_only() {
    let server = start(limits());
    assert_eq!(server.get("/fault"), "");
    assert!(server.get("/hello").ends_with("hello"));
    assert_eq!(server.running(), 0);
}
