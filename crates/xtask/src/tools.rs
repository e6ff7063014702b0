//! Small commands that run a program of another crate: shader texts and test models.
//!
//! The programs live beside the code they show (`shaders`, `tests`) and not here, so that `xtask`
//! compiles without the rest of the house and can report that the rest does not compile.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;

#[derive(clap::Args)]
pub struct FixtureArgs {
    /// Write the models and their sums anew instead of comparing.
    #[arg(long)]
    bless: bool,
}

/// Writes every shader, composed, in both dialects.
pub fn shaders(folder: &Path) -> Result<()> {
    let folder = absolute(folder)?;
    let mut command = process::cargo();
    command.args([
        "run",
        "--quiet",
        "-p",
        "kernels",
        "--example",
        "dump_shaders",
        "--",
    ]);
    process::run(command.arg(&folder))
}

/// Makes the seeded models again and compares their sums with the recorded ones.
pub fn fixtures(args: &FixtureArgs) -> Result<()> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "-p", "tests", "--bin", "fixtures", "--"]);
    if args.bless {
        command.arg("--bless");
    }
    process::run(&mut command)
}

/// Commands run in the repository's root, but a path is meant from where the person stands.
fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::env::current_dir()?.join(path))
}
