//! A server process of one test, and what can be seen of it from outside.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{FsIo, ManualClock, Store};
use tests::models::{Shape, Spec};
use tests::scratch::Scratch;
use tests::vocab::BPE_SPECIAL;

use crate::program::program;
use crate::wire::{Answer, Lines, exchange, request};

/// Longest wait for anything that happens at once on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Context of the models in tokens: an answer that fills it takes seconds.
pub const N_CTX: usize = 16_384;

/// A running `ingle serve`, ended with its test.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    pub scratch: Scratch,
}

/// A model that never ends an answer by itself, so that a test says when it ends.
fn talkative(seed: u64) -> Vec<u8> {
    let tiny = Spec::tiny("llama");
    let spec = Spec { seed, shape: Shape { n_ctx: N_CTX, ..tiny.shape }, ..tiny };
    let mut bytes = spec.bytes();
    let embedding = spec.tensors().remove(0);
    let data = spec.data(&embedding);
    let at = bytes.windows(256).position(|window| window == &data[..256]).unwrap();
    // The special tokens stand last; a row of zeros gets a logit of zero, and others get more.
    let n_zeros = BPE_SPECIAL.len() * spec.shape.dim * size_of::<f32>();
    bytes[at + data.len() - n_zeros..at + data.len()].fill(0);
    bytes
}

/// A chat model and another file under another name.
fn fill(root: &std::path::Path) {
    let store = Store::new(FsIo::new(root), ManualClock::default());
    for (name, seed) in [("tiny", 7), ("other", 8)] {
        let file: Rc<dyn gguf::ByteSource> = Rc::new(talkative(seed));
        pollster::block_on(store.import(&name.parse().unwrap(), vec![file])).unwrap();
    }
}

/// The program with nothing of this machine's environment but these variables.
pub fn command(scratch: &Scratch, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program());
    command.env_clear().env("HOME", scratch.folder()).env("OLLAMA_MODELS", scratch.path("models"));
    for name in ["PATH", "SystemRoot", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("OLLAMA_LLM_LIBRARY", "cpu").env("OLLAMA_HOST", "127.0.0.1:0");
    command.env("OLLAMA_CONTEXT_LENGTH", N_CTX.to_string());
    command.envs(variables.iter().copied());
    command
}

impl Server {
    /// A server with the models `tiny` and `other`, and these variables.
    pub fn start(variables: &[(&str, &str)]) -> Server {
        Server::try_start(variables).unwrap_or_else(|said| panic!("it did not start: {said}"))
    }

    /// As [`Server::start`]; `Err` with its log if it ends instead.
    pub fn try_start(variables: &[(&str, &str)]) -> Result<Server, String> {
        let scratch = Scratch::new();
        fill(&scratch.path("models"));
        Server::over(scratch, variables)
    }

    /// A server over the store of another one that is gone, or an empty one.
    pub fn over(scratch: Scratch, variables: &[(&str, &str)]) -> Result<Server, String> {
        let mut child = command(&scratch, variables)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<String>>::default();
        follow(child.stderr.take().unwrap(), &log);
        let start = Instant::now();
        loop {
            let said = log.lock().unwrap().clone();
            if let Some((_, rest)) = said.split_once("listening on ") {
                let address = rest.split(' ').next().unwrap().parse().unwrap();
                return Ok(Server { address, child, log, scratch });
            }
            if child.try_wait().unwrap().is_some() || start.elapsed() > PATIENCE {
                thread::sleep(Duration::from_millis(100));
                drop(child.kill());
                child.wait().unwrap();
                return Err(log.lock().unwrap().clone());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends these bytes on a connection of their own; all answers until it ends.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<Answer> {
        exchange(self.address, bytes)
    }

    /// One request as a program sends it.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let more = format!("connection: close\r\n{headers}");
        let mut answers = self.exchange(&request(self.address, method, path, &more, body));
        assert_eq!(answers.len(), 1, "{method} {path}");
        answers.remove(0)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "content-type: application/json\r\n", body.to_string().as_bytes())
    }

    /// A request whose answer is read line by line.
    pub fn stream(&self, path: &str, body: &Value) -> Lines {
        let headers = "content-type: application/json\r\n";
        let body = body.to_string();
        Lines::open(self.address, &request(self.address, "POST", path, headers, body.as_bytes()))
    }

    /// Loads a model, so that no later answer waits for it.
    pub fn load(&self, model: &str) {
        let answer = self.post("/api/generate", &json!({ "model": model }));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// A number of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal, by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    #[cfg(unix)]
    pub fn wait(&mut self) -> ExitStatus {
        until("the server's end", || self.child.try_wait().unwrap())
    }

    /// Keeps the store of a server that has ended.
    #[cfg(unix)]
    pub fn into_scratch(mut self) -> Scratch {
        self.wait();
        std::mem::take(&mut self.scratch)
    }

    /// Kilobytes that are resident; `None` where the system does not say.
    pub fn resident_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(self.proc("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// Files and sockets that are open.
    pub fn n_files(&self) -> Option<usize> {
        Some(std::fs::read_dir(self.proc("fd")).ok()?.count())
    }

    /// Ticks of processor time so far, 100 a second.
    pub fn cpu_ticks(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(self.proc("stat")).ok()?;
        // Behind the name, which may contain anything: state, …, utime, stime.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn follow(stderr: ChildStderr, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

/// Waits until there is something, generously.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}
