//! Clients that go away, do not read, or are too many; and the server's own end.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::toy::{PIECE, Server, limits, read_until, rest, start};
use crate::serve::http::Limits;

fn ask(server: &Server, path: &str) -> TcpStream {
    let mut stream = server.connect();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
    stream
}

#[test]
fn a_client_that_leaves_cancels_its_work() {
    let server = start(limits());
    // Before there is an answer (as while a prompt is read), and while it is written.
    for path in ["/wait", "/lines", "/flood"] {
        let stream = ask(&server, path);
        server.until_running(1);
        thread::sleep(Duration::from_millis(60));
        drop(stream);
        // Not because a time was up: all are longer than this waits.
        server.until_running(0);
    }
}

#[test]
fn a_thousand_clients_that_leave_leak_nothing() {
    let server = start(limits());
    let texts = [
        "",
        "GET /hel",
        "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /lines HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx",
    ];
    for i in 0..1000 {
        let mut stream = server.connect();
        stream.write_all(texts[i % texts.len()].as_bytes()).unwrap();
        drop(stream);
    }
    // At most 64 connections are taken: a leak of one in sixteen would end all answers here.
    assert!(server.get("/hello").ends_with("hello"));
    server.until_running(0);
}

#[test]
fn connections_beyond_the_cap_wait() {
    let patient = Duration::from_secs(60);
    let server = start(Limits { connections: 2, idle: patient, ..limits() });
    let (first, second) = (ask(&server, "/wait"), ask(&server, "/wait"));
    server.until_running(2);
    let mut third = ask(&server, "/hello");
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(rest(&mut third), "");
    drop(first);
    third.set_read_timeout(Some(patient)).unwrap();
    assert!(read_until(&mut third, "hello").starts_with("HTTP/1.1 200 "));
    drop(second);
}

#[test]
fn who_does_not_read_is_not_written_for() {
    let server = start(Limits { write: Duration::from_millis(1500), ..limits() });
    let stream = ask(&server, "/flood");
    server.until_running(1);
    // It comes to a stand after what the system's own buffers take, and not after a gigabyte.
    let mut made = 0;
    while made == 0 || server.pieces() != made {
        made = server.pieces();
        assert!(made * PIECE < 64 << 20, "{made} pieces");
        thread::sleep(Duration::from_millis(300));
    }
    // And after a while it is given up.
    server.until_running(0);
    drop(stream);
}

#[test]
fn running_answers_end_well_and_idle_connections_at_once() {
    let patient = Duration::from_secs(60);
    let mut server = start(Limits { idle: patient, grace: patient, ..limits() });
    let (mut idle, mut running) = (server.connect(), ask(&server, "/lines?100"));
    read_until(&mut running, "{\"i\":0}\n");
    server.stop();
    assert!(read_until(&mut running, "0\r\n\r\n").contains("{\"i\":99}\n"));
    assert_eq!(rest(&mut running), "");
    assert_eq!(rest(&mut idle), "");
    let address = server.address;
    assert!(server.join() < patient / 2);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn endless_answers_are_cut() {
    let mut server = start(limits());
    let mut streams = [ask(&server, "/lines"), ask(&server, "/wait")];
    server.until_running(2);
    let begun = Instant::now();
    server.stop();
    for stream in &mut streams {
        rest(stream);
    }
    let probe = server.probe.clone();
    server.join();
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(probe.running.load(std::sync::atomic::Ordering::SeqCst), 0);
}
