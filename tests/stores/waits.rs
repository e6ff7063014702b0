//! What the command says while a registry lets it wait.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use tests::scratch::Scratch;

use crate::serve::Serve;

/// A registry that is busy so many times, and then has no model. It ends with the test's process.
fn busy(times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (n, client) in listener.incoming().flatten().enumerate() {
            let head = BufReader::new(&client).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let status = match n < times {
                true => "429 Too Many Requests\r\nretry-after: 1",
                false => "404 Not Found",
            };
            let reply =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop((&client).write_all(reply.as_bytes()));
        }
    });
    address
}

#[test]
fn a_pull_says_when_it_asks_a_busy_registry_again() {
    let (scratch, registry) = (Scratch::new(), busy(2));
    let server = Serve::start(&scratch.path("models"));
    let pulled = server.ingle(&["pull", "--insecure", &format!("{registry}/me/noise:1b")]);
    assert_eq!(pulled.code, Some(6), "{}", pulled.stderr);
    let said: Vec<&str> = pulled.stderr.lines().take(3).collect();
    let wanted = [
        "pulling manifest",
        "pulling manifest: the server is busy, trying again in 1 s (try 2 of 6)",
        "pulling manifest: the server is busy, trying again in 1 s (try 3 of 6)",
    ];
    assert_eq!(said, wanted, "{}", pulled.stderr);
}
