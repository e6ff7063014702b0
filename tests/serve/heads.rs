//! What comes before there is a request: first lines, headers, lengths, and their time.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::wire::{answers, connect};

/// A head whose time is up is closed after 10 s; on a busy machine somewhat later.
const LATE: Duration = Duration::from_secs(40);

/// Id, what it is, bytes, the status; 0 for a connection that ends without a word.
type Row = (&'static str, &'static str, Vec<u8>, u16);

fn get(headers: &str) -> Vec<u8> {
    format!("GET /api/version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
        .into_bytes()
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    let head = "POST /api/show HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}{headers}\r\n{body}").into_bytes()
}

fn path(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").into_bytes()
}

fn rows() -> Vec<Row> {
    let many = |n: usize| (0..n).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let chunked = "transfer-encoding: chunked\r\n";
    vec![
        ("H02", "no host", b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_vec(), 400),
        ("H06", "two hosts", get("host: localhost\r\n"), 400),
        ("H07", "another authority", path("http://evil.com/api/version"), 403),
        // An offer of another protocol may be passed over, and is.
        ("H16", "an upgrade", get("upgrade: websocket\r\nsec-websocket-key: x\r\n"), 200),
        ("H16", "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), 400),
        ("H16", "TLS", tls, 400),
        ("H16", "no HTTP", b"hello there\r\n\r\n".to_vec(), 400),
        ("H16", "HTTP/0.9", b"GET /\r\n\r\n".to_vec(), 400),
        ("H16", "HTTP/3.0", b"GET / HTTP/3.0\r\nhost: localhost\r\n\r\n".to_vec(), 400),
        ("H16", "an empty line first", [b"\r\n".to_vec(), get("")].concat(), 200),
        ("H16", "a NUL", b"GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 400),
        ("H16", "a NUL in a header", get("x: a\0b\r\n"), 400),
        ("H16", "a header without a colon", get("nonsense\r\n"), 400),
        ("H16", "a space before the colon", get("x : 1\r\n"), 400),
        ("H16", "a folded header", get("x: 1\r\n  2\r\n"), 400),
        ("H16", "an unknown method", b"BREW / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 405),
        ("H20", "98 headers", get(&many(98)), 200),
        ("H20", "10 000 headers", get(&many(10_000)), 431),
        ("H20", "100 KiB", get(&format!("x: {}\r\n", "y".repeat(200 << 10))), 431),
        ("H21", "an address of 1 MiB", path(&format!("/{}", "a".repeat(1 << 20))), 414),
        ("H21", "an address of 10 KiB", path(&format!("/{}", "a".repeat(10 << 10))), 414),
        ("H21", "an encoded NUL", path("/api/%00"), 400),
        ("H21", "a wrong percent", path("/api/%zz"), 400),
        ("H21", "an encoded way up", path("/api/%2e%2e/etc"), 404),
        ("H21", "a plain way up", path("/api/../../etc/passwd"), 404),
        ("H22", "a length of -1", post("content-length: -1\r\n", ""), 400),
        ("H22", "a length of 2^64", post("content-length: 18446744073709551616\r\n", ""), 400),
        ("H22", "a length of +2", post("content-length: +2\r\n", "{}"), 400),
        ("H22", "two lengths", post("content-length: 2\r\ncontent-length: 3\r\n", "{}"), 400),
        (
            "H22",
            "a length and chunks",
            post(&format!("content-length: 2\r\n{chunked}"), "2\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "H22",
            "chunks and a length",
            post(&format!("{chunked}content-length: 2\r\n"), "2\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        ("H22", "another coding", post("transfer-encoding: gzip\r\n", "x"), 400),
        ("H22", "chunked twice", post(&format!("{chunked}{chunked}"), "0\r\n\r\n"), 400),
    ]
}

#[test]
fn heads_that_are_none_get_an_error_in_json() {
    let server = Server::start(&[]);
    for (id, name, bytes, status) in rows() {
        let answers = server.exchange(&bytes);
        let [answer] = &answers[..] else { panic!("{id} {name}: {answers:?}") };
        assert_eq!(answer.status, status, "{id} {name}: {}", answer.text());
        if status >= 400 {
            assert!(answer.error().len() > 10, "{id} {name}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{id} {name}");
        }
    }
    assert_eq!(server.get("/api/version").status, 200);
}

/// Refusals come behind right answers on the same connection, whether they were sent together or
/// apart, and close it.
#[test]
fn a_bad_head_behind_a_good_one() {
    let server = Server::start(&[]);
    let good = "GET /api/version HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for pause in [0, 100] {
        let mut stream = connect(server.address);
        stream.write_all(good.repeat(2).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(pause));
        stream.write_all(b"nonsense\r\n\r\n").unwrap();
        stream.write_all(good.as_bytes()).unwrap();
        let answers = answers(&mut stream, false);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 200, 400], "H49 after {pause} ms");
        assert!(answers[2].error().len() > 10 && answers[1].json()["version"].is_string());
    }
}

#[test]
fn a_head_that_drips_has_ten_seconds() {
    let server = Server::start(&[]);
    let (mut stream, begun) = (connect(server.address), Instant::now());
    let mut reader = stream.try_clone().unwrap();
    let answer = thread::spawn(move || answers(&mut reader, false));
    // A byte a second; it ends when the server has closed the connection.
    for byte in get("").iter().cycle().filter(|byte| **byte != b'\n') {
        if answer.is_finished() || stream.write_all(&[*byte]).is_err() {
            break;
        }
        assert!(begun.elapsed() < LATE, "H17 goes on");
        thread::sleep(Duration::from_secs(1));
    }
    assert!(begun.elapsed() >= Duration::from_secs(9), "{:?}", begun.elapsed());
    let answers = answer.join().unwrap();
    assert_eq!(answers.len(), 1, "H17");
    assert!(answers[0].status == 408 && answers[0].error().contains("in time"), "{answers:?}");
}

#[test]
fn clients_of_another_age() {
    let server = Server::start(&[]);
    // HTTP/1.0: no host is needed by its rules, but by ours; the connection ends with the answer.
    let old = |more: &str| format!("GET /api/version HTTP/1.0\r\n{more}\r\n");
    for (headers, status, kept) in [
        ("host: localhost\r\n", 200, false),
        ("host: localhost\r\nconnection: keep-alive\r\n", 200, true),
        ("", 400, false),
    ] {
        let twice = old(headers).repeat(2);
        let answers = server.exchange(twice.as_bytes());
        assert_eq!(answers.len(), if kept { 2 } else { 1 }, "{headers:?}");
        assert!(answers.iter().all(|answer| answer.status == status), "{headers:?}");
        if kept {
            continue;
        }
        assert_ne!(answers[0].header("connection"), Some("keep-alive"), "{headers:?}");
    }
    // Who has said all it wanted and closes its half takes its question back: a client that went
    // away looks the same, and its work is not to go on.
    let mut half = connect(server.address);
    half.write_all(b"GET /api/version HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert!(answers(&mut half, false).len() <= 1);
    assert_eq!(server.get("/api/version").status, 200);
}
