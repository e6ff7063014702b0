//! A server with answers from a table, and the requests it got: what the command line sends can be
//! compared word by word, without a model.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tiny_http::{Header, Response, Server};

/// What the server says to one request: method and path, status, body.
pub type Reply = (&'static str, u16, &'static str);

/// A request as it came.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// `POST /api/show`.
    pub what: String,
    /// The body; text that is no JSON stands here as a string.
    pub body: Value,
}

/// A server on this machine that ends with the test.
pub struct Scripted {
    pub address: String,
    asked: Receiver<Asked>,
    server: std::sync::Arc<Server>,
}

/// Longest wait for a request that was made already.
const PATIENCE: Duration = Duration::from_millis(200);

impl Scripted {
    /// Answers with the next unused reply for its method and path, or else with the last such;
    /// `HEAD /` is always answered, and anything unknown is a 404 that says so.
    pub fn start(replies: &[Reply]) -> Scripted {
        let server = std::sync::Arc::new(Server::http("127.0.0.1:0").unwrap());
        let address = server.server_addr().to_ip().unwrap().to_string();
        let (sender, asked) = channel();
        let mut replies = replies.to_vec();
        let incoming = server.clone();
        thread::spawn(move || {
            for mut request in incoming.incoming_requests() {
                let what = format!("{} {}", request.method(), request.url());
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).unwrap();
                let (status, text) = match what.as_str() {
                    "HEAD /" => (200, ""),
                    _ => next(&mut replies, &what),
                };
                if what != "HEAD /" {
                    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
                    let _ = sender.send(Asked { what, body });
                }
                let json = Header::from_bytes("content-type", "application/json").unwrap();
                let response = Response::from_string(text).with_status_code(status);
                let _ = request.respond(response.with_header(json));
            }
        });
        Scripted { address, asked, server }
    }

    /// The requests so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::iter::from_fn(|| self.asked.recv_timeout(PATIENCE).ok()).collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn next(replies: &mut Vec<Reply>, what: &str) -> (u16, &'static str) {
    let Some(at) = replies.iter().position(|reply| reply.0 == what) else {
        return (404, r#"{"error":"the script has no such request"}"#);
    };
    let (_, status, text) = replies[at];
    if replies.iter().filter(|reply| reply.0 == what).count() > 1 {
        replies.remove(at);
    }
    (status, text)
}
