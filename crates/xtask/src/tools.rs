//! Small commands that run a program of another crate: shader texts and test models.
//!
//! The programs live beside the code they show (`shaders`, `tests`) and not here, so that `xtask`
//! compiles without the rest of the house and can report that the rest does not compile.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;

/// Where the sums of the seeded models are recorded.
pub const SUMS: &str = "tests/seeded-models.txt";

#[derive(clap::Args)]
pub struct FixtureArgs {
    /// Record the models' sums anew instead of comparing.
    #[arg(long)]
    bless: bool,
    /// Also write the models as files into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes every shader, composed, in both dialects.
pub fn shaders(folder: &Path) -> Result<()> {
    let folder = absolute(folder)?;
    let mut command = process::cargo();
    command.args(["run", "--quiet", "-p", "kernels", "--example", "dump_shaders", "--"]);
    process::run(command.arg(&folder))
}

/// Makes the seeded models again and compares their sums with the recorded ones.
pub fn fixtures(args: &FixtureArgs) -> Result<()> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "-p", "tests", "--bin", "fixtures", "--", SUMS]);
    if args.bless {
        command.arg("--bless");
    }
    if let Some(folder) = &args.out {
        command.arg("--out").arg(absolute(folder)?);
    }
    process::run(&mut command)
}

/// Commands run in the repository's root, but a path is meant from where the person stands.
fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::env::current_dir()?.join(path))
}
