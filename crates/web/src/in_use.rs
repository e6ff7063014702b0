//! The model in memory: its engine as a task of this worker, and the line to it.
//!
//! The engine's actor runs as a task beside all others. It has one turn per round and pauses in
//! between, so requests, cancels and the router's work get theirs while an answer is written, and
//! several answers are written together. The page's own calls and the router ask over the same
//! line; which of them loaded the model only says who may drop it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use api::host::{Memory, RunnerInfo};
use engine::actor::{Command, Event, Loan, serve};
use engine::{Opened, Session};
use futures_channel::oneshot;
use futures_util::future::LocalBoxFuture;
use hosting::runner::{
    Aside, EnginePort, EngineRunner, FormCheck, Loaded, Tape, TextHost, TextSide, line,
};
use js_sys::Function;
use tokenizer::Tokenizer;
use wasm_bindgen_futures::spawn_local;

use crate::api::tape;
use crate::error::EdgeError;
use crate::host;

/// The text side's clock and chance.
const TEXT_HOST: TextHost = TextHost { now_local: host::now_local, entropy: tape::entropy };

/// A worker has one thread: what would go aside is done at once.
pub struct AtOnce;

impl Aside for AtOnce {
    async fn run<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        Ok(work())
    }

    fn tape() -> Option<Rc<dyn Tape>> {
        tape::in_use()
    }
}

/// What the router asks.
pub type PageRunner = EngineRunner<AtOnce>;

/// Work with the whole session.
type Job = Box<dyn for<'s> FnOnce(&'s mut Session) -> LocalBoxFuture<'s, ()>>;
type Jobs = Rc<RefCell<HashMap<u64, Job>>>;

/// See the module's header.
pub struct InUse {
    /// What tells its weights from others: see [`api::host::LoadSpec::key`].
    pub key: String,
    /// Another one for each load.
    pub serial: u32,
    /// To ask it.
    pub runner: PageRunner,
    /// Its tokenizer, for the page's own calls.
    pub tokenizer: Arc<Tokenizer>,
    /// Kernel forms, as the device names them.
    pub kernels: Vec<(String, String)>,
    /// The page has a handle to it: the router does not drop it by itself.
    pub is_held: Cell<bool>,
    jobs: Jobs,
}

/// What has to be taken from an opened file before its weights are loaded.
pub struct TextParts {
    text: TextSide,
    tokenizer: Arc<Tokenizer>,
}

impl TextParts {
    /// # Errors
    /// A template that breaks a limit.
    pub fn of(opened: &Opened) -> Result<TextParts, EdgeError> {
        let text = TextSide::new(opened, TEXT_HOST).map_err(engine::Error::from)?;
        Ok(TextParts { text, tokenizer: Arc::clone(&opened.tokenizer) })
    }
}

impl InUse {
    /// Starts the engine.
    pub fn start(
        session: Session,
        parts: TextParts,
        key: String,
        serial: u32,
        forms: Rc<FormCheck>,
        next_task: Function,
    ) -> InUse {
        let player = session.player_info();
        let total = player.weight_bytes + player.kv_bytes + player.scratch_bytes;
        let memory = match player.device.as_str() {
            "gpu" => Memory { host: 0, device: total },
            _ => Memory { host: total, device: 0 },
        };
        let (num_ctx, n_vocab) = (session.n_ctx(), session.model_info().dims.n_vocab);
        let info = RunnerInfo { memory, num_ctx, n_vocab, n_slots: session.n_slots() };
        let (line, port) = line();
        let (over, ended) = oneshot::channel();
        let jobs = Jobs::default();
        spawn_local(run(session, port, Rc::clone(&jobs), next_task, over));
        let TextParts { text, tokenizer } = parts;
        let loaded = Loaded { line, text: Arc::new(text), info, ended };
        let (runner, is_held) = (EngineRunner::new(loaded, forms), Cell::new(false));
        InUse { key, serial, runner, tokenizer, kernels: player.kernels, is_held, jobs }
    }

    /// Does something with the whole session, when all that was asked before is answered.
    ///
    /// # Errors
    /// The model was unloaded meanwhile.
    pub async fn with_session<T: 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> T + 'static,
    ) -> Result<T, EdgeError> {
        let (sender, result) = oneshot::channel();
        let job: Job = Box::new(move |session| {
            Box::pin(async move {
                // Whoever asked may be gone.
                let _ = sender.send(work(session).await);
            })
        });
        let mut asked = self.runner.line().ask(|id| {
            self.jobs.borrow_mut().insert(id, job);
            Command::Lend { id }
        });
        match asked.next().await {
            Some(Event::Lent { .. }) => result.await.map_err(|_| EdgeError::no_model()),
            _ => Err(EdgeError::no_model()),
        }
    }
}

/// An engine's life: serves, lends its session, and frees the model.
async fn run(
    session: Session,
    mut port: EnginePort,
    jobs: Jobs,
    next_task: Function,
    over: oneshot::Sender<()>,
) {
    let mut next = (session, None::<Loan>);
    loop {
        let (mut session, loan) = serve(next.0, next.1, &mut port).await;
        let Some(loan) = loan else { break };
        let job = jobs.borrow_mut().remove(&loan.id);
        if let Some(job) = job {
            // What was answered before gets out first: the work may not pause for long.
            host::pause(&next_task).await;
            job(&mut session).await;
        }
        next = (session, Some(loan));
    }
    drop(port);
    // Nobody may be waiting for it.
    let _ = over.send(());
}
