//! The command line as it is typed. Names and flags are a contract with scripts.
//!
//! Values stay what the user entered; defaults that depend on the file or the machine are resolved
//! later, in [`settings`](crate::settings). Wrong use is one sentence and exit code 2, without the
//! block of usage text that hides it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

mod analyze;
mod bench;
mod cache;
mod doctor;
mod measure;
mod models;
mod quantize;
mod run;
mod validate;
pub use crate::serve::ServeArgs;
use crate::term::{Color, set_color};
pub use analyze::{AnalyzeArgs, Target};
pub use bench::{BenchArgs, BenchFormat};
pub use cache::{CacheArgs, CacheCommand};
pub use doctor::DoctorArgs;
pub use measure::{DEFAULT_CTX, ImatrixArgs, ImatrixFormat, PerplexityArgs, TextArgs};
pub use models::{
    CompletionsArgs, CpArgs, CreateArgs, ListArgs, LoadArchiveArgs, PsArgs, PullArgs, PushArgs,
    RmArgs, SaveArgs, StopArgs, VerifyArgs,
};
pub use quantize::QuantizeArgs;
pub use run::{EmbedArgs, RunArgs, ShowArgs, ShowStoredArgs, StoredArgs};
pub use validate::{ReportFormat, ValidateArgs};

/// Exit code for wrong use, as shells and clap have it.
const EXIT_USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "ingle", version, about = "Run GGUF language models privately, on this machine")]
#[command(after_help = "Examples:\n  \
    ingle run llama3.2:1b                      chat with a stored model\n  \
    ingle run model.gguf                       chat with a file, without a server\n  \
    ingle run model.gguf \"why is the sky blue\" one answer\n  \
    ingle show model.gguf                      what the file contains")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Color on standard error; without it as NO_COLOR and CLICOLOR_FORCE say
    #[arg(long, value_enum, value_name = "WHEN", global = true)]
    color: Option<Color>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Answer a prompt, or chat when there is none
    Run(RunArgs),
    /// Print what a stored model or a GGUF file contains
    Show(ShowArgs),
    /// Answer Ollama's and OpenAI's interface over HTTP
    #[command(visible_alias = "start")]
    Serve(ServeArgs),
    /// Fetch a model from a registry
    Pull(PullArgs),
    /// Send a model to a registry
    Push(PushArgs),
    /// List stored models
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// List models that are in memory
    Ps(PsArgs),
    /// Take a model out of memory
    Stop(StopArgs),
    /// Give a stored model a second name
    Cp(CpArgs),
    /// Remove stored models
    Rm(RmArgs),
    /// Make a model from a Modelfile
    Create(CreateArgs),
    /// Make a smaller file of a model
    Quantize(QuantizeArgs),
    /// Compare a quantized model with the one it was made from
    #[command(hide = true)]
    Validate(ValidateArgs),
    /// Measure which tensors may be coarse, and choose their types
    #[command(hide = true)]
    Analyze(AnalyzeArgs),
    /// Measure how well a model foresees a text, and how far it is from another one
    Perplexity(PerplexityArgs),
    /// Measure which weights matter on a text, for better small files
    Imatrix(ImatrixArgs),
    /// Look after what `quantize --analyze` has measured
    Cache(CacheArgs),
    /// Write a stored model to one file
    Save(SaveArgs),
    /// Store a model from a file of `save`
    Load(LoadArchiveArgs),
    /// Compare all bytes of stored models with their digests
    Verify(VerifyArgs),
    /// Turn text into token ids, or ids into text (standard input to standard output)
    Tokenize(TokenizeArgs),
    /// Write the logits after a sequence of token ids to a file
    Logits(LogitsArgs),
    /// Measure how fast a model reads and writes on this machine
    Bench(BenchArgs),
    /// List the processors and graphics devices models can run on
    Devices(DevicesArgs),
    /// Check that everything works here: graphics, numbers, memory, room for models
    Doctor(DoctorArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A hardware GPU if there is one, else the CPU
    #[default]
    Auto,
    /// The CPU, with SIMD and threads
    Cpu,
    /// A GPU, also one emulated in software; the CPU if there is none
    Gpu,
    /// The slow scalar player that is the truth for tests
    Reference,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kv {
    F32,
    #[default]
    F16,
    #[value(name = "q8_0")]
    Q8_0,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Where and how a model is loaded.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Put only the last N layers on the GPU and the rest on the CPU
    #[arg(long, value_name = "N")]
    pub gpu_layers: Option<usize>,
    /// Threads of the CPU player [default: all cores]
    #[arg(long, short = 't', value_name = "N")]
    pub threads: Option<usize>,
    /// Context in tokens [default: the model's own, at most 4096]
    #[arg(long, short = 'c', value_name = "N")]
    pub ctx: Option<usize>,
    /// Number format of the key/value cache
    #[arg(long, value_enum, default_value_t)]
    pub kv: Kv,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  printf 'hello world' | ingle tokenize model.gguf\n  \
    echo 1 15043 3186 | ingle tokenize model.gguf --decode\n  \
    ingle tokenize model.gguf --no-bos --format json < text.txt")]
pub struct TokenizeArgs {
    /// The model, or a file with just a vocabulary
    pub file: PathBuf,
    /// Leave out the tokens the model wants at the beginning and end
    #[arg(long)]
    pub no_bos: bool,
    /// Treat the text of special tokens as plain text
    #[arg(long)]
    pub no_special: bool,
    /// The other way: ids to text
    #[arg(long)]
    pub decode: bool,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Args)]
#[command(after_help = "The file holds little-endian 32-bit floats: one row of the vocabulary's \
    size, or one row per id with --all.\n\nExamples:\n  \
    ingle logits model.gguf --tokens 1,15043,3186 --out last.f32\n  \
    ingle logits model.gguf --tokens 1,15043,3186 --all --device cpu --kv f32 --out all.f32")]
pub struct LogitsArgs {
    /// The model, or the first part of a split one
    pub file: PathBuf,
    /// Token ids, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', required = true, num_args = 1..)]
    pub tokens: Vec<u32>,
    /// Logits of every position, not only of the last
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub load: LoadArgs,
    /// Where to write; - for standard output
    #[arg(long, value_name = "F")]
    pub out: PathBuf,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle devices\n  ingle devices --format json")]
pub struct DevicesArgs {
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The whole command line, for scripts that complete it.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line; help and version are printed here, wrong use is one sentence.
pub fn parse() -> Result<Command, ExitCode> {
    let words = spelled(std::env::args_os());
    crate::failure::tell_in_json(&words);
    let error = match Cli::try_parse_from(words) {
        Ok(cli) => {
            cli.color.into_iter().for_each(set_color);
            return Ok(cli.command);
        }
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            crate::term::out(error.to_string().as_bytes());
            Err(ExitCode::SUCCESS)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            crate::term::note_lines(&error.to_string());
            Err(ExitCode::from(EXIT_USAGE))
        }
        _ => Err(crate::failure::usage(&sentence(&error.to_string()))),
    }
}

/// What clap does not read by itself, respelled.
fn spelled(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    analyze::spelled(validate::spelled(bench::spelled(args)))
}

/// The facts of clap's message in one line: what it says before the tips and the usage.
fn sentence(message: &str) -> String {
    let facts = message.split("\n\n").next().unwrap_or(message);
    let line = facts.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{line}; `ingle help` and `--help` after a command list what there is")
}

/// Parses words as they are typed after `ingle`, for tests.
#[cfg(test)]
pub fn parse_line(line: &str) -> Result<Command, clap::Error> {
    let words = std::iter::once("ingle").chain(line.split_whitespace());
    Ok(Cli::try_parse_from(spelled(words.map(Into::into)))?.command)
}

/// The arguments of a line that is the wanted command, for tests.
#[cfg(test)]
pub fn parsed<T>(line: &str, wanted: impl FnOnce(Command) -> Option<T>) -> T {
    let command = parse_line(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    wanted(command).unwrap_or_else(|| panic!("{line} is another command"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_agrees_with_itself() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contract_parses() {
        for line in [
            "run m.gguf",
            "run m.gguf hi --device reference --gpu-layers 3 --threads 2 --ctx 64 --kv q8_0 -n 4 \
             --temperature 0 --top-k 1 --top-p 0.5 --min-p 0.1 --seed 7 --system s --raw --format \
             json --verbose",
            "run m.gguf -n -1 --seed -1",
            "show m.gguf --tensors --format json",
            "tokenize m.gguf --no-bos --no-special --decode --format json",
            "logits m.gguf --tokens 1,2,3 --all --device gpu --kv f32 --out f",
            "bench m.gguf -p 128 -n 8 -r 2 -t 2 --device cpu --format csv",
            "bench a.gguf b.gguf -p 128,512 -n 32 -n 64 -d 0,2048 -r 3 -b 64,128 -ub 32 -t 1,2 \
             --device cpu,gpu --kv f16,q8_0 --gpu-layers 0,8 -pg 512,128 -pg 64,16 --profile \
             --warmup 0 --no-peaks --min-tok-s 20 --format html -o out.html",
            "perplexity m.gguf -f t.txt -c 512 --chunks 4 --stride 128 --device cpu -t 2",
            "perplexity m.gguf -f t.txt --kl-divergence-base b.kld",
            "perplexity m.gguf --kl-divergence --kl-divergence-base b.kld --format json",
            "imatrix m.gguf -f t.txt -o m.imatrix.gguf --chunks 8 --process-output --no-ppl",
            "quantize --validate --baseline a.gguf --quantized b.gguf --threshold 0.1",
            "quantize --baseline a --quantized b --validate --diff c -f t --chunks 2 -o r.html",
            "imatrix -o all.dat --in-file a.gguf --in-file b.gguf --output-format dat",
            "devices --format json",
            "doctor --format json",
        ] {
            let words = std::iter::once("ingle").chain(line.split_whitespace());
            let words = spelled(words.map(Into::into));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
        let words = ["ingle", "logits", "m", "--tokens", "1,2,3", "--out", "f"];
        let Command::Logits(args) = Cli::try_parse_from(words).unwrap().command else {
            unreachable!("logits parses as logits")
        };
        assert_eq!(args.tokens, [1, 2, 3]);
    }

    #[test]
    fn importances_have_an_exact_cache() {
        for (more, kv) in [("", Kv::F32), (" --kv f16", Kv::F16)] {
            let line = format!("ingle imatrix m -f t -o o{more}");
            let Command::Imatrix(args) = Cli::try_parse_from(line.split(' ')).unwrap().command
            else {
                unreachable!("imatrix parses as imatrix")
            };
            assert_eq!(args.load.kv, kv, "{line}");
        }
    }

    #[test]
    fn wrong_use_is_one_line() {
        for line in [
            "run",
            "run m --devcie cpu",
            "run m --kv f64",
            "bench m -r 0",
            "bench m -b 0",
            "bench",
            "walk",
        ] {
            let words = std::iter::once("ingle").chain(line.split_whitespace());
            let message = Cli::try_parse_from(words).err().unwrap().to_string();
            let said = sentence(&message);
            assert!(said.len() > 60 && !said.contains('\n'), "{line}: {said}");
        }
    }
}
