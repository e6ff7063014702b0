//! Other people's clients against a real server: what they need is installed, and each has a
//! script.
//!
//! The versions are pinned (`tests/clients/requirements.txt`, `package-lock.json`) and installed
//! once per lock file: Python's packages into an environment of its own under `target/`, where no
//! other program sees them, and npm's beside the scripts, where Node.js looks for them. What cannot
//! be installed is a skip with its reason: a machine without a network can still run the rest.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::harness;
use crate::process::{self, program};
use crate::report::Tally;
use crate::setup;

/// Longest time of one script: a hundred requests to tiny models, and the start of large libraries.
const SCRIPT_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Longest time of installing Python's packages; it takes half a minute where they are near.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Oldest Python that the pinned packages run on.
const PYTHON_MIN: (u32, u32) = (3, 11);

/// Runs every script of `tests/clients/python` and `tests/clients/js`.
///
/// # Errors
/// If a folder or a program cannot be read or started.
pub fn run(envs: &[(String, PathBuf)]) -> Result<Tally> {
    let folder = process::root().join("tests/clients");
    let mut tally = Tally::default();
    match python(&folder) {
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

/// The interpreter of an environment that has what `requirements.txt` names.
fn python(clients: &Path) -> Result<PathBuf> {
    let wanted = clients.join("requirements.txt");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = process::root().join(target).join("clients");
    let venv = folder.join("venv");
    let stamp = folder.join("installed.txt");
    let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let inside = venv.join(inside);
    let wanted_text = fs::read(&wanted).context("tests/clients has no requirements.txt")?;
    if inside.exists() && fs::read(&stamp).is_ok_and(|text| text == wanted_text) {
        return Ok(inside);
    }
    let base = base_python()?;
    fs::create_dir_all(&folder)?;
    println!("   installing tests/clients/requirements.txt into target/clients");
    make_venv(&base, &venv)?;
    let mut pip = program(&inside);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    // Most modules are never imported; those that are, are compiled then.
    pip.args(["--no-compile", "--no-input", "--requirement"]).arg(&wanted);
    quietly(&mut pip).context("pip could not install the pinned packages")?;
    fs::copy(&wanted, &stamp)?;
    Ok(inside)
}

fn make_venv(base: &OsString, venv: &Path) -> Result<()> {
    let make = || {
        let mut command = program(base);
        command.args(["-m", "venv", "--clear"]).arg(venv);
        quietly(&mut command)
    };
    make().or_else(|_| {
        // Debian's Python comes without this part.
        let what = "Python has no module venv, or cannot make an environment with it";
        setup::debian_packages(&["python3-venv"], what)?;
        make().context(what)
    })
}

/// A Python that is new enough.
fn base_python() -> Result<OsString> {
    let (major, minor) = PYTHON_MIN;
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let names = ["python3", "python"].map(OsString::from);
    let found = names.into_iter().find(|name| {
        let mut command = program(name);
        quietly(command.args(["-c", &check])).is_ok()
    });
    found.with_context(|| format!("no Python {major}.{minor} or newer was found"))
}

/// Runs to the end; what it printed is shown only in the error, its last line first.
fn quietly(command: &mut std::process::Command) -> Result<()> {
    let captured = process::capture(command, INSTALL_LIMIT)?;
    if captured.success {
        return Ok(());
    }
    let last = captured.text.lines().rev().find(|line| !line.trim().is_empty());
    Err(anyhow!("{}", last.unwrap_or("it ended with an error and without a word").trim()))
}
