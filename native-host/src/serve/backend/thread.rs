//! An engine on a thread of its own: opens the files, loads the weights, serves until unloaded.
//!
//! Everything of a model that is not `Send` (player, session, graphics device) lives and dies on
//! that thread. What the router needs beside it, the text side, is made there too, because reading
//! a large vocabulary takes as long as some answers.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use api::host::{LoadError, LoadSpec, Memory, RunnerInfo};
use engine::{Opened, Session, actor};
use futures_channel::oneshot;
use gguf::Gguf;
use hosting::runner::{EnginePort, Loaded, TextHost, TextSide, line};
use kernels::{MAX_SLOTS, Plan, PlayerConfig, PlayerError};

use super::estimate::{Estimate, HOST_SHARE, Place, estimate};
use super::settings::BackendSettings;
use crate::args::{Device, LoadArgs};
use crate::failure::Failure;
use crate::{import, load, settings, source};

/// Stack of an engine's thread: what a main thread has, since the same code runs there.
const STACK_BYTES: usize = 8 << 20;
/// Least context that makes sense: a token of prompt, and one of answer.
const MIN_N_CTX: usize = 2;
/// More threads than any machine has.
const MAX_THREADS: u32 = 1024;

/// The text side's clock and chance.
const TEXT_HOST: TextHost = TextHost { now_local: load::now_local, entropy: load::entropy };

/// What is to be loaded.
pub struct Job {
    /// As the router asked.
    pub spec: LoadSpec,
    /// The files of weights.
    pub paths: Vec<PathBuf>,
    /// The files of adapters, which are merged into them.
    pub adapters: Vec<PathBuf>,
    /// What the request does not say.
    pub settings: BackendSettings,
    /// Where models go on this machine.
    pub place: Place,
}

impl Job {
    /// The model, with its adapters in it.
    fn open(&self) -> Result<Gguf, LoadError> {
        let gguf = source::open_files(&self.paths, Path::new(&self.spec.name)).map_err(failed)?;
        import::with_adapters(gguf, &self.adapters).map_err(failed)
    }

    /// Header and Plan of the files.
    pub fn plan(&self) -> Result<Plan, LoadError> {
        let gguf = self.open()?;
        Ok(model::build(&gguf).map_err(|error| failed(engine::Error::from(error).into()))?.plan)
    }

    /// What it takes.
    pub fn estimate(&self, plan: &Plan) -> Estimate {
        estimate(plan, &self.config(plan), self.place, self.spec.num_gpu)
    }

    /// What its player is made with. A context beyond what the model was trained for is no use to
    /// anybody, whoever asks for it.
    fn config(&self, plan: &Plan) -> PlayerConfig {
        let n_ctx = self.spec.num_ctx.map_or(self.settings.num_ctx, |n| n as usize);
        PlayerConfig {
            n_ctx: n_ctx.min(plan.dims.n_ctx_train).max(MIN_N_CTX),
            n_slots: self.spec.slots.clamp(1, MAX_SLOTS),
            kv: settings::kv_type(self.settings.kv),
            n_threads: self.spec.num_thread.unwrap_or(0).min(MAX_THREADS) as usize,
        }
    }

    fn args(&self, estimate: &Estimate) -> LoadArgs {
        let device = self.settings.device;
        let on_cpu = matches!(device, Device::Cpu | Device::Reference);
        let gpu_layers = estimate.gpu_layers.filter(|_| !on_cpu);
        LoadArgs { device, gpu_layers, threads: None, ctx: None, kv: self.settings.kv }
    }
}

/// A load under way. Dropping it ends the load.
pub struct Loading {
    result: oneshot::Receiver<Result<Loaded, LoadError>>,
    signal: Arc<Signal>,
}

/// Between the load's thread and whoever waits for it.
#[derive(Default)]
struct Signal {
    is_cancelled: AtomicBool,
    /// Moves with every piece that was read.
    n_bytes: AtomicU64,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.signal.is_cancelled.store(true, Ordering::Relaxed);
    }
}

impl Loading {
    /// Starts a thread for the job.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(job: Job) -> Result<Loading, LoadError> {
        let (sender, result) = oneshot::channel();
        let signal = Arc::new(Signal::default());
        let other_end = Arc::clone(&signal);
        let thread = std::thread::Builder::new().name("engine".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || serve(&job, sender, &other_end)).map_err(|error| {
            let what = "no thread could be started for the model";
            LoadError::Failed(format!("{what} ({error}); unload another model"))
        })?;
        Ok(Loading { result, signal })
    }

    /// Waits until the model is there, or for `patience` without progress.
    pub async fn finish(mut self, patience: Option<Duration>) -> Result<Loaded, LoadError> {
        let mut seen = 0;
        loop {
            let result = match patience {
                None => (&mut self.result).await,
                Some(patience) => match tokio::time::timeout(patience, &mut self.result).await {
                    Ok(result) => result,
                    Err(_) => {
                        let n_bytes = self.signal.n_bytes.load(Ordering::Relaxed);
                        if n_bytes > seen {
                            seen = n_bytes;
                            continue;
                        }
                        return Err(LoadError::Failed(format!(
                            "loading the model made no progress for {} s and was given up; check \
                             the disk, or set OLLAMA_LOAD_TIMEOUT",
                            patience.as_secs()
                        )));
                    }
                },
            };
            return result.unwrap_or_else(|_| {
                let said =
                    "the engine stopped while it was loading the model; see the server's log";
                Err(LoadError::Failed(said.to_owned()))
            });
        }
    }
}

/// All of an engine's life.
fn serve(job: &Job, sender: oneshot::Sender<Result<Loaded, LoadError>>, signal: &Signal) {
    let (session, text, info) = match load_model(job, signal) {
        Ok(loaded) => loaded,
        Err(error) => {
            let _ = sender.send(Err(error));
            return;
        }
    };
    let (line, mut port) = line();
    let (over, ended) = oneshot::channel();
    // Where nobody waits any more, the line is dropped here, and what was loaded with it.
    if sender.send(Ok(Loaded { line, text, info, ended })).is_ok() {
        run(session, &mut port);
    }
    drop(port);
    let _ = over.send(());
}

/// Serves, and frees the model.
fn run(session: Session, port: &mut EnginePort) {
    drop(pollster::block_on(actor::run(session, port)));
}

type Parts = (Session, Arc<TextSide>, RunnerInfo);

fn load_model(job: &Job, signal: &Signal) -> Result<Parts, LoadError> {
    let opened = engine::open(job.open()?).map_err(|error| failed(error.into()))?;
    let text = TextSide::new(&opened, TEXT_HOST)
        .map_err(|error| failed(engine::Error::from(error).into()))?;
    let estimate = job.estimate(&opened.model.plan);
    let mut session = load_weights(job, opened, &estimate, signal)?;
    session.set_batch(job.spec.num_batch.map(|n| n as usize));
    let info = RunnerInfo {
        memory: memory_of(&session, job.place, &estimate),
        num_ctx: session.n_ctx(),
        n_vocab: session.model_info().dims.n_vocab,
        n_slots: session.n_slots(),
    };
    Ok((session, Arc::new(text), info))
}

fn load_weights(
    job: &Job,
    opened: Opened,
    estimate: &Estimate,
    signal: &Signal,
) -> Result<Session, LoadError> {
    let (config, args) = (job.config(&opened.model.plan), job.args(estimate));
    load::load_with(opened, &args, config, |done, _| {
        signal.n_bytes.store(done, Ordering::Relaxed);
        match signal.is_cancelled.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })
    .map_err(failed)
}

/// What its player holds; of a split one the estimate knows which part is where.
fn memory_of(session: &Session, place: Place, estimate: &Estimate) -> Memory {
    let info = session.player_info();
    let total = info.weight_bytes + info.kv_bytes + info.scratch_bytes;
    match (info.device.as_str(), place) {
        ("gpu", Place::Device { .. }) => Memory { host: HOST_SHARE, device: total },
        ("cpu+gpu", Place::Device { .. }) => estimate.memory,
        _ => Memory { host: total, device: 0 },
    }
}

fn failed(failure: Failure) -> LoadError {
    let text = failure.to_string();
    match failure {
        Failure::Engine(engine::Error::Player(PlayerError::Memory { .. })) => {
            LoadError::Memory(text)
        }
        _ => LoadError::Failed(text),
    }
}
