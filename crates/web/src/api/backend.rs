//! The router's way to the model in use.
//!
//! A model that the page loaded itself serves the router too, if it is the one that is asked for;
//! another takes its place, as `load` would. How much memory a page may take nobody says before it
//! is refused, so nothing is estimated: there is one model at a time.

use std::rc::Rc;

use ::api::host::{Backend, Format, LoadError, LoadSpec, Memory, RunError};

use super::library::PageLibrary;
use crate::cancel::CancelFlag;
use crate::edge::Inner;
use crate::error::EdgeError;
use crate::in_use::PageRunner;
use crate::load::{LoadWish, open_files};
use crate::own::NO_ADAPTERS;
use crate::tuning::Wish;

/// See the module's header.
pub struct PageBackend {
    inner: Rc<Inner>,
    library: Rc<PageLibrary>,
}

impl PageBackend {
    pub fn new(inner: Rc<Inner>, library: Rc<PageLibrary>) -> PageBackend {
        PageBackend { inner, library }
    }

    /// The model in use, if it is this one with context enough.
    fn in_use(&self, spec: &LoadSpec) -> Option<PageRunner> {
        let model = self.inner.model.borrow();
        let model = model.as_ref().filter(|model| model.key == spec.key())?;
        let num_ctx = ::api::host::Runner::info(&model.runner).num_ctx;
        let is_enough = spec.num_ctx.is_none_or(|wanted| wanted as usize <= num_ctx);
        is_enough.then(|| model.runner.clone())
    }
}

impl Backend for PageBackend {
    type Runner = PageRunner;

    fn budget(&self) -> Memory {
        Memory { host: u64::MAX, device: u64::MAX }
    }

    async fn estimate(&self, _: &LoadSpec) -> Result<Memory, LoadError> {
        Ok(Memory::default())
    }

    async fn load(&self, spec: &LoadSpec) -> Result<PageRunner, LoadError> {
        if !spec.adapters.is_empty() {
            return Err(LoadError::Failed(NO_ADAPTERS.to_owned()));
        }
        let _guard = self.inner.loading.lock().await;
        if let Some(runner) = self.in_use(spec) {
            return Ok(runner);
        }
        let sources = self.library.open(&spec.files).await;
        let sources = sources.map_err(|error| LoadError::Failed(error.to_string()))?;
        let (gguf, _) = open_files(sources).map_err(failed)?;
        let wish = LoadWish {
            key: spec.key(),
            n_ctx: spec.num_ctx.map(|n| n as usize),
            n_slots: None,
            kv: self.inner.kv.get(),
            tuning: Wish::default(),
        };
        let never = CancelFlag::new();
        let loaded = self.inner.load_model(gguf, wish, &|_, _, _| {}, &never, |_| ()).await;
        loaded.map_err(failed)?;
        let model = self.inner.model.borrow();
        let runner = model.as_ref().map(|model| model.runner.clone());
        runner.ok_or_else(|| failed(EdgeError::no_model()))
    }

    async fn unload(&self, runner: Rc<PageRunner>) {
        let _guard = self.inner.loading.lock().await;
        let is_to_go = self
            .inner
            .model
            .borrow()
            .as_ref()
            .is_some_and(|model| model.runner.is_same(&runner) && !model.is_held.get());
        if is_to_go {
            self.inner.drop_model().await;
        }
    }

    fn check_format(&self, format: &Format) -> Result<(), RunError> {
        self.inner.forms.check(format)
    }
}

fn failed(error: EdgeError) -> LoadError {
    LoadError::Failed(error.to_string())
}
