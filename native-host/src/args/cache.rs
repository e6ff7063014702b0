//! The flags of `ingle cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

const HELP: &str = "\
What `ingle quantize --analyze` measures is kept in a database in your folder for caches, by the
model's SHA-256, the text and the settings: a changed model is measured again. A file of `export`
can be carried to a machine without a network, or to one that should not spend the hours again.

Examples:
  ingle cache list
  ingle cache export measured.sqlite
  ingle cache import measured.sqlite
  ingle cache clear";

#[derive(Args)]
#[command(after_help = HELP)]
pub struct CacheArgs {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Subcommand)]
pub enum CacheCommand {
    /// List what is kept
    #[command(visible_alias = "ls")]
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write all of it to a file
    Export {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Add what is in a file of `export`
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Forget all of it
    Clear,
}
