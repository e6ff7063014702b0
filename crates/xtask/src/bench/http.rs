//! The same model through `ingle serve`, as a client on this machine sees it.
//!
//! The clock is the client's: from the line of the first token to the last line. So everything
//! that stands between the engine and a client counts: queues between threads, text, JSON, the
//! socket. HTTP/1.0, whose answers need no decoding, so that the client costs little.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::runner::Rates;
use crate::process::{self, program};

/// Numbers of one measurement.
pub struct Sizes {
    pub prompt: usize,
    pub n_tokens: usize,
    pub threads: usize,
    pub reps: usize,
}

/// Tokens of the context beside prompt and answer: those that a text is longer than its words.
const SPARE_CTX: usize = 64;

/// A server over a store of its own; both go with it.
struct Served {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Drop for Served {
    fn drop(&mut self) {
        // What has ended or is gone already needs no ending.
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Rates of the model in `file`.
pub fn measure(ingle: &Path, device: &str, sizes: &Sizes, file: &Path) -> Result<Rates> {
    let served = start(ingle, device, file)?;
    ask(&served, sizes, usize::MAX)?;
    let mut all: Vec<Rates> =
        (0..sizes.reps.max(1)).map(|i| ask(&served, sizes, i)).collect::<Result<_>>()?;
    all.sort_by(|a, b| a.decode.total_cmp(&b.decode));
    all.get(all.len() / 2).copied().context("nothing was measured")
}

fn start(ingle: &Path, device: &str, file: &Path) -> Result<Served> {
    let folder = std::env::temp_dir().join(format!("ingle-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let modelfile = folder.join("Modelfile");
    fs::write(&modelfile, format!("FROM {}\n", file.display()))?;
    let ours = |host: &str| -> Command {
        let mut command = program(ingle);
        command.env("OLLAMA_MODELS", folder.join("models")).env("OLLAMA_HOST", host);
        command.env("OLLAMA_LLM_LIBRARY", device).stderr(Stdio::piped());
        command
    };
    let mut child = ours("127.0.0.1:0").arg("serve").stdout(Stdio::null()).spawn()?;
    let stderr = child.stderr.take().context("the server has no standard error")?;
    let mut lines = BufReader::new(stderr);
    let mut said = String::new();
    let address = loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            child.wait()?;
            bail!("the server did not start: {said}");
        }
        said.push_str(&line);
        if let Some((_, rest)) = line.split_once("listening on ") {
            break rest.split(' ').next().unwrap_or_default().parse()?;
        }
    };
    // Its log is read to the end, or it would wait for that.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let served = Served { child, address, folder: folder.clone() };
    let create = ["create", "bench", "-f"];
    process::run(ours(&address.to_string()).args(create).arg(&modelfile))?;
    Ok(served)
}

/// One answer to a prompt that no other one begins like.
fn ask(served: &Served, sizes: &Sizes, i: usize) -> Result<Rates> {
    let words = format!("{i} {}", "one ".repeat(sizes.prompt.saturating_sub(2)));
    let body = json!({
        "model": "bench",
        "prompt": words.trim_end(),
        "raw": true,
        "options": {
            "temperature": 0,
            "num_predict": sizes.n_tokens,
            "num_thread": sizes.threads,
            "num_ctx": sizes.prompt + sizes.n_tokens + SPARE_CTX,
        },
    })
    .to_string();
    let mut stream = TcpStream::connect(served.address)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "POST /api/generate HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut first = None;
    let mut last = Value::Null;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.starts_with('{') {
            first.get_or_insert_with(Instant::now);
            if line.contains("\"done\":true") || line.contains("\"error\"") {
                last = serde_json::from_str(&line)?;
            }
        }
        line.clear();
    }
    let n_tokens = last["eval_count"].as_u64().unwrap_or(0) as usize;
    ensure!(n_tokens == sizes.n_tokens, "{n_tokens} tokens came: {last}");
    let seconds = first.context("no token came")?.elapsed().as_secs_f64();
    let nanos = last["prompt_eval_duration"].as_f64().unwrap_or(f64::INFINITY);
    let n_prompt = last["prompt_eval_count"].as_f64().unwrap_or(0.0);
    let decode = (n_tokens - 1) as f64 / seconds;
    Ok(Rates { prefill: n_prompt / (nanos / 1e9), decode })
}
