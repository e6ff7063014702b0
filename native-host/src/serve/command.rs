//! The command: what is typed after `ingle serve`, over what the environment says.

use std::path::PathBuf;

use api::host::Host;
use clap::Args;

use super::address::HostAddress;
use super::error::ServeError;
use super::settings::Settings;
use super::{Build, listen, log, run, signals};

/// Arguments of `ingle serve`.
#[derive(Args, Debug, Default)]
#[command(
    after_help = "The variables OLLAMA_HOST, OLLAMA_MODELS, OLLAMA_ORIGINS, OLLAMA_KEEP_ALIVE and \
    others mean what\nthey mean to Ollama; INGLE_TOKEN asks clients for a token, INGLE_HOSTS names \
    this machine.\n\nExamples:\n  \
    ingle serve\n  \
    INGLE_TOKEN=secret ingle serve --host 0.0.0.0:8080\n  \
    ingle serve --host 0.0.0.0 --no-token --registry      other machines pull from here"
)]
pub struct ServeArgs {
    /// Where to listen: host, host:port or :port [default: OLLAMA_HOST, else 127.0.0.1:11434]
    #[arg(long, value_name = "HOST", value_parser = HostAddress::parse)]
    pub host: Option<HostAddress>,
    /// Let other machines pull the models stored here, read-only, under /v2/
    #[arg(long)]
    pub registry: bool,
    /// Serve the built chat page in this folder at / instead of the program's own
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// Let everyone who reaches an address that is not this machine's alone use the models
    #[arg(long)]
    pub no_token: bool,
}

impl ServeArgs {
    /// What is typed goes before what the environment says.
    pub fn over(self, mut settings: Settings) -> Settings {
        settings.address = self.host.unwrap_or(settings.address);
        settings.page = self.page.or(settings.page);
        settings.registry |= self.registry;
        settings.is_open |= self.no_token;
        settings
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`ServeError`] of the start.
pub fn serve<H: Host>(args: ServeArgs, build: impl Build<H>) -> Result<(), ServeError> {
    let settings = args.over(Settings::from_env()?);
    settings.check_open()?;
    log::start(settings.log_level);
    let (listener, address) = listen::listen(&settings.address)?;
    let ready = || {
        tracing::info!("listening on {address} (version {})", env!("CARGO_PKG_VERSION"));
        if !settings.address.is_loopback() && settings.token.is_none() {
            tracing::warn!(
                "every machine that reaches this address may use the models without a token"
            );
        }
    };
    run(listener, &settings, build, ready, signals::stopped())
}
