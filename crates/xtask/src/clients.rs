//! Other people's clients against a real server: what they need is installed, and each has a
//! script.
//!
//! The versions are pinned (`tests/clients/requirements.txt`, `package-lock.json`) and installed
//! once per lock file: Python's packages into an environment of their own ([`python`]), and npm's
//! beside the scripts, where Node.js looks for them. What cannot be installed is a skip with its
//! reason: a machine without a network can still run the rest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::harness;
use crate::process::{self, program};
use crate::report::Tally;
use crate::{python, setup};

/// Longest time of one script: a hundred requests to tiny models, and the start of large libraries.
const SCRIPT_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Runs every script of `tests/clients/python` and `tests/clients/js`.
///
/// # Errors
/// If a folder or a program cannot be read or started.
pub fn run(envs: &[(String, PathBuf)]) -> Result<Tally> {
    let folder = process::root().join("tests/clients");
    let mut tally = Tally::default();
    match python::environment("clients", &folder.join("requirements.txt")) {
        Ok(python) => tally.add(run_scripts(&folder.join("python"), "py", &python, envs)?),
        Err(why) => tally.add(Tally::skip(format!("clients in Python: {why:#}"))),
    }
    match setup::npm_packages_of(&folder) {
        Ok(()) => tally.add(run_scripts(&folder.join("js"), "mjs", Path::new("node"), envs)?),
        Err(why) => tally.add(Tally::skip(format!("clients in JavaScript: {why:#}"))),
    }
    Ok(tally)
}

fn run_scripts(
    folder: &Path,
    extension: &str,
    interpreter: &Path,
    envs: &[(String, PathBuf)],
) -> Result<Tally> {
    let mut tally = Tally::default();
    for script in harness::scripts(folder, extension)? {
        let name = process::base_name(&script);
        println!("   {name}");
        let mut command = program(interpreter);
        command.arg(&script).envs(envs.iter().map(|(key, value)| (key, value)));
        // Text is UTF-8 on every system.
        command.env("PYTHONUTF8", "1");
        tally.add(harness::run_script(&name, &mut command, SCRIPT_LIMIT)?);
    }
    Ok(tally)
}
