//! Running the program with a time limit and looking at what it said.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::exits::code_of;

/// A run of a tiny model takes milliseconds; on a busy machine, and with the program compiled
/// without optimization, some seconds.
const MAX_TIME: Duration = Duration::from_secs(60);

/// What a finished run left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Runs `ingle` with these arguments and nothing on standard input.
pub fn ingle<S: AsRef<OsStr>>(args: &[S]) -> Run {
    ingle_with(args, b"")
}

/// Runs `ingle` with these arguments and this standard input.
pub fn ingle_with<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Run {
    run(Command::new(program()).args(args), input)
}

/// Runs `ingle` with these arguments on another set of instructions.
pub fn ingle_on<S: AsRef<OsStr>>(isa: &str, args: &[S]) -> Run {
    run(Command::new(program()).args(args).env("INGLE_CPU", isa), b"")
}

/// Runs `ingle` with these arguments, variables and standard input; no server and no store of the
/// person who runs the test is meant unless the variables say so.
pub fn ingle_env(args: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Run {
    let mut command = Command::new(program());
    for name in ["OLLAMA_HOST", "OLLAMA_MODELS", "OLLAMA_NOHISTORY"] {
        command.env_remove(name);
    }
    run(command.args(args).envs(variables.iter().copied()), input)
}

fn run(command: &mut Command, input: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may end without reading its input.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let code = wait(&mut child);
    writer.join().unwrap();
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
    Run { code, stdout: stdout.join().unwrap(), stderr }
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// The exit code; `None` after the time limit, when the program is ended.
fn wait(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > MAX_TIME {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Run {
    /// Standard output as text, of a run that went well.
    pub fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Standard output as JSON, of a run that went well.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap()
    }

    /// Why this is not a clear refusal, if so: nothing on standard output, one sentence that
    /// contains `about`, and a code of the README's table with its exit code.
    pub fn not_a_refusal(&self, about: &str) -> Option<String> {
        let stderr = &self.stderr;
        let problem = match self.code {
            None => "did not end".to_owned(),
            Some(0) => "went well".to_owned(),
            Some(_) if code_of(self).is_err() => code_of(self).unwrap_err(),
            Some(_) if !self.stdout.is_empty() => "wrote to standard output".to_owned(),
            Some(_) if stderr.lines().count() != 1 => "not one line".to_owned(),
            Some(_) if !stderr.starts_with("error: ") && !stderr.starts_with("{\"error\"") => {
                "no error".to_owned()
            }
            Some(_) if stderr.contains("panicked") || stderr.contains("RUST_BACKTRACE") => {
                "a panic".to_owned()
            }
            Some(_) if stderr.len() > 700 => format!("{} bytes", stderr.len()),
            Some(_) if !stderr.to_lowercase().contains(&about.to_lowercase()) => {
                format!("nothing about {about:?}")
            }
            Some(_) => return None,
        };
        Some(format!("{problem}: {stderr}"))
    }
}

/// The program.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("INGLE_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// Builds the program in the profile and folder this test was built in.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "native-host", "--target-dir"]);
    cargo.arg(profile.parent().unwrap()).current_dir(root);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "native-host builds");
    profile.join(format!("ingle{}", std::env::consts::EXE_SUFFIX))
}
