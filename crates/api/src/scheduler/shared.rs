//! Between the rules and the futures: carries out what [`Core::plan`] decides.
//!
//! No user code and no lease is ever dropped while the state is borrowed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::core::{Action, Core};
use super::entry::State;
use super::lease::{Lease, Place};
use super::{FOREVER, Jobs, LoadedModel, SchedulerError, SchedulerSettings};
use crate::host::{Backend, Env, LoadSpec, Runner};
use crate::types::KeepAlive;

/// To the future that runs.
pub(super) enum Message {
    /// One more thing to poll.
    Job(LocalBoxFuture<'static, ()>),
    /// The time of the next expiry may have changed.
    Wake,
}

type Answer<B, E> = oneshot::Sender<Result<Lease<B, E>, SchedulerError>>;

pub(super) struct Shared<B: Backend, E: Env> {
    backend: Rc<B>,
    pub(super) env: Rc<E>,
    pub(super) core: RefCell<Core<B::Runner>>,
    answers: RefCell<HashMap<u64, Answer<B, E>>>,
    sender: mpsc::UnboundedSender<Message>,
    pub(super) messages: RefCell<Option<Jobs>>,
    /// Told when nothing is loaded any more.
    closing: RefCell<Vec<oneshot::Sender<()>>>,
}

impl<B: Backend, E: Env> Shared<B, E> {
    pub fn new(backend: Rc<B>, env: Rc<E>, settings: SchedulerSettings) -> Shared<B, E> {
        let (sender, messages) = mpsc::unbounded();
        Shared {
            backend,
            env,
            core: RefCell::new(Core::new(settings)),
            answers: RefCell::default(),
            sender,
            messages: RefCell::new(Some(messages)),
            closing: RefCell::default(),
        }
    }

    pub fn enqueue(
        self: &Rc<Self>,
        spec: LoadSpec,
        keep_alive: Option<KeepAlive>,
        answer: Answer<B, E>,
    ) -> Result<Place<B, E>, SchedulerError> {
        let budget = self.backend.budget();
        let ticket = self.core.borrow_mut().enqueue(spec, keep_alive, budget)?;
        self.answers.borrow_mut().insert(ticket, answer);
        self.pump();
        let place = Place { shared: Rc::clone(self), ticket };
        let overflows = self.core.borrow_mut().refuse_overflow(ticket);
        if overflows { Err(SchedulerError::Busy) } else { Ok(place) }
    }

    pub fn cancel(self: &Rc<Self>, ticket: u64) {
        let waited = self.answers.borrow_mut().remove(&ticket).is_some();
        if waited {
            self.core.borrow_mut().cancel(ticket);
            self.pump();
        }
    }

    pub fn release(self: &Rc<Self>, id: u64) {
        self.core.borrow_mut().release(id, self.env.monotonic());
        self.pump();
    }

    pub fn unload(self: &Rc<Self>, key: &str) -> bool {
        let was_there = self.core.borrow_mut().unload(key, self.env.monotonic());
        self.pump();
        was_there
    }

    pub fn close(self: &Rc<Self>, done: oneshot::Sender<()>) {
        self.closing.borrow_mut().push(done);
        let refused = self.core.borrow_mut().close(self.env.monotonic());
        self.act(refused);
        self.pump();
    }

    pub fn loaded(&self) -> Vec<LoadedModel> {
        let (now, monotonic) = (self.env.now(), self.env.monotonic());
        let core = self.core.borrow();
        let mut loaded = Vec::new();
        for entry in &core.entries {
            let State::Ready { num_ctx, .. } = entry.state else { continue };
            let stays = match (entry.expires, entry.keep_alive) {
                (Some(at), _) => at.saturating_sub(monotonic),
                (None, KeepAlive::For(span)) => span,
                (None, KeepAlive::Forever) => FOREVER,
            };
            loaded.push(LoadedModel {
                spec: entry.spec.clone(),
                size: entry.need.total(),
                size_vram: entry.need.device,
                num_ctx,
                in_use: entry.in_use,
                expires_at: now.after(stays),
            });
        }
        loaded.sort_by_key(|model| std::cmp::Reverse(model.expires_at));
        loaded
    }

    /// Time until a model expires.
    pub fn until_expiry(&self) -> Option<Duration> {
        let at = self.core.borrow().next_expiry()?;
        Some(at.saturating_sub(self.env.monotonic()))
    }

    /// Does what follows from the state.
    pub fn pump(self: &Rc<Self>) {
        let (now, budget) = (self.env.monotonic(), self.backend.budget());
        let actions = self.core.borrow_mut().plan(now, budget);
        self.act(actions);
        if self.core.borrow().entries.is_empty() {
            let done = std::mem::take(&mut *self.closing.borrow_mut());
            for done in done {
                done.send(()).ok(); // whoever no longer listens does not need to know
            }
        }
        self.send(Message::Wake);
    }

    fn act(self: &Rc<Self>, actions: Vec<Action<B::Runner>>) {
        for action in actions {
            match action {
                Action::Grant { ticket, id, runner } => {
                    let lease = Lease::new(Rc::clone(self), id, runner);
                    self.answer(ticket, Ok(lease));
                }
                Action::Fail { ticket, error } => self.answer(ticket, Err(error)),
                Action::Estimate { ticket, spec } => {
                    self.send(Message::Job(Rc::clone(self).estimate(ticket, spec).boxed_local()));
                }
                Action::Load { id, spec } => {
                    self.send(Message::Job(Rc::clone(self).load(id, spec).boxed_local()));
                }
                Action::Unload { id, runner } => {
                    self.send(Message::Job(Rc::clone(self).free(id, runner).boxed_local()));
                }
            }
        }
    }

    /// An answer that nobody waits for is dropped, and a lease in it goes back.
    fn answer(&self, ticket: u64, answer: Result<Lease<B, E>, SchedulerError>) {
        let sender = self.answers.borrow_mut().remove(&ticket);
        drop(sender.map(|sender| sender.send(answer)));
    }

    /// Fails only after the scheduler's end, when nothing is to be done any more.
    fn send(&self, message: Message) {
        self.sender.unbounded_send(message).ok();
    }

    async fn estimate(self: Rc<Self>, ticket: u64, spec: LoadSpec) {
        let failed = match self.backend.estimate(&spec).await {
            Ok(need) => {
                self.core.borrow_mut().estimated(ticket, need);
                Vec::new()
            }
            Err(error) => self.core.borrow_mut().fail_estimate(ticket, error),
        };
        self.act(failed);
        self.pump();
    }

    async fn load(self: Rc<Self>, id: u64, spec: LoadSpec) {
        let result = self.backend.load(&spec).await.map(|runner| {
            let info = runner.info();
            (Rc::new(runner), info)
        });
        let actions = self.core.borrow_mut().loaded(id, result, self.env.monotonic());
        self.act(actions);
        self.pump();
    }

    async fn free(self: Rc<Self>, id: u64, runner: Rc<B::Runner>) {
        self.backend.unload(runner).await;
        self.core.borrow_mut().unloaded(id);
        self.pump();
    }
}
