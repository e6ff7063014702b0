//! The flags of `ingle run` and `ingle show`, which take a file or the name of a stored model.

use std::path::PathBuf;

use clap::Args;

use super::{Format, LoadArgs};

#[derive(Args)]
#[command(
    after_help = "Without a prompt, and without piped input, a chat begins: /help lists its \
    commands.\nA path (with a slash, or ending in .gguf) is a file and runs in this process. \
    Anything else\nis a stored model and runs in the server at OLLAMA_HOST; it is fetched if it \
    is not there.\nA file without a chat template continues the prompt as it is.\n\nExamples:\n  \
    ingle run model.gguf\n  \
    ingle run llama3.2:1b \"why is the sky blue\" --verbose\n  \
    ingle run model.gguf \"why is the sky blue\" --temperature 0\n  \
    ingle run model.gguf \"Once upon a time\" --raw -n 64\n  \
    cat notes.txt | ingle run model.gguf \"summarize this\" --ctx 8192\n  \
    ingle run model.gguf \"hello\" --format json\n  \
    ingle run bge-small.gguf \"a text to embed\" --dimensions 256"
)]
pub struct RunArgs {
    /// A stored model, or a GGUF file (the first part of a split one)
    #[arg(value_name = "MODEL")]
    pub file: PathBuf,
    /// The prompt; piped input comes before it
    pub prompt: Vec<String>,
    #[command(flatten)]
    pub load: LoadArgs,
    /// Tokens to write at most [default: until the context is full]
    #[arg(short = 'n', long = "max-tokens", value_name = "N", allow_negative_numbers = true)]
    pub n: Option<i64>,
    /// 0 always takes the most probable token [default: 0.8]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f32>,
    /// Choose among the K most probable tokens, 0 for all [default: 40]
    #[arg(long, value_name = "K")]
    pub top_k: Option<u32>,
    /// Choose among the most probable tokens that make up P [default: 0.9]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f32>,
    /// Drop tokens below P times the most probable one [default: 0]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub min_p: Option<f32>,
    /// Number the random choices start from [default: a new one every time]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub seed: Option<i64>,
    /// What the model is told before the conversation
    #[arg(long, value_name = "S")]
    pub system: Option<String>,
    /// Give the prompt to the model as it is, without its chat template
    #[arg(long)]
    pub raw: bool,
    /// Stop before this text (may be repeated)
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// Go on when the model ends its answer
    #[arg(long)]
    pub ignore_eos: bool,
    /// json: of a file, print the answer with its figures as JSON; of a stored model, let it
    /// answer in JSON
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Print device and speed on standard error
    #[arg(long, short = 'v')]
    pub verbose: bool,
    #[command(flatten)]
    pub embed: EmbedArgs,
    #[command(flatten)]
    pub stored: StoredArgs,
}

/// Flags of models that make vectors of texts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Embedding models")]
pub struct EmbedArgs {
    /// Cut a text that is longer than the context, or (=false) refuse it [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub truncate: Option<bool>,
    /// Print so many numbers of the vector, scaled to length 1 [default: all]
    #[arg(long, value_name = "N")]
    pub dimensions: Option<u32>,
}

/// Flags that mean something for stored models only.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Stored models")]
pub struct StoredArgs {
    /// How long the model stays in memory afterwards: 10m, 1h30m, 0, -1 for ever
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub keepalive: Option<String>,
    /// Allow http while the model is fetched
    #[arg(long)]
    pub insecure: bool,
    /// Do not break lines at words
    #[arg(long)]
    pub nowordwrap: bool,
    /// Let the model think first, or (=false) not: true, false, low, medium, high
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub think: Option<String>,
    /// Do not show what it thinks
    #[arg(long)]
    pub hidethinking: bool,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ingle show llama3.2:1b\n  ingle show llama3.2:1b --modelfile\n  \
    ingle show model.gguf\n  ingle show model.gguf --tensors\n  \
    ingle show model.gguf --format json"
)]
pub struct ShowArgs {
    /// A stored model, or a GGUF file (the first part of a split one)
    #[arg(value_name = "MODEL")]
    pub file: PathBuf,
    /// List every tensor with its type and shape
    #[arg(long)]
    pub tensors: bool,
    /// Say whether it can run on this machine, with numbers; MODEL may also be the name of a model
    /// that is not here, or the address of a file: its first megabytes are fetched
    #[arg(long, conflicts_with_all = ["tensors", "text"])]
    pub fit: bool,
    /// With --fit: tokens of context, instead of what the model was made for (at most 4096)
    #[arg(long, value_name = "TOKENS", requires = "fit")]
    pub ctx: Option<usize>,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    #[command(flatten)]
    pub stored: ShowStoredArgs,
}

/// What `show` prints of a stored model; at most one of the texts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Stored models")]
pub struct ShowStoredArgs {
    /// Print the license
    #[arg(long, group = "text")]
    pub license: bool,
    /// Print the Modelfile
    #[arg(long, group = "text")]
    pub modelfile: bool,
    /// Print the parameters
    #[arg(long, group = "text")]
    pub parameters: bool,
    /// Print the template
    #[arg(long, group = "text")]
    pub template: bool,
    /// Print the system text
    #[arg(long, group = "text")]
    pub system: bool,
    /// All metadata and tensors too
    #[arg(long, short = 'v')]
    pub verbose: bool,
}
