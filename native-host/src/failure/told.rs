//! A failure as a person or a program is told it, on standard error.
//!
//! For a person: `error: SENTENCE [CODE]`. With `--format json` what reads the output is a program,
//! so the error is an object, too: `{"error":"SENTENCE","code":"CODE","exit":N}`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::Failure;
use super::codes::exit_of;
use crate::term;

/// Errors are objects. One for the process: a command line is read once.
static IN_JSON: AtomicBool = AtomicBool::new(false);

/// From here on errors are objects, if these words ask for output in JSON. The words are looked at
/// as they were typed: what is wrong may be that they cannot be parsed.
pub fn tell_in_json<'a>(words: impl IntoIterator<Item = &'a OsString>) {
    let mut before = None;
    for word in words.into_iter().map(|word| word.to_str()) {
        match word {
            Some("--") => break,
            Some("json" | "jsonl") if before == Some("--format") => {
                IN_JSON.store(true, Ordering::Relaxed);
            }
            Some("--format=json" | "--format=jsonl") => IN_JSON.store(true, Ordering::Relaxed),
            _ => {}
        }
        before = word;
    }
}

/// Says what went wrong, where there is something to say, and gives the process its exit code.
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.code();
            // Who pressed Ctrl-C knows.
            if code != "aborted" {
                say(&failure.to_string(), code);
            }
            ExitCode::from(exit_of(code))
        }
    }
}

/// The same of a command line that cannot be parsed.
pub fn usage(sentence: &str) -> ExitCode {
    exit_code(Err(Failure::Usage(sentence.to_owned())))
}

fn say(sentence: &str, code: &str) {
    match IN_JSON.load(Ordering::Relaxed) {
        true => {
            let object = json!({ "error": sentence, "code": code, "exit": exit_of(code) });
            term::note(&object.to_string());
        }
        false => term::error(sentence, code),
    }
}
