//! Loads that take 5 ms, fail, or wait, as a test wants.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use api::host::{Backend, Format, LoadError, LoadSpec, Memory, RunError};

use super::{FakeEnv, FakeRunner};

pub const GIB: u64 = 1 << 30;

/// Files are named after models: the file of `a` is `a`.
pub struct FakeBackend {
    pub env: Rc<FakeEnv>,
    pub budget: Cell<Memory>,
    /// By file; 1 GiB where nothing is said.
    pub needs: RefCell<HashMap<String, Memory>>,
    /// Files whose loads fail this many times.
    pub failures: RefCell<HashMap<String, (usize, LoadError)>>,
    /// Files whose loads and unloads do not end before they are let.
    pub held: RefCell<HashSet<String>>,
    wakers: RefCell<Vec<Waker>>,
    /// What was asked, in order.
    pub log: RefCell<Vec<String>>,
    /// What models say; nothing: their prompt.
    pub pieces: Rc<RefCell<Vec<String>>>,
    /// Answers stop after a piece until they are let.
    pub paused: Rc<Cell<bool>>,
    /// Requests that models serve at a time; 0: what they were loaded for.
    pub n_slots: Cell<usize>,
    /// Generations that have not been dropped.
    pub running: Rc<Cell<usize>>,
    /// What the runner was last asked.
    pub last_request: Rc<RefCell<Option<api::host::GenerateRequest>>>,
}

impl FakeBackend {
    pub fn new(env: Rc<FakeEnv>) -> FakeBackend {
        FakeBackend {
            env,
            budget: Cell::new(Memory { host: 16 * GIB, device: 0 }),
            needs: RefCell::default(),
            failures: RefCell::default(),
            held: RefCell::default(),
            wakers: RefCell::default(),
            log: RefCell::default(),
            pieces: Rc::new(RefCell::new(vec!["Hel".into(), "lo".into(), "!".into()])),
            paused: Rc::default(),
            n_slots: Cell::default(),
            running: Rc::default(),
            last_request: Rc::default(),
        }
    }

    pub fn hold(&self, file: &str) {
        self.held.borrow_mut().insert(file.into());
    }

    pub fn let_go(&self, file: &str) {
        self.held.borrow_mut().remove(file);
        self.wakers.borrow_mut().drain(..).for_each(Waker::wake);
    }

    async fn while_held(&self, file: &str) {
        poll_fn(|context| {
            if !self.held.borrow().contains(file) {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn note(&self, what: &str, file: &str) {
        self.log.borrow_mut().push(format!("{what} {file}"));
    }

    /// The log so far, which begins anew.
    pub fn take_log(&self) -> String {
        self.log.take().join(", ")
    }
}

impl Backend for FakeBackend {
    type Runner = FakeRunner;

    fn budget(&self) -> Memory {
        self.budget.get()
    }

    async fn estimate(&self, spec: &LoadSpec) -> Result<Memory, LoadError> {
        let need = self.needs.borrow().get(&spec.files[0]).copied();
        Ok(need.unwrap_or(Memory { host: GIB, device: 0 }))
    }

    async fn load(&self, spec: &LoadSpec) -> Result<FakeRunner, LoadError> {
        let file = &spec.files[0];
        self.note("load", file);
        self.while_held(file).await;
        if let Some((n, error)) = self.failures.borrow_mut().get_mut(file)
            && *n > 0
        {
            *n -= 1;
            return Err(error.clone());
        }
        self.env.advance_ms(5);
        let memory = self.estimate(spec).await?;
        Ok(FakeRunner {
            env: Rc::clone(&self.env),
            file: file.clone(),
            memory,
            num_ctx: spec.num_ctx.unwrap_or(4096) as usize,
            n_slots: self.n_slots.get(),
            pieces: Rc::clone(&self.pieces),
            paused: Rc::clone(&self.paused),
            running: Rc::clone(&self.running),
            last_request: Rc::clone(&self.last_request),
        })
    }

    async fn unload(&self, runner: Rc<FakeRunner>) {
        self.note("unload", &runner.file);
        assert_eq!(Rc::strong_count(&runner), 1, "no request runs on a model that is unloaded");
        self.while_held(&runner.file).await;
    }

    fn check_format(&self, format: &Format) -> Result<(), RunError> {
        match format {
            Format::Schema(schema) if schema.get("not").is_some() => {
                Err(RunError::Invalid("the schema keyword \"not\" is not supported".into()))
            }
            _ => Ok(()),
        }
    }
}
