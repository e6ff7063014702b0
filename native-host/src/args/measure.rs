//! The flags of `ingle perplexity` and `ingle imatrix`, named as llama.cpp's tools name them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Format, LoadArgs};

/// Tokens of a window where nobody says how many: what published numbers are measured with.
pub const DEFAULT_CTX: usize = 512;

/// A text, and how it is cut.
#[derive(Args, Clone, Debug)]
pub struct TextArgs {
    /// The text; - for standard input. A line break at its end does not count
    #[arg(short = 'f', long = "file", value_name = "TEXT")]
    pub text: Option<PathBuf>,
    /// Windows to read at most [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    pub chunks: Option<usize>,
    /// Read the text of special tokens as these tokens
    #[arg(long)]
    pub parse_special: bool,
}

const PERPLEXITY_HELP: &str = "\
The text is cut into windows of --ctx tokens (512 if nothing is said). Of each the second half is
scored: how probable did the model find the token that stands there? Perplexity is exp of the mean
surprise, and among how many tokens the model hesitates, as it were; lower is better. Compare it
only between models with the same tokens, on the same text, with the same --ctx.

--kl-divergence-base FILE writes the log-probabilities of all scored places, usually those of the
F16 model (two bytes for each token of the vocabulary and place: 65 MB a window for Llama 3). With
--kl-divergence the model is compared with them: how far are its answers from the base's?
The file's format is llama.cpp's, and so are the numbers.

Examples:
  ingle perplexity model-Q4_K_M.gguf -f text.txt
  ingle perplexity model-F16.gguf -f text.txt --chunks 16 --kl-divergence-base base.kld
  ingle perplexity model-Q4_K_M.gguf --kl-divergence --kl-divergence-base base.kld
  ingle perplexity model.gguf -f text.txt -c 2048 --device gpu --format json";

#[derive(Args)]
#[command(after_help = PERPLEXITY_HELP)]
pub struct PerplexityArgs {
    /// The model: a file (the first of a split one), or a stored name
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    #[command(flatten)]
    pub text: TextArgs,
    /// Tokens from one window to the next [default: all of a window]
    #[arg(long, alias = "ppl-stride", value_name = "N", value_parser = at_least_one())]
    pub stride: Option<usize>,
    /// File of the base's log-probabilities: written, or with --kl-divergence read
    #[arg(long, value_name = "FILE", conflicts_with = "stride")]
    pub kl_divergence_base: Option<PathBuf>,
    /// Compare with the base in --kl-divergence-base, whose text is in that file
    #[arg(long, requires = "kl_divergence_base", conflicts_with = "text")]
    pub kl_divergence: bool,
    #[command(flatten)]
    pub load: LoadArgs,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How an importance matrix is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ImatrixFormat {
    /// A GGUF with sums and counts
    #[default]
    Gguf,
    /// The bare list older programs read
    Dat,
}

const IMATRIX_HELP: &str = "\
For each matrix of the model's layers: the squares of what it is multiplied with, summed by column
over a text. `ingle quantize --imatrix FILE` then rounds those columns most carefully that matter
most. The text should be like what the model will be asked; some 100 windows are enough. Measure the
F16 model, or one with 8 bits. It is measured on the CPU, with --device gpu on the graphics chip.

OUT is written anew every --save-frequency windows and when Ctrl-C stops the measurement; --resume
goes on where OUT ends. The cache is F32 unless --kv says otherwise, so that the sums are those of
the model alone. Files of several texts or machines add up with --in-file.

--show-statistics prints what files say instead, as llama-imatrix does: of the mean squares of each
tensor's columns their sum, least, most, mean and standard deviation, the share of columns above
1e-5, their entropy in bits and as a share of that of even ones, the share of columns more than a
standard deviation above the mean (ZD), and how like they are to those of the layer before (cosine).

Examples:
  ingle imatrix model-F16.gguf -f text.txt -o model.imatrix.gguf
  ingle imatrix model-F16.gguf -f text.txt -o model.imatrix.gguf --resume
  ingle imatrix model-F16.gguf -f more.txt -o both.gguf --in-file model.imatrix.gguf
  ingle imatrix -o both.dat --in-file a.gguf --in-file b.gguf --output-format dat
  ingle imatrix --in-file model.imatrix.gguf --show-statistics";

#[derive(Args)]
// Rounding keys and values to F16 moves sums by up to 7e-4; the cache is small beside the weights.
#[command(after_help = IMATRIX_HELP, mut_arg("kv", |kv| kv.default_value("f32")))]
pub struct ImatrixArgs {
    /// The model: a file (the first of a split one), or a stored name; not needed to combine files
    #[arg(value_name = "MODEL", requires = "text")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub text: TextArgs,
    /// The file to write
    #[arg(short = 'o', long, value_name = "OUT", required_unless_present = "show_statistics")]
    pub output: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    pub output_format: ImatrixFormat,
    /// An importance matrix to add, in either format; may be given several times
    #[arg(long, value_name = "FILE")]
    pub in_file: Vec<PathBuf>,
    /// Say what the files of --in-file have in them, and write nothing
    #[arg(long, requires = "in_file", conflicts_with_all = ["model", "text", "output"])]
    pub show_statistics: bool,
    /// Windows to leave out at the beginning of the text
    #[arg(long, alias = "chunk", value_name = "N", default_value_t = 0)]
    pub from_chunk: usize,
    /// Go on where OUT ends, if it exists
    #[arg(long, requires = "model", conflicts_with = "from_chunk")]
    pub resume: bool,
    /// Windows between two times that OUT is written
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one())]
    pub save_frequency: usize,
    /// Measure what output.weight is multiplied with, too
    #[arg(long)]
    pub process_output: bool,
    /// Do not score the text beside, which costs the time of the head
    #[arg(long)]
    pub no_ppl: bool,
    #[command(flatten)]
    pub load: LoadArgs,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

fn at_least_one() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u32).range(1..).map(|n| n as usize)
}
