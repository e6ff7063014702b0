//! The flags of `doctor`.

use clap::Args;

use super::Format;

#[derive(Args)]
#[command(after_help = "Exit code 10 if something does not work.\n\nExamples:\n  ingle doctor\n  \
    ingle doctor --format json")]
pub struct DoctorArgs {
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
