//! The flags of `ingle quantize --analyze`, `--target-size` and `--max-kl`.
//!
//! As `--validate` a command of its own behind a flag of another one, see [`spelled`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use quant::TensorType;
use quantize::{FileType, Options};

use super::quantize::{DEFAULT_MEMORY, size, tensor_type};
use super::{Format, LoadArgs, TextArgs};

/// The types that are tried where nobody says which.
const DEFAULT_TYPES: &str = "Q2_K,Q3_K,Q4_K,Q5_K,Q6_K,Q8_0";

const HELP: &str = "\
A text is read with the model as it is. Then each tensor is rounded to each type: how far is what
it gives from what it gave? And the text is read again with one tensor rounded at a time: how far is
the model from itself (KL divergence)? With --kl probe (the default) that is one reading per tensor,
at the middle one of its types, and other types follow from the errors; with --kl each it is one per
tensor and type.
Without -f a text of ingle's own is read (small talk, stories, sums). The model is read on the CPU,
with --device gpu on the graphics chip.

--target-size and --max-kl choose a type for each tensor and write OUT (or beside IN); the text is
read once more with all of them. --max-kl is kept to as measured there. What was measured is kept
(`ingle cache`), so that another size is chosen in seconds.

Examples:
  ingle quantize model-F16.gguf --analyze --report report.html
  ingle quantize model-F16.gguf --target-size Q4_K_M
  ingle quantize model-F16.gguf small.gguf --target-size 4.5G --kl each -f text.txt
  ingle quantize model-F16.gguf --max-kl 0.02";

#[derive(Args)]
#[command(override_usage = "ingle quantize IN [OUT] --analyze [--target-size SIZE|--max-kl X]")]
#[command(after_help = HELP)]
pub struct AnalyzeArgs {
    /// The model: a file (the first of a split one), or a stored name
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub text: TextArgs,
    /// Types to choose from
    #[arg(long, value_name = "T,...", value_delimiter = ',', default_value = DEFAULT_TYPES)]
    #[arg(value_parser = tensor_type)]
    pub types: Vec<TensorType>,
    /// Divergences to measure
    #[arg(long, value_enum, default_value_t)]
    pub kl: KlArg,
    /// Write the best file of this size: 4.5G, or Q4_K_M for the size that mix would have
    #[arg(long, value_name = "SIZE", conflicts_with = "max_kl")]
    pub target_size: Option<Target>,
    /// Write the smallest file with this mean KL divergence in nats
    #[arg(long, value_name = "X", value_parser = positive)]
    pub max_kl: Option<f64>,
    /// Importance matrix of this model, instead of what the text says
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// Keep output.weight as it is
    #[arg(long)]
    pub leave_output_tensor: bool,
    /// Type of the token embeddings
    #[arg(long, value_name = "T", value_parser = tensor_type)]
    pub token_embedding_type: Option<TensorType>,
    /// Type of the head
    #[arg(long, value_name = "T", value_parser = tensor_type)]
    pub output_tensor_type: Option<TensorType>,
    /// Type of the tensors whose names the pattern finds; may be given several times
    #[arg(long, value_name = "REGEX=T", value_parser = quantize::tensor_type_override)]
    pub tensor_type: Vec<(regex_lite::Regex, TensorType)>,
    /// Write what was measured as one page with plots
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Choose and measure, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    pub force: bool,
    /// Neither look for what was measured before nor keep what is measured now
    #[arg(long)]
    pub no_cache: bool,
    /// Memory for buffers and answers, like 512M or 2G; the model comes on top
    #[arg(long, value_name = "SIZE", default_value = DEFAULT_MEMORY, value_parser = size)]
    pub max_memory: u64,
    #[command(flatten)]
    pub load: LoadArgs,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl AnalyzeArgs {
    /// What the recipe is to keep to beside the budget.
    pub fn options(&self) -> Options {
        Options {
            leave_output: self.leave_output_tensor,
            token_embedding_type: self.token_embedding_type,
            output_type: self.output_tensor_type,
            tensor_types: self.tensor_type.clone(),
            ..Options::new(FileType::Q4_K_M)
        }
    }

    /// Threads that round.
    pub fn n_threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.load.threads.unwrap_or_else(cores)
    }
}

/// Which divergences are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KlArg {
    /// One per tensor
    #[default]
    Probe,
    /// One per tensor and type
    Each,
    /// None: errors of the tensors alone
    None,
}

impl KlArg {
    /// The library's.
    pub fn mode(self) -> sensitivity::Kl {
        match self {
            KlArg::Probe => sensitivity::Kl::Probe,
            KlArg::Each => sensitivity::Kl::Each,
            KlArg::None => sensitivity::Kl::None,
        }
    }

    /// For people and keys.
    pub fn name(self) -> &'static str {
        match self {
            KlArg::Probe => "probe",
            KlArg::Each => "each",
            KlArg::None => "none",
        }
    }
}

/// A size that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Bytes of the file.
    Bytes(u64),
    /// As large as a fixed mix.
    As(FileType),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        match text.parse::<FileType>() {
            Ok(file_type) if file_type.base().block_len() > 1 => Ok(Target::As(file_type)),
            _ => size(text).map(Target::Bytes).map_err(|_| {
                "write it as a number with M or G behind it, or as a type like Q4_K_M".to_owned()
            }),
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("give a number above 0".to_owned()),
    }
}

/// Respells `quantize --analyze`, and `quantize` with a budget.
pub fn spelled(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_ours = |arg: &OsString| {
        let text = arg.to_str().unwrap_or_default();
        let name = text.split('=').next().unwrap_or_default();
        ["--analyze", "--target-size", "--max-kl"].contains(&name)
    };
    if args.get(1).is_some_and(|command| command == "quantize") && args.iter().any(is_ours) {
        args.retain(|arg| arg != "--analyze");
        if let Some(command) = args.get_mut(1) {
            *command = "analyze".into();
        }
    }
    args
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::args::{self, Command, parse_line};

    fn parsed(line: &str) -> AnalyzeArgs {
        args::parsed(line, |command| match command {
            Command::Analyze(args) => Some(args),
            _ => None,
        })
    }

    #[test]
    fn a_budget_makes_quantize_an_analysis() {
        let args = parsed("quantize in.gguf out.gguf --target-size=q4_k_m --kl each");
        assert_eq!(args.target_size, Some(Target::As(FileType::Q4_K_M)));
        assert_eq!((args.output, args.types.len()), (Some("out.gguf".into()), 6));
        let args = parsed("quantize in.gguf --analyze --types q4_k,q8_0 -f text.txt");
        assert_eq!(args.types, [TensorType::Q4_K, TensorType::Q8_0]);
        assert_eq!(parsed("quantize in.gguf --max-kl 0.02").max_kl, Some(0.02));
        for line in [
            "quantize in.gguf --target-size 4.5G --max-kl 0.1",
            "quantize in.gguf --target-size horse",
            "quantize in.gguf --target-size F16",
            "quantize in.gguf --max-kl 0",
            "quantize in.gguf --analyze --types Q9",
            "quantize in.gguf --analyze --kl all",
        ] {
            assert!(parse_line(line).is_err(), "{line}");
        }
        let validates = "quantize --validate --baseline a --quantized b --max-kl 0.1";
        assert!(matches!(parse_line(validates).unwrap(), Command::Validate(_)));
    }
}
