//! Starting other programs: cargo, npm, node and the rest.
//!
//! Every program is started from here, so that three rules hold everywhere: the working folder is
//! the repository, inherited `RUSTFLAGS` are dropped (they would rebuild everything a second time,
//! and natively and for wasm alike), and nothing waits for a keyboard.

use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// The repository's root: two folders above this crate. Asked of `cargo run` first, because a
/// target folder shared by two checkouts may hand one's program to the other.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| COMPILED_IN.into());
    let manifest = Path::new(&manifest);
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

const COMPILED_IN: &str = env!("CARGO_MANIFEST_DIR");

/// A program to be run in the repository's root.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(Stdio::null());
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}

/// The cargo that started this program.
pub fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// npm in `www/`. On Windows npm is a script, which only its full name starts.
pub fn npm() -> Command {
    let mut command = program(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(root().join("www")).env("npm_config_loglevel", "error");
    command
}

/// What to print for a command: the program and its arguments.
pub fn shown(command: &Command) -> String {
    let mut words = vec![base_name(Path::new(command.get_program()))];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The last part of a path, for people: folders of a machine belong in no record.
pub fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Runs to the end with its output on the terminal; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    check(status, command)
}

/// Runs to the end and returns what it printed on stdout; stderr goes to the terminal.
pub fn stdout_of(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    check(output.status, command)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(status: ExitStatus, command: &Command) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", shown(command))
}

/// True if the program can be started and says its version.
pub fn exists(name: &str) -> bool {
    let found = program(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// How a captured program ended and what it printed (stdout, then stderr).
pub struct Captured {
    pub success: bool,
    pub text: String,
}

/// Runs with captured output; a program that outlives `limit` is ended and reported.
pub fn capture(command: &mut Command, limit: Duration) -> Result<Captured> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let status = wait(&mut child, limit)?;
    let mut text = out.join().map_err(|_| anyhow!("reading the output failed"))?;
    text.push_str(&err.join().map_err(|_| anyhow!("reading the output failed"))?);
    if status.is_none() {
        text.push_str(&format!("\nended after {} s without an answer\n", limit.as_secs()));
    }
    Ok(Captured { success: status.is_some_and(|status| status.success()), text })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks ends the text early; the exit status tells the rest.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_holds_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("crates").is_dir());
    }

    #[test]
    fn a_program_that_never_ends_is_ended() -> Result<()> {
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1"]);
        let captured = capture(&mut command, Duration::ZERO)?;
        assert!(!captured.success);
        assert!(captured.text.contains("without an answer"));
        Ok(())
    }
}
