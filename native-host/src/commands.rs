//! One file per command; each takes its arguments and says how it went.

mod analyze;
mod answer;
mod archive;
mod bars;
mod bench;
mod cache;
mod completions;
mod create;
mod devices;
mod doctor;
mod embed;
mod fit;
mod human;
mod imatrix;
mod lines;
mod listing;
mod logits;
mod manage;
mod measured;
mod perplexity;
mod quantize;
mod repl;
mod run;
mod show;
mod show_stored;
mod slash;
mod stored;
mod target;
mod tokenize;
mod transfer;
mod validate;

use crate::args::Command;
use crate::failure::Failure;

/// Runs the command that was asked for.
pub fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Tokenize(args) => tokenize::run(&args),
        Command::Logits(args) => logits::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Serve(args) => Ok(crate::serve::native::serve(args)?),
        Command::Pull(args) => transfer::pull_command(&args),
        Command::Push(args) => transfer::push_command(&args),
        Command::List(args) => listing::list(&args),
        Command::Ps(args) => listing::ps(&args),
        Command::Stop(args) => manage::stop(&args),
        Command::Cp(args) => manage::cp(&args),
        Command::Rm(args) => manage::rm(&args),
        Command::Create(args) => create::run(&args),
        Command::Quantize(args) => quantize::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Perplexity(args) => perplexity::run(&args),
        Command::Imatrix(args) => imatrix::run(&args),
        Command::Save(args) => archive::save(&args),
        Command::Load(args) => archive::load(&args),
        Command::Verify(args) => archive::verify(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints one JSON object or array on a line.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    crate::term::line(&json_line(value)?)
}

/// One JSON object or array. JSON itself escapes only half of the control characters; the others
/// are escaped here, for readers that are terminals.
fn json_line(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::output("standard output", error.into()))?;
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    Ok(safe)
}

/// All of standard input, as text.
fn read_stdin() -> Result<String, Failure> {
    std::io::read_to_string(std::io::stdin())
        .map_err(|source| Failure::Input { what: "standard input", source })
}
