//! The flags of `ingle quantize --validate`.
//!
//! A command of its own behind a flag of another one: it shares none of the other flags, so the
//! two words are respelled before clap looks ([`spelled`]), and its help is its own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{LoadArgs, TextArgs};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table
    Text,
    /// One object
    Json,
    /// One self-contained page with plots
    Html,
}

const HELP: &str = "\
Both models read one text, and where the second halves of its windows are scored their answers are
compared: perplexity, KL divergence, the same most probable token; also what each layer computes,
and the weights of both files, tensor by tensor. Both models must fit into memory. They are read on
the CPU, with --device gpu on the graphics chip. Without -f a text of ingle's own is read (small
talk, stories, sums).

Exit codes: 0 all limits kept (or none set), 10 a limit is not kept, others: it could not be done.

Examples:
  ingle quantize --validate --baseline model-F16.gguf --quantized model-Q4_K_M.gguf
  ingle quantize --validate --baseline F16.gguf --quantized Q4.gguf --threshold 0.05 --format json
  ingle quantize --validate --baseline F16.gguf --quantized Q4_0.gguf --diff Q4_K_M.gguf \\
    -f text.txt -o report.html";

#[derive(Args)]
#[command(override_usage = "ingle quantize --validate --baseline A --quantized B [OPTIONS]")]
#[command(after_help = HELP)]
pub struct ValidateArgs {
    /// The model it was made from: a file, or a stored name
    #[arg(long, value_name = "A")]
    pub baseline: PathBuf,
    /// The model to judge
    #[arg(long, value_name = "B")]
    pub quantized: PathBuf,
    /// Another one, to be judged beside it
    #[arg(long, value_name = "C")]
    pub diff: Option<PathBuf>,
    #[command(flatten)]
    pub text: TextArgs,
    /// Mean KL divergence in nats at most
    #[arg(long, alias = "max-kl", value_name = "X", value_parser = number)]
    pub threshold: Option<f64>,
    /// Perplexity over the baseline's at most, like 1.02
    #[arg(long, value_name = "X", value_parser = number)]
    pub max_ratio: Option<f64>,
    /// Share of places with the same most probable token at least, like 0.95
    #[arg(long, value_name = "X", value_parser = number)]
    pub min_same_top: Option<f64>,
    /// Leave out the comparison of weights, which reads both files once more
    #[arg(long)]
    pub no_weights: bool,
    #[command(flatten)]
    pub load: LoadArgs,
    /// What is printed, or written with -o [default: text, with -o as the name ends]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Write the report to a file, and print the table
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("give a number of 0 or more".to_owned()),
    }
}

/// Respells `quantize --validate`.
pub fn spelled(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_flag = |arg: &OsString| arg == "--validate";
    if args.get(1).is_some_and(|command| command == "quantize") && args.iter().any(is_flag) {
        args.retain(|arg| !is_flag(arg));
        if let Some(command) = args.get_mut(1) {
            *command = "validate".into();
        }
    }
    args
}
