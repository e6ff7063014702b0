//! `ingle serve` as a process of its own, over a store of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::http::{self, Answer};
use crate::program::{Run, ingle_env, program};

/// Longest wait for a server to say where it listens.
const START: Duration = Duration::from_secs(60);

/// A server that ends, by force, with this value.
pub struct Serve {
    pub address: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Serve {
    /// A server over the store in this folder, on a free port.
    pub fn start(models: &Path) -> Serve {
        Serve::start_with(models, &[], &[])
    }

    /// The same with more arguments and variables.
    pub fn start_with(models: &Path, args: &[&str], variables: &[(&str, &str)]) -> Serve {
        let mut command = Command::new(program());
        command.args(["serve", "--host", "127.0.0.1:0"]).args(args);
        command.env("OLLAMA_MODELS", models).env("HOME", models.parent().unwrap());
        command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (log, lines) = (Arc::default(), BufReader::new(child.stderr.take().unwrap()).lines());
        let (said, heard) = channel();
        let kept: Arc<Mutex<String>> = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let place =
                    line.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next());
                drop(place.map(|place| said.send(place.to_owned())));
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let address = heard.recv_timeout(START);
        let address = address.unwrap_or_else(|_| panic!("no start: {}", log.lock().unwrap()));
        Serve { address, child, log }
    }

    /// Sends a request and gives the answer as it begins.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = http::ask(&self.address, method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Runs the `ingle` command at this server.
    pub fn ingle(&self, args: &[&str]) -> Run {
        ingle_env(args, &[("OLLAMA_HOST", &self.address)], b"")
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has; gives its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        signal(self.id(), "-TERM");
        self.child.wait().unwrap().code()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of this test.
pub fn signal(id: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &id.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill {signal} {id}");
}
