//! The flags of the commands on stored models: Ollama's names, and `--format` where data is
//! printed.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Args)]
#[command(
    after_help = "A tag often says the quantization. Q4_K_M is the usual one. Q5_K_M, Q6_K and \
    Q8_0 round\nweights 2, 4 and 14 times finer and are 13, 27 and 64 % larger (of a 1B \
    Llama); Q3_K_M rounds twice\nas coarsely and is 15 % smaller.\n\n\
    Examples:\n  ingle pull llama3.2:1b\n  \
    ingle pull hf.co/bartowski/SmolLM2-135M-Instruct-GGUF:Q4_K_M\n  \
    ingle pull --insecure localhost:5000/me/model"
)]
pub struct PullArgs {
    /// Name at the registry: [HOST/][NAMESPACE/]MODEL[:TAG]
    pub model: String,
    /// Allow http, and certificates nobody vouches for
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle push me/model\n  \
    ingle push --insecure localhost:5000/me/model")]
pub struct PushArgs {
    /// Name here and at the registry
    pub model: String,
    /// Allow http, and certificates nobody vouches for
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle list\n  ingle ls qwen\n  ingle list --format json")]
pub struct ListArgs {
    /// Only names that begin like this
    pub prefix: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle ps\n  ingle ps --format json")]
pub struct PsArgs {
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle stop llama3.2:1b")]
pub struct StopArgs {
    /// The model to take out of memory
    pub model: String,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle cp llama3.2:1b mine")]
pub struct CpArgs {
    /// The model
    pub source: String,
    /// Its second name
    pub destination: String,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle rm llama3.2:1b\n  ingle rm one two:8b")]
pub struct RmArgs {
    /// The models
    #[arg(required = true)]
    pub models: Vec<String>,
}

#[derive(Args)]
#[command(
    after_help = "FROM in the Modelfile is a stored model, a .gguf file or a folder with such \
    files; paths\nbegin at the Modelfile's folder.\n\nExamples:\n  ingle create mine\n  \
    ingle create mine -f path/to/Modelfile\n  \
    echo 'FROM ./model.gguf' | ingle create mine -f -"
)]
pub struct CreateArgs {
    /// Name of the new model
    pub model: String,
    /// The Modelfile; - for standard input
    #[arg(short = 'f', long, value_name = "FILE", default_value = "Modelfile")]
    pub file: PathBuf,
    /// Make the weights smaller: Q4_K_M, Q5_K_M, Q6_K, Q8_0, ... (from F16, BF16 or F32)
    #[arg(short = 'q', long, value_name = "TYPE")]
    pub quantize: Option<String>,
}

#[derive(Args)]
#[command(after_help = "The archive is a plain tar; `ingle load` stores it again, on another \
    machine too.\n\nExamples:\n  ingle save llama3.2:1b -o llama.tar\n  \
    ingle save llama3.2:1b | ssh other ingle load -")]
pub struct SaveArgs {
    /// The stored model
    pub model: String,
    /// Where to write; - for standard output [default: standard output, if it is no terminal]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle load llama.tar\n  ingle load llama.tar --name mine\n  \
    ssh other ingle save llama3.2:1b | ingle load -")]
pub struct LoadArchiveArgs {
    /// An archive of `ingle save`; - for standard input
    pub file: PathBuf,
    /// Store it under this name instead of its own
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Exit codes: 0 every byte is as it should be, 7 something is damaged or \
    missing.\n\nExamples:\n  ingle verify\n  ingle verify llama3.2:1b\n  \
    ingle verify --format json")]
pub struct VerifyArgs {
    /// One model [default: all]
    pub model: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  ingle completions bash > ~/.local/share/bash-completion/\
    completions/ingle\n  ingle completions zsh > ~/.zfunc/_ingle\n  \
    ingle completions fish > ~/.config/fish/completions/ingle.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
