//! Two servers behind somebody else's balancer, with their model from a shared registry: one of
//! them is stopped in the middle, and no client notices.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::scratch::Scratch;

use crate::http;
use crate::models::{import, tiny};
use crate::registry::Registry;
use crate::serve::Serve;

const CLIENTS: usize = 8;
const REQUESTS: usize = 200;

/// Debian's haproxy in front of these servers.
struct Balancer {
    address: String,
    child: Child,
}

/// As for any service: each request to the next server that is well, and to another one if a
/// server is gone, closes without an answer or says that it is busy, as one that stops does.
fn config(address: &str, servers: &[&Serve]) -> String {
    let mut text = format!(
        "global\n maxconn 256\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 120s\n timeout server 120s\n \
         retries 3\n option redispatch 1\n option http-buffer-request\n \
         retry-on conn-failure empty-response 503\n\
         frontend entry\n bind {address}\n default_backend servers\n\
         backend servers\n balance roundrobin\n option httpchk\n \
         http-check send meth GET uri /api/version ver HTTP/1.1 hdr Host localhost\n"
    );
    for (i, server) in servers.iter().enumerate() {
        text.push_str(&format!(
            " server s{i} {} check inter 500ms fall 1 rise 1\n",
            server.address
        ));
    }
    text
}

impl Balancer {
    fn start(scratch: &Scratch, servers: &[&Serve], test: &str) -> Option<Balancer> {
        // The port is free again when the balancer takes it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let file = scratch.write("haproxy.cfg", config(&address, servers).as_bytes());
        let places = ["haproxy", "/usr/sbin/haproxy"];
        let started = places.iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["-db", "-f"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).spawn().ok()
        });
        let Some(child) = started else {
            println!("SKIPPED {test}: no haproxy on this machine");
            return None;
        };
        let balancer = Balancer { address, child };
        let start = Instant::now();
        while TcpStream::connect(&balancer.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "haproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(balancer)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server with the model from the registry.
fn server(scratch: &Scratch, folder: &str, name: &str) -> Serve {
    let server = Serve::start_with(&scratch.path(folder), &[], &[("OLLAMA_NUM_PARALLEL", "4")]);
    let pulled = server.ingle(&["pull", "--insecure", name]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    server
}

/// One answer as a whole, streamed or not.
fn answer(address: &str, model: &str, stream: bool) -> Result<String, String> {
    let body = json!({
        "model": model, "prompt": "a b c", "stream": stream,
        "options": {"num_predict": 16, "temperature": 0},
    });
    let answer = http::ask(address, "POST", "/api/generate", &body);
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status;
    let lines: Vec<Value> = answer.lines().collect();
    let is_done = lines.last().is_some_and(|line| line["done"] == true);
    if status != 200 || !is_done {
        return Err(format!("{status} {:?}", lines.last()));
    }
    Ok(lines.iter().filter_map(|line| line["response"].as_str()).collect())
}

#[test]
fn a_server_that_is_stopped_behind_a_balancer_fails_nobody() {
    let test = "a_server_that_is_stopped_behind_a_balancer_fails_nobody";
    let Some(registry) = Registry::start(test) else { return };
    let scratch = Scratch::new();
    let name = format!("{}/me/tiny", registry.address);
    import(&scratch.path("source"), &name, tiny());
    let source = Serve::start(&scratch.path("source"));
    assert_eq!(source.ingle(&["push", "--insecure", &name]).code, Some(0));
    let (stays, goes) = (server(&scratch, "a", &name), server(&scratch, "b", &name));
    let Some(balancer) = Balancer::start(&scratch, &[&stays, &goes], test) else { return };
    let wanted = answer(&balancer.address, &name, false).unwrap();
    assert!(!wanted.is_empty());
    let next = AtomicUsize::new(0);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let client = || {
            let mut failures = Vec::new();
            loop {
                let i = next.fetch_add(1, Ordering::SeqCst);
                if i >= REQUESTS {
                    return failures;
                }
                match answer(&balancer.address, &name, i.is_multiple_of(2)) {
                    Ok(text) if text == wanted => {}
                    other => failures.push(format!("request {i}: {other:?}")),
                }
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        while next.load(Ordering::SeqCst) < REQUESTS / 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(goes.terminate(), Some(0));
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {REQUESTS}: {failures:#?}", failures.len());
}
