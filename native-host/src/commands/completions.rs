//! `ingle completions`: a script for a shell, from the command line's own description.

use crate::args::{self, CompletionsArgs};
use crate::failure::Failure;
use crate::term;

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "ingle", &mut script);
    term::write_out(&script)
}
