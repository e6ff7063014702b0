//! The command: what is typed after `ingle serve`, over what the environment says.

use std::path::PathBuf;

use api::host::Host;
use clap::Args;
use tracing::level_filters::LevelFilter;

use super::address::HostAddress;
use super::error::ServeError;
use super::settings::Settings;
use super::{Build, listen, run, signals};

/// Arguments of `ingle serve`.
#[derive(Args, Debug, Default)]
#[command(
    after_help = "The variables OLLAMA_HOST, OLLAMA_MODELS, OLLAMA_ORIGINS, OLLAMA_KEEP_ALIVE and \
    others mean what\nthey mean to Ollama; INGLE_TOKEN asks clients for a token, INGLE_HOSTS names \
    this machine.\n\nExamples:\n  \
    ingle serve\n  \
    ingle serve --host 0.0.0.0:8080\n  \
    ingle serve --host 0.0.0.0 --registry      other machines pull from here"
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
}

impl ServeArgs {
    /// What is typed goes before what the environment says.
    pub fn over(self, mut settings: Settings) -> Settings {
        settings.address = self.host.unwrap_or(settings.address);
        settings.page = self.page.or(settings.page);
        settings.registry |= self.registry;
        settings
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`ServeError`] of the start.
pub fn serve<H: Host>(args: ServeArgs, build: impl Build<H>) -> Result<(), ServeError> {
    let settings = args.over(Settings::from_env()?);
    start_log(settings.log_level);
    let (listener, address) = listen::listen(&settings.address)?;
    let ready = || {
        tracing::info!("listening on {address} (version {})", env!("CARGO_PKG_VERSION"));
        if !settings.address.is_loopback() && settings.token.is_none() {
            tracing::warn!(
                "every machine that reaches this address may use the models; set INGLE_TOKEN to \
                 ask for a token"
            );
        }
    };
    run(listener, &settings, build, ready, signals::stopped())
}

/// Lines on standard error. Only one part of the program may say where logs go; if that was done
/// before, it stays so.
fn start_log(level: LevelFilter) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    log.try_init().ok();
}
