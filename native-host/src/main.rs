//! `ingle`: run GGUF language models on this machine, from a terminal.
//!
//! Twenty lines on purpose: parse, dispatch, exit code. What was typed is in [`args`], what it
//! means is in [`settings`], every failure becomes a sentence and a number in [`failure`].

mod analyses;
mod args;
mod caches;
mod client;
mod commands;
mod container;
mod device;
mod doctor;
mod failure;
mod import;
mod interrupt;
mod load;
mod pipelines;
mod progress;
mod serve;
mod settings;
mod source;
mod term;
mod tuning;

use std::process::ExitCode;

fn main() -> ExitCode {
    device::without_display();
    match args::parse() {
        Ok(command) => failure::exit_code(commands::dispatch(command)),
        Err(code) => code,
    }
}
