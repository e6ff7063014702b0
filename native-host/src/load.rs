//! From a path to a loaded model: file, device, weights, with a bar and Ctrl-C.

use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use engine::{Env, Opened, Session};
use kernels::PlayerConfig;

use crate::args::LoadArgs;
use crate::device::Target;
use crate::failure::Failure;
use crate::progress::LoadBar;
use crate::{container, interrupt, settings, source, term};

/// Understands the file at `path`.
pub fn open(path: &Path) -> Result<Opened, Failure> {
    let gguf = source::open(path)?;
    engine::open(gguf).map_err(|error| Failure::model(path, error))
}

/// Loads the model at `path` as the flags say.
pub fn load(path: &Path, args: &LoadArgs) -> Result<Session, Failure> {
    let opened = open(path)?;
    let config = settings::player_config(args, &opened)?;
    load_opened(opened, args, config)
}

/// Loads an opened model.
pub fn load_opened(
    opened: Opened,
    args: &LoadArgs,
    config: PlayerConfig,
) -> Result<Session, Failure> {
    interrupt::listen();
    let mut bar = LoadBar::new();
    load_with(opened, args, config, |done, total| {
        bar.update(done, total);
        if interrupt::pending() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

/// As [`load_opened`], for whoever shows the progress elsewhere.
pub fn load_with(
    opened: Opened,
    args: &LoadArgs,
    config: PlayerConfig,
    progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Session, Failure> {
    if let Some(limit) = container::memory_limit() {
        cpu::limit_memory(limit);
    }
    let target = Target::choose(args)?;
    let make = |plan: &_, config| target.loader(plan, config);
    let session = pollster::block_on(opened.load(config, make, env(), progress))?;
    target.remember();
    Ok(session)
}

/// A device for a model that is loaded again and again.
pub struct Again {
    target: Target,
    config: PlayerConfig,
}

impl Again {
    /// On the device the flags ask for.
    pub fn new(args: &LoadArgs, config: PlayerConfig) -> Result<Again, Failure> {
        if let Some(limit) = container::memory_limit() {
            cpu::limit_memory(limit);
        }
        Ok(Again { target: Target::choose(args)?, config })
    }

    /// Loads it; Ctrl-C ends that.
    pub async fn load(&self, opened: Opened) -> Result<Session, engine::Error> {
        let make = |plan: &_, config| self.target.loader(plan, config);
        let stop = |_, _| match interrupt::pending() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        opened.load(self.config, make, env(), stop).await
    }
}

/// The machine's clock and chance.
fn env() -> Env {
    let start = Instant::now();
    Env {
        now_ms: Box::new(move || start.elapsed().as_secs_f64() * 1000.0),
        now_local: Box::new(now_local),
        entropy: Box::new(|| entropy() as u32),
        pause: None,
    }
}

/// Local wall-clock time.
pub fn now_local() -> chat::Moment {
    use chrono::{Datelike, Timelike};
    let now = chrono::Local::now();
    chat::Moment {
        year: now.year(),
        month: now.month(),
        day: now.day(),
        hour: now.hour(),
        minute: now.minute(),
        second: now.second(),
    }
}

/// Another number each time. The standard library seeds its hash maps from the system; a seed of
/// text needs no more.
pub fn entropy() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// One line about what was loaded and where it runs.
pub fn describe(session: &Session) -> String {
    let (model, player) = (session.model_info(), session.player_info());
    let name = model.name.as_deref().unwrap_or(&model.architecture);
    format!(
        "{}  {} parameters, {} · {} tokens of context · {}",
        term::clean(name),
        term::count(model.n_params),
        model.main_type,
        session.n_ctx(),
        player.name
    )
}
