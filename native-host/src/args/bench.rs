//! The flags of `ingle bench`, named as llama-bench names them; most take several values.
//!
//! clap has no flags of one dash and several letters, so the known ones are respelled before it
//! looks ([`spelled`]).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Device, Kv};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchFormat {
    /// A Markdown table
    Md,
    /// One array of objects
    Json,
    /// One object per line
    Jsonl,
    /// Comma-separated values with a head line
    Csv,
    /// One self-contained page with plots
    Html,
}

const HELP: &str = "\
Lists are separated by commas or given by repeating the flag; every combination is measured.
ppN reads N tokens, tgN writes N tokens one by one (tgNxS: of S sequences together, tokens of all
counted), @dN with N tokens in the cache before (these are read first and not timed). Each row is
compared with what the device can do: bytes that must be read per token over its measured read
bandwidth, operations over its measured peak. Rows during which the device itself changed by more
than 15 % are marked as unsteady.

Exit codes: 0 all rows measured, 1 some row failed, 2 wrong use, 10 a row is below --min-tok-s,
130 interrupted (the rows so far are printed).

Examples:
  ingle bench model.gguf
  ingle bench a.gguf b.gguf -p 128,512 -n 32 -t 1,2 --device cpu
  ingle bench model.gguf -p 0 -n 32 -d 0,2048,8192 --kv f16,q8_0
  ingle bench model.gguf -pg 512,128 --device cpu,gpu --format json
  ingle bench model.gguf -p 0 -n 32 --slots 1,4
  ingle bench model.gguf --profile -o bench.html
  ingle bench model.gguf -p 0 -n 128 --min-tok-s 20";

#[derive(Args)]
#[command(after_help = HELP)]
pub struct BenchArgs {
    /// Models, or the first parts of split ones
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Tokens of the prompt; 0 leaves the test out [default: 512]
    #[arg(short = 'p', long = "prompt", value_name = "N", value_delimiter = ',')]
    pub p: Vec<usize>,
    /// Tokens to write; 0 leaves the test out [default: 128]
    #[arg(short = 'n', long = "gen", value_name = "N", value_delimiter = ',')]
    pub n: Vec<usize>,
    /// -pg P,N: read P tokens, then write N, as one test
    #[arg(long = "pg", value_name = "P,N", value_parser = pair)]
    pub pg: Vec<(usize, usize)>,
    /// Tokens in the cache before a test [default: 0]
    #[arg(short = 'd', long = "depth", value_name = "N", value_delimiter = ',')]
    pub d: Vec<usize>,
    /// Sequences written together, in tests that only write [default: 1]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = slots())]
    pub slots: Vec<usize>,
    /// Timed runs of each test
    #[arg(short = 'r', long = "runs", value_name = "N", value_parser = at_least_one())]
    #[arg(default_value_t = engine::bench::DEFAULT_RUNS)]
    pub r: u32,
    /// Runs of each test before them
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub warmup: u32,
    /// Tokens of a prompt handed over together; the smaller of -b and -ub counts
    #[arg(short = 'b', long = "batch", value_name = "N", value_delimiter = ',')]
    #[arg(value_parser = rows())]
    pub b: Vec<usize>,
    /// -ub N: tokens of a prompt computed together [default: as many as the device takes]
    #[arg(long = "ubatch", value_name = "N", value_delimiter = ',', value_parser = rows())]
    pub ub: Vec<usize>,
    /// Threads of the CPU player [default: all cores]
    #[arg(short = 't', long, value_name = "N", value_delimiter = ',', value_parser = threads())]
    pub threads: Vec<usize>,
    /// Where to compute [default: auto]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub device: Vec<Device>,
    /// Put only the last N layers on the GPU and the rest on the CPU
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub gpu_layers: Vec<usize>,
    /// Number format of the key/value cache [default: f16]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub kv: Vec<Kv>,
    /// Context in tokens, if more than the tests need
    #[arg(long, value_name = "N")]
    pub ctx: Option<usize>,
    /// Tokens the device may choose in one go while writing
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub tokens_per_job: usize,
    /// One more run of each test with every kernel timed
    #[arg(long)]
    pub profile: bool,
    /// Do not measure the device's peaks; no limits are shown then
    #[arg(long)]
    pub no_peaks: bool,
    /// Exit with code 10 if a row is slower than X tokens/s
    #[arg(long, value_name = "X")]
    pub min_tok_s: Option<f64>,
    /// What is printed, or written with -o [default: md, with -o as the name ends]
    #[arg(long, value_enum)]
    pub format: Option<BenchFormat>,
    /// Write to a file, and print the table
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// Rows of a job: one at least.
fn rows() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u32).range(1..).map(|n| n as usize)
}

/// As players bound them.
fn slots() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u32).range(1..=kernels::MAX_SLOTS as i64).map(|n| n as usize)
}

/// As [`crate::settings`] bounds them.
fn threads() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u32).range(1..=1024).map(|n| n as usize)
}

fn pair(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let halves = text.split_once(',').and_then(|(p, n)| Some((number(p)?, number(n)?)));
    halves.ok_or_else(|| "two numbers with a comma between, as in 512,128".to_owned())
}

/// Respells llama-bench's flags of several letters for clap. Only for `bench`, whose files' names
/// are left alone.
pub fn spelled(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const SPELLINGS: [(&str, &str); 4] =
        [("-ub", "--ubatch"), ("-pg", "--pg"), ("-ngl", "--gpu-layers"), ("-ctk", "--kv")];
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|command| command == "bench") {
        for arg in args.iter_mut().skip(2) {
            if let Some((_, long)) = SPELLINGS.iter().find(|(short, _)| arg == short) {
                *arg = (*long).into();
            }
        }
    }
    args
}
