//! Loaded models: engines on threads of their own, seen from the router's.
//!
//! [`NativeBackend`] says what a model will take and starts an engine for it; the router's view of
//! it is [`hosting::runner`]'s. An engine's life stands in `thread`.

mod estimate;
mod memory;
mod settings;
mod thread;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;

use api::host::{Backend, Format, LoadError, LoadSpec, Memory, RunError};
use store::{Digest, FsIo, StorePath};

use hosting::runner::{Aside, EngineRunner, FormCheck};
use memory::Budget;
use thread::{Job, Loading};

pub use settings::BackendSettings;

/// A loaded model, whose prompts are made on the runtime's threads for such things.
pub type NativeRunner = EngineRunner<Pool>;

/// The runtime's pool of threads that may block.
pub struct Pool;

impl Aside for Pool {
    async fn run<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
    }
}

/// Loads models of a store on this machine. To be used within a runtime of tokio.
pub struct NativeBackend {
    blobs: FsIo,
    settings: BackendSettings,
    budget: Budget,
    forms: Rc<FormCheck>,
}

impl NativeBackend {
    /// For the blobs of this store. Looks at the machine's memory once, now.
    pub fn new(blobs: FsIo, settings: BackendSettings) -> NativeBackend {
        let budget = Budget::new(&settings);
        NativeBackend { blobs, settings, budget, forms: Rc::default() }
    }

    fn job(&self, spec: &LoadSpec) -> Result<Job, LoadError> {
        if !spec.adapters.is_empty() {
            let said = "adapters are not supported; use a model with the adapter merged into it";
            return Err(LoadError::Failed(said.to_owned()));
        }
        Ok(Job {
            spec: spec.clone(),
            paths: spec.files.iter().map(|digest| self.path(digest)).collect::<Result<_, _>>()?,
            settings: self.settings.clone(),
            place: self.budget.place(),
        })
    }

    /// Where a blob lies.
    fn path(&self, digest: &str) -> Result<PathBuf, LoadError> {
        let digest = Digest::parse_wire(digest);
        let digest = digest.map_err(|error| LoadError::Failed(error.to_string()))?;
        Ok(self.blobs.place(&StorePath::blob(&digest)))
    }
}

impl Backend for NativeBackend {
    type Runner = NativeRunner;

    fn budget(&self) -> Memory {
        self.budget.memory()
    }

    async fn estimate(&self, spec: &LoadSpec) -> Result<Memory, LoadError> {
        let job = self.job(spec)?;
        let work = move || job.plan().map(|plan| job.estimate(&plan).memory);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| {
            Err(LoadError::Failed(format!("the model's header could not be read ({error})")))
        })
    }

    async fn load(&self, spec: &LoadSpec) -> Result<NativeRunner, LoadError> {
        let loading = Loading::start(self.job(spec)?)?;
        let loaded = loading.finish(self.settings.load_timeout).await?;
        Ok(NativeRunner::new(loaded, Rc::clone(&self.forms)))
    }

    async fn unload(&self, runner: Rc<NativeRunner>) {
        runner.unload().await;
    }

    fn check_format(&self, format: &Format) -> Result<(), RunError> {
        self.forms.check(format)
    }
}
