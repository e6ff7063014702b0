//! Bodies: broken, slow, endless, packed, and those that no parser should take.

use std::io::{BufReader, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use store::Digest;

use crate::server::Server;
use crate::wire::{answers, connect, read_answer, request};

const JSON: &str = "content-type: application/json\r\n";
const CHUNKED: &str = "POST /api/show HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
    content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn chunks() {
    let server = Server::start(&[]);
    // A size that no body may have is a body like any other that is too large.
    let huge = format!("FFFFFFFFFFFFFFFF\r\n{}", " ".repeat(33 << 20));
    for (id, name, chunks, status) in [
        ("H23", "two chunks", "9\r\n{\"model\":\r\n7\r\n\"tiny\"}\r\n0\r\n\r\n", 200),
        ("H23", "an extension", "10;a=b\r\n{\"model\":\"tiny\"}\r\n0\r\n\r\n", 200),
        ("H23", "a trailer", "10\r\n{\"model\":\"tiny\"}\r\n0\r\nx: y\r\n\r\n", 200),
        ("H23", "a huge size", &huge, 413),
        ("H23", "a larger one", "1FFFFFFFFFFFFFFFF\r\n{\r\n", 400),
        ("H23", "no size", "zz\r\n{\r\n", 400),
        ("H23", "a negative size", "-1\r\n{\r\n", 400),
        ("H23", "no end of the chunk", "2\r\n{}x\r\n0\r\n\r\n", 400),
    ] {
        let answers = server.exchange(format!("{CHUNKED}{chunks}").as_bytes());
        let [answer] = &answers[..] else { panic!("{id} {name}: {answers:?}") };
        assert_eq!(answer.status, status, "{id} {name}: {}", answer.text());
        assert!(status == 200 || answer.error().len() > 10, "{id} {name}");
    }
    // The last chunk never comes: nothing happens, and nothing is left behind.
    let mut stream = connect(server.address);
    stream.write_all(format!("{CHUNKED}10\r\n{{\"model\":\"tiny\"}}\r\n").as_bytes()).unwrap();
    drop(stream);
    assert_eq!(server.get("/api/version").status, 200, "H23");
}

#[test]
fn a_client_may_ask_before_it_sends() {
    let server = Server::start(&[]);
    let body = r#"{"model":"tiny"}"#;
    let head = format!("{JSON}expect: 100-continue\r\nconnection: close\r\n");
    let bytes = request(server.address, "POST", "/api/show", &head, body.as_bytes());
    let (head, body) = bytes.split_at(bytes.len() - body.len());
    let mut stream = connect(server.address);
    stream.write_all(head).unwrap();
    let mut buffer = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut buffer).unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body).unwrap();
    assert_eq!(answers(&mut stream, false)[0].status, 200);
    // Who is refused anyway is told at once, and need not send.
    let head = format!("{JSON}expect: 100-continue\r\norigin: https://evil.com\r\n");
    let bytes = request(server.address, "POST", "/api/show", &head, &[b'x'; 100]);
    let mut stream = connect(server.address);
    stream.write_all(&bytes[..bytes.len() - 100]).unwrap();
    let mut reader = BufReader::new(stream);
    assert_eq!(read_answer(&mut reader, false).unwrap().status, 403);
}

#[test]
fn a_gigabyte_is_refused_after_what_may_be_sent() {
    let server = Server::start(&[]);
    server.get("/api/version");
    let before = server.resident_kb();
    let mut stream = connect(server.address);
    let head = request(server.address, "POST", "/api/show", JSON, b"");
    let head =
        String::from_utf8(head).unwrap().replace("length: 0", &format!("length: {}", 1 << 30));
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let answer = thread::spawn(move || answers(&mut reader, false));
    let piece = vec![b' '; 1 << 20];
    let mut sent = 0;
    while sent < 1024 && stream.write_all(&piece).is_ok() {
        sent += 1;
    }
    let answers = answer.join().unwrap();
    assert_eq!(answers.len(), 1, "H24 after {sent} MiB");
    assert!(answers[0].status == 413 && answers[0].error().contains("larger"), "{answers:?}");
    if let (Some(before), Some(after)) = (before, server.resident_kb()) {
        // What a body may be, twice over while it grows, and not a gigabyte.
        assert!(after < before + (160 << 10), "H24: {before} KB grew to {after} KB");
    }
    assert_eq!(server.get("/api/version").status, 200);
}

#[test]
fn a_slow_body_has_half_a_minute() {
    let server = Server::start(&[]);
    let (mut stream, begun) = (connect(server.address), Instant::now());
    let head = request(server.address, "POST", "/api/show", JSON, &[b' '; 1000]);
    stream.write_all(&head[..head.len() - 1000]).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let answer = thread::spawn(move || answers(&mut reader, false));
    while !answer.is_finished() && begun.elapsed() < Duration::from_secs(90) {
        // A byte now and then earns no time.
        drop(stream.write_all(b" "));
        thread::sleep(Duration::from_millis(500));
    }
    let answers = answer.join().unwrap();
    assert_eq!(answers.len(), 1, "H18");
    assert!(answers[0].status == 408 && answers[0].error().contains("in time"), "{answers:?}");
    assert!(begun.elapsed() >= Duration::from_secs(25), "{:?}", begun.elapsed());
}

#[test]
fn bodies_that_no_parser_should_take() {
    let server = Server::start(&[]);
    let deep = "[".repeat(100_000);
    let bias = format!("{{\"model\":\"tiny\",\"x\":[{}0]}}", "0,".repeat(1 << 20));
    let digits = format!("{{\"model\":\"tiny\",\"keep_alive\":{}}}", "9".repeat(400));
    let rows: [(&str, &str, &[u8], u16); 17] = [
        ("H25", "content-encoding: gzip\r\n", b"\x1f\x8b\x08", 415),
        ("H25", "content-encoding: zstd\r\n", b"\x28\xb5\x2f\xfd", 415),
        ("H26", "", deep.as_bytes(), 400),
        ("H26", "", bias.as_bytes(), 400),
        ("H27", "", br#"{"model":"tiny","model":"other"}"#, 400),
        ("H27", "", br#"{"model":"tiny"} {}"#, 400),
        ("H27", "", b"\xef\xbb\xbf{\"model\":\"tiny\"}", 400),
        ("H27", "", b"", 400),
        ("H27", "", b"null", 400),
        ("H28", "", br#"{"model":"tiny","keep_alive":1e999}"#, 400),
        ("H28", "", br#"{"model":"tiny","keep_alive":NaN}"#, 400),
        ("H28", "", digits.as_bytes(), 400),
        ("H29", "", b"{\"model\":\"\xff\"}", 400),
        ("H29", "", br#"{"model":"tiny","prompt":"\ud800"}"#, 400),
        ("H29", "", b"{\"model\":\"tiny\",\"\xc0\x80\":1}", 400),
        ("H12", "content-type: multipart/form-data\r\n", b"x", 415),
        ("H28", "", br#"{"model":"tiny","keep_alive":-0}"#, 200),
    ];
    for (id, headers, body, status) in rows {
        let json = if headers.contains("content-type") { "" } else { JSON };
        for path in ["/api/generate", "/v1/chat/completions", "/v1/messages"] {
            let answer = server.ask("POST", path, &format!("{json}{headers}"), body);
            let shown: String = String::from_utf8_lossy(body).chars().take(60).collect();
            let shown = format!("{id} {path} {shown}: {}", answer.text());
            // What is right for one protocol is incomplete for another.
            let is_right = answer.status == status || status == 200 && answer.status == 400;
            assert!(is_right, "{} {shown}", answer.status);
            assert!(answer.status == 200 || answer.error().len() < 1000, "{shown}");
        }
    }
    assert_eq!(server.get("/api/version").status, 200);
}

#[test]
fn uploads_that_are_wrong_leave_nothing() {
    let server = Server::start(&[]);
    let blob = vec![7; 300_000];
    let (right, wrong) = (Digest::of(&blob), Digest::of(b"other"));
    let path = |digest: &Digest| format!("/api/blobs/sha256:{}", digest.hex());
    let head = |digest: &Digest| server.ask("HEAD", &path(digest), "", b"").status;
    let answer = server.ask("POST", &path(&wrong), "", &blob);
    assert!(answer.status == 400 && answer.error().contains("digest"), "H42 {}", answer.text());
    assert_eq!(head(&wrong), 404, "H42");
    // Gone at half of it.
    let bytes = request(server.address, "POST", &path(&right), "", &blob);
    let mut stream = connect(server.address);
    stream.write_all(&bytes[..bytes.len() / 2]).unwrap();
    drop(stream);
    assert_eq!(head(&right), 404, "H42");
    // Two at once are one.
    let (one, two) = thread::scope(|scope| {
        let send = || server.ask("POST", &path(&right), "", &blob).status;
        let (one, two) = (scope.spawn(send), scope.spawn(send));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert!([one, two].iter().all(|status| [200, 201].contains(status)), "H42 {one} {two}");
    assert_eq!(head(&right), 200, "H42");
    let gone = json!({ "model": "mine", "files": { "m.gguf": format!("sha256:{}", right.hex()) } });
    let created = server.post("/api/create", &gone).text();
    assert!(created.contains("error"), "no model is made of nonsense: {created}");
}
