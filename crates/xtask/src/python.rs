//! Python programs of the tests, in environments of their own under `target/`.
//!
//! Their packages are pinned in a file beside the scripts and installed once per content of that
//! file, where no other program sees them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, program};
use crate::setup;

/// Oldest Python that the pinned packages run on.
const VERSION_MIN: (u32, u32) = (3, 11);

/// Longest time of installing packages; it takes seconds where they are near.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The interpreter of an environment called `name` that has what the file `wanted` names.
///
/// # Errors
/// One sentence with what is missing.
pub fn environment(name: &str, wanted: &Path) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = process::root().join(target).join("python").join(name);
    let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let (inside, stamp) = (folder.join(inside), folder.join("installed.txt"));
    let text = fs::read(wanted).with_context(|| format!("{} is missing", wanted.display()))?;
    if inside.exists() && fs::read(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(inside);
    }
    println!("   installing Python packages into target/python/{name}");
    make(&base()?, &folder)?;
    let mut pip = program(&inside);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // Most modules are never imported; those that are, are compiled then.
    pip.arg("--no-compile");
    quietly(pip.arg("--requirement").arg(wanted)).context("pip could not install the packages")?;
    fs::write(&stamp, text)?;
    Ok(inside)
}

fn make(base: &OsString, folder: &Path) -> Result<()> {
    let make = || quietly(program(base).args(["-m", "venv", "--clear"]).arg(folder));
    make().or_else(|_| {
        // Debian's Python comes without this part.
        let what = "Python has no module venv, or cannot make an environment with it";
        setup::debian_packages(&["python3-venv"], what)?;
        make().context(what)
    })
}

fn base() -> Result<OsString> {
    let (major, minor) = VERSION_MIN;
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let mut names = ["python3", "python"].map(OsString::from).into_iter();
    let found = names.find(|name| quietly(program(name).args(["-c", &check])).is_ok());
    found.with_context(|| format!("no Python {major}.{minor} or newer was found"))
}

/// Runs to the end; what it printed is seen only in the error, as its last line.
fn quietly(command: &mut Command) -> Result<()> {
    let captured = process::capture(command, INSTALL_LIMIT)?;
    if captured.success {
        return Ok(());
    }
    let last = captured.text.lines().rev().find(|line| !line.trim().is_empty());
    bail!("{}", last.unwrap_or("it ended with an error and without a word").trim())
}
