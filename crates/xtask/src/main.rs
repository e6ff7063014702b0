//! `cargo xtask`: every developer command, in Rust.
//!
//! Rust and not shell scripts or a task runner, because the commands must work on Windows, macOS
//! and Linux alike, share their steps (setup, web build, tests) and be tested themselves.

mod aarch64;
mod bench;
mod clients;
mod dist;
mod harness;
mod process;
mod python;
mod report;
mod serve;
mod setup;
mod start;
mod test;
mod tidy;
mod tools;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use web::Form;

/// Builds, serves, tests and measures ingle.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
enum Command {
    /// Set up what is missing, build everything, serve the chat page and print its address.
    ///
    /// Example: cargo xtask start model.gguf
    Start(start::Args),
    /// Set up what is missing and run every check and test; what the project's CI runs.
    ///
    /// Example: cargo xtask test --only fmt,tidy,unit
    Test(test::Args),
    /// The quick checks before a commit: fmt, tidy, clippy, wasm build and size, TypeScript.
    ///
    /// Example: cargo xtask check
    Check,
    /// The house rules as a program: layers, names, sizes, headers.
    ///
    /// Example: cargo xtask tidy
    Tidy,
    /// Build the wasm module, the engine package and the chat page.
    ///
    /// Example: cargo xtask web --release
    Web {
        /// Optimize as for publishing (slower to compile) and check the size.
        #[arg(long)]
        release: bool,
    },
    /// Run the tests in browsers (builds the browser part first).
    ///
    /// Example: cargo xtask e2e
    E2e,
    /// Write the text of every shader in both WGSL dialects.
    ///
    /// Example: cargo xtask shaders --dump target/wgsl
    Shaders {
        /// Folder to write into.
        #[arg(long, value_name = "DIR")]
        dump: PathBuf,
    },
    /// Measure reading and writing of model files, in pairs with other engines.
    ///
    /// Example: cargo xtask bench model.gguf --peers --pairs 5
    Bench(bench::Args),
    /// Make the seeded test models again and fail if a byte changed.
    ///
    /// Example: cargo xtask fixtures
    Fixtures(tools::FixtureArgs),
    /// Write what is published into dist/: the native program, the engine's npm tarball, sizes.
    ///
    /// Example: cargo xtask dist
    Dist,
}

fn main() -> ExitCode {
    run(Command::parse()).unwrap_or_else(|error| {
        // Without a backtrace: the chain of causes is for people, and says more.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Start(args) => start::run(&args)?,
        Command::Test(args) => return test::run(&args),
        Command::Check => return test::run_only(&["fmt", "tidy", "clippy", "wasm", "www"]),
        Command::Tidy => return test::run_only(&["tidy"]),
        Command::Web { release: true } => {
            web::build(Form::Release)?;
            web::check_sizes()?;
        }
        Command::Web { release: false } => web::build(Form::Debug)?,
        Command::E2e => return test::run_only(&["wasm", "www", "e2e"]),
        Command::Shaders { dump } => tools::shaders(&dump)?,
        Command::Bench(args) => bench::run(&args)?,
        Command::Fixtures(args) => tools::fixtures(&args)?,
        Command::Dist => dist::run()?,
    }
    Ok(ExitCode::SUCCESS)
}
