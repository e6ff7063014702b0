//! What the environment says about a server: Ollama's variables, and ours where Ollama has none.
//!
//! Every value is read once, at the start, and a value that means nothing ends it with a sentence
//! that names the variable: a server that starts with other settings than those written down is
//! found out too late. Variables of Ollama that choose among its own libraries are not read, and
//! `OLLAMA_MODELS` is the library's to read, for commands without a server too.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use api::http::access::AccessSettings;
use api::http::{HostPolicy, OriginPolicy};
use api::scheduler::{DEFAULT_MAX_LOADED, DEFAULT_MAX_QUEUE, SchedulerSettings};
use api::types::{KeepAlive, parse_duration};
use kernels::KvType;
use tracing::level_filters::LevelFilter;

use super::address::HostAddress;
use super::error::ServeError;

/// Most requests that may wait: above it the memory of their bodies would be the limit.
const MAX_QUEUE: usize = 65_536;
/// Models in memory at a time; each has threads of its own.
const MAX_LOADED: usize = 64;
/// Ollama's wait for a load that makes no progress.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A variable whose value means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is '{value}', but {wanted}; correct it or unset it")]
pub struct BadVariable {
    name: &'static str,
    value: String,
    wanted: String,
}

/// How a server behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where it listens. `OLLAMA_HOST`, `--host`.
    pub address: HostAddress,
    /// Comma list of pages that may ask besides Ollama's. `OLLAMA_ORIGINS`.
    pub origins: String,
    /// Names besides `localhost` that `Host` may have, such as this machine's in its network.
    /// `INGLE_HOSTS`, a comma list.
    pub hosts: Vec<String>,
    /// What clients must send as their bearer token. `INGLE_TOKEN`.
    pub token: Option<String>,
    /// Whether a server that others reach may do without a token. `INGLE_NO_TOKEN`, `--no-token`.
    pub is_open: bool,
    /// How long models stay, how many, and how many wait. `OLLAMA_KEEP_ALIVE`,
    /// `OLLAMA_MAX_LOADED_MODELS`, `OLLAMA_MAX_QUEUE`.
    pub scheduler: SchedulerSettings,
    /// Sequences at a time per model. `OLLAMA_NUM_PARALLEL`.
    pub num_parallel: usize,
    /// Context in tokens where neither request nor model says. `OLLAMA_CONTEXT_LENGTH`.
    pub num_ctx: Option<u32>,
    /// Numbers of the cache; `None`: the backend's choice. `OLLAMA_KV_CACHE_TYPE`.
    pub kv: Option<KvType>,
    /// Keep blobs that nothing names. `OLLAMA_NOPRUNE`.
    pub keep_unused: bool,
    /// How long a load may stand still; `None` is for ever. `OLLAMA_LOAD_TIMEOUT`.
    pub load_timeout: Option<Duration>,
    /// Answer `/metrics`. `INGLE_METRICS`.
    pub metrics: bool,
    /// Answer `/v2/` from the store. `INGLE_REGISTRY`, `--registry`.
    pub registry: bool,
    /// Folder of the chat page; `None`: the program's own. `INGLE_PAGE`, `--page`.
    pub page: Option<PathBuf>,
    /// What is logged. `OLLAMA_DEBUG`: off, on, or 2 for all.
    pub log_level: LevelFilter,
}

impl Settings {
    /// What this process's environment says.
    ///
    /// # Errors
    /// [`BadVariable`] for the first one that means nothing.
    pub fn from_env() -> Result<Settings, BadVariable> {
        Settings::read(&Variables(&|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        }))
    }

    /// What an environment without any of them says.
    #[cfg(test)]
    pub fn bare() -> Settings {
        Settings::read(&Variables(&|_| None)).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn read(from: &Variables<'_>) -> Result<Settings, BadVariable> {
        let address = from.parsed("OLLAMA_HOST", HostAddress::parse)?.unwrap_or_default();
        let max_queue = from.number("OLLAMA_MAX_QUEUE", 1, MAX_QUEUE)?;
        let max_loaded = from.number("OLLAMA_MAX_LOADED_MODELS", 0, MAX_LOADED)?;
        let num_parallel = from.number("OLLAMA_NUM_PARALLEL", 0, kernels::MAX_SLOTS)?;
        let num_ctx = from.number("OLLAMA_CONTEXT_LENGTH", 0, api::limits::MAX_NUM_CTX)?;
        let scheduler = SchedulerSettings {
            max_queue: max_queue.unwrap_or(DEFAULT_MAX_QUEUE),
            max_loaded: max_loaded.filter(|&n| n > 0).unwrap_or(DEFAULT_MAX_LOADED),
            keep_alive: from.parsed("OLLAMA_KEEP_ALIVE", keep_alive)?.unwrap_or(KeepAlive::DEFAULT),
        };
        let level = from.parsed("OLLAMA_DEBUG", log_level)?;
        Ok(Settings {
            address,
            origins: from.text("OLLAMA_ORIGINS").unwrap_or_default(),
            hosts: from.list("INGLE_HOSTS"),
            token: from.text("INGLE_TOKEN"),
            is_open: from.flag("INGLE_NO_TOKEN")?,
            scheduler,
            num_parallel: num_parallel.filter(|&n| n > 0).unwrap_or(1),
            num_ctx: num_ctx.filter(|&n| n > 0),
            kv: from.parsed("OLLAMA_KV_CACHE_TYPE", kv_type)?,
            keep_unused: from.flag("OLLAMA_NOPRUNE")?,
            load_timeout: from
                .parsed("OLLAMA_LOAD_TIMEOUT", load_timeout)?
                .unwrap_or(Some(LOAD_TIMEOUT)),
            metrics: from.flag("INGLE_METRICS")?,
            registry: from.flag("INGLE_REGISTRY")?,
            page: from.text("INGLE_PAGE").map(PathBuf::from),
            log_level: level.unwrap_or(LevelFilter::INFO),
        })
    }

    /// Refuses to be reached by others without a word about who may: hundreds of thousands of
    /// servers stand open because a variable was copied from somewhere.
    ///
    /// # Errors
    /// [`ServeError::Open`].
    pub fn check_open(&self) -> Result<(), ServeError> {
        match self.address.is_loopback() || self.token.is_some() || self.is_open {
            true => Ok(()),
            false => Err(ServeError::Open(self.address.clone())),
        }
    }

    /// The router's part of it.
    pub fn router(&self) -> api::Settings {
        let mut names = self.hosts.clone();
        let hosts = match self.address.is_loopback() {
            true => HostPolicy::loopback(names),
            false => {
                names.push(self.address.host.clone());
                HostPolicy::network(names)
            }
        };
        let access = AccessSettings {
            hosts: Some(hosts),
            origins: OriginPolicy::ollama(&self.origins),
            json_from_all: false,
            token: self.token.clone(),
        };
        api::Settings {
            num_parallel: self.num_parallel,
            num_ctx: self.num_ctx,
            metrics: self.metrics,
            scheduler: self.scheduler.clone(),
            ..api::Settings::new(env!("CARGO_PKG_VERSION"), access)
        }
    }
}

/// Where variables come from: the environment, or a test's table.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// A value without the spaces and quotes that files of variables leave around it; `None` if
    /// it is empty.
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadVariable> {
        let Some(value) = self.text(name) else { return Ok(None) };
        parse(&value).map(Some).map_err(|wanted| BadVariable { name, value, wanted })
    }

    fn number<N: FromStr + PartialOrd + Copy + std::fmt::Display>(
        &self,
        name: &'static str,
        least: N,
        most: N,
    ) -> Result<Option<N>, BadVariable> {
        self.parsed(name, |text| {
            let number = text.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("it must be a whole number from {least} to {most}"))
        })
    }

    fn flag(&self, name: &'static str) -> Result<bool, BadVariable> {
        let parse = |text: &str| truth(text).ok_or_else(|| "it must be 1 or 0".to_owned());
        Ok(self.parsed(name, parse)?.unwrap_or(false))
    }
}

/// Go's words for true and false.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn keep_alive(text: &str) -> Result<KeepAlive, String> {
    KeepAlive::parse(text)
        .map_err(|_| "it must be seconds or a duration such as 10m or -1".to_owned())
}

/// Zero and less are for ever, as Ollama has it.
fn load_timeout(text: &str) -> Result<Option<Duration>, String> {
    let seconds = text.parse::<i64>().ok();
    let span = match seconds {
        Some(seconds) => (seconds < 0, Duration::from_secs(seconds.unsigned_abs())),
        None => parse_duration(text)
            .map_err(|_| "it must be seconds or a duration such as 5m".to_owned())?,
    };
    Ok((!span.0 && !span.1.is_zero()).then_some(span.1))
}

fn kv_type(text: &str) -> Result<KvType, String> {
    match text.to_ascii_lowercase().as_str() {
        "f32" => Ok(KvType::F32),
        "f16" => Ok(KvType::F16),
        "q8_0" => Ok(KvType::Q8_0),
        _ => Err("it must be f32, f16 or q8_0".to_owned()),
    }
}

fn log_level(text: &str) -> Result<LevelFilter, String> {
    match (text, truth(text)) {
        ("2", _) => Ok(LevelFilter::TRACE),
        (_, Some(true)) => Ok(LevelFilter::DEBUG),
        (_, Some(false)) => Ok(LevelFilter::INFO),
        _ => Err("it must be 0, 1 or 2".to_owned()),
    }
}

#[cfg(test)]
mod tests;
