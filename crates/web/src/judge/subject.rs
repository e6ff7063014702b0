//! A stored model that is judged: understood first, loaded when it is its turn.

use std::ops::ControlFlow;

use engine::{Opened, Session};
use kernels::{KvType, Plan, PlayerConfig};
use store::{Name, human_bytes};

use super::Bench;
use super::listener::Listener;
use crate::error::EdgeError;
use crate::host;
use crate::store::{open, page_memory};

/// See the module's header.
pub struct Subject {
    pub name: Name,
    pub opened: Opened,
}

impl Subject {
    /// Reads the header.
    ///
    /// # Errors
    /// A model that is not here, that cannot be run, or that writes no text.
    pub async fn open(bench: &Bench, name: &str) -> Result<Subject, EdgeError> {
        let (model, gguf) = open(&bench.store, name).await?;
        let opened = engine::open(gguf)?;
        let name = model.name;
        if opened.only_embeds() {
            let text = format!(
                "{} makes vectors of texts and writes none, so there is nothing it could foresee; \
                 judge a model that writes text",
                name.short()
            );
            return Err(EdgeError::new("request.invalid", text));
        }
        Ok(Subject { name, opened })
    }

    /// Loads it on the processor, for windows of `n_ctx` tokens and `beside` more bytes.
    ///
    /// # Errors
    /// Too little memory, with need and have; what a load reports.
    pub async fn load(
        self,
        bench: &Bench,
        n_ctx: usize,
        beside: u64,
        listener: &Listener,
    ) -> Result<(Session, Plan), EdgeError> {
        // As the native command has it.
        let config = PlayerConfig { n_ctx, n_slots: 1, kv: KvType::F16, n_threads: 0 };
        let plan = self.opened.model.plan.clone();
        let need = plan.footprint(&config).total().saturating_add(beside);
        let name = self.name.short();
        if need > page_memory() {
            let text = format!(
                "judging {name} needs {} of memory, and this page has about {}; judge a smaller \
                 model, or use `ingle perplexity` and `ingle quantize --validate`",
                human_bytes(need),
                human_bytes(page_memory())
            );
            return Err(EdgeError::new("model.toobig", text));
        }
        let mut telling = listener.begin("load", &name);
        let progress = |done: u64, total: u64| {
            telling.tell(done as f64, total as f64, None);
            match listener.signal.aborted() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let env = host::env(&bench.next_task);
        let session = self.opened.load(config, cpu::loader, env, progress).await?;
        Ok((session, plan))
    }
}
