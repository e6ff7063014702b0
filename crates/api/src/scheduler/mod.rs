//! Which model is in memory, and whose turn it is.
//!
//! Every request for a model goes through [`Scheduler::acquire`] and holds a [`Lease`] on a slot of
//! a runner while it works. The rules stand in `core` and `plan` as one pure state machine, which
//! knows neither futures nor clocks; `shared` turns its decisions into loads, unloads and answers,
//! and [`Scheduler::run`] is the one future that makes time pass. One thread, no locks.
//!
//! The rules, where they differ from Ollama's on purpose: all waiting requests count against the
//! bound, also those for a loaded model; a request waits for its own model only, so loading one
//! never holds up another; a context smaller than the loaded one needs no reload; and of the idle
//! models with the shortest keep-alive, the one unused for longest leaves first.

mod core;
mod entry;
mod error;
mod lease;
mod plan;
mod shared;

use std::rc::Rc;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};

use crate::host::{Backend, Env, LoadSpec};
use crate::types::{KeepAlive, Timestamp};

pub use error::SchedulerError;
pub use lease::Lease;
use shared::{Message, Shared};

/// Ollama's bound on waiting requests.
pub const DEFAULT_MAX_QUEUE: usize = 512;

/// Ollama's number of models in memory for a machine with one device.
pub const DEFAULT_MAX_LOADED: usize = 3;

/// How many, how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Requests that may wait, for any reason. `OLLAMA_MAX_QUEUE`.
    pub max_queue: usize,
    /// Models in memory, 1 or more. `OLLAMA_MAX_LOADED_MODELS`, whose 0 is the default.
    pub max_loaded: usize,
    /// For requests that do not say. `OLLAMA_KEEP_ALIVE`.
    pub keep_alive: KeepAlive,
}

impl Default for SchedulerSettings {
    fn default() -> SchedulerSettings {
        SchedulerSettings {
            max_queue: DEFAULT_MAX_QUEUE,
            max_loaded: DEFAULT_MAX_LOADED,
            keep_alive: KeepAlive::DEFAULT,
        }
    }
}

/// One loaded model, for `/api/ps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedModel {
    /// What is loaded, and how.
    pub spec: LoadSpec,
    /// Bytes on all devices, and on the graphics device.
    pub size: u64,
    /// Of them, on the graphics device.
    pub size_vram: u64,
    /// Tokens of one sequence.
    pub num_ctx: usize,
    /// Requests that work on it.
    pub in_use: usize,
    /// When it leaves if nobody asks again.
    pub expires_at: Timestamp,
}

/// See the module's header. Clones are the same scheduler.
pub struct Scheduler<B: Backend, E: Env> {
    shared: Rc<Shared<B, E>>,
}

impl<B: Backend, E: Env> Clone for Scheduler<B, E> {
    fn clone(&self) -> Self {
        Scheduler { shared: Rc::clone(&self.shared) }
    }
}

impl<B: Backend, E: Env> Scheduler<B, E> {
    /// A scheduler with nothing loaded. Nothing is loaded or unloaded before [`run`](Self::run) is
    /// polled.
    pub fn new(backend: Rc<B>, env: Rc<E>, settings: SchedulerSettings) -> Scheduler<B, E> {
        Scheduler { shared: Rc::new(Shared::new(backend, env, settings)) }
    }

    /// Waits for a slot of a model; loads it if need be. Dropping the future gives the place in
    /// the queue back. `keep_alive` replaces what was said before about this model.
    ///
    /// # Errors
    /// [`SchedulerError::Busy`] at once if too many wait; what loading reports.
    pub async fn acquire(
        &self,
        spec: LoadSpec,
        keep_alive: Option<KeepAlive>,
    ) -> Result<Lease<B, E>, SchedulerError> {
        let (sender, receiver) = oneshot::channel();
        let place = self.shared.enqueue(spec, keep_alive, sender)?;
        let lease = receiver.await.unwrap_or(Err(SchedulerError::Closed));
        drop(place);
        lease
    }

    /// Lets a model leave as soon as nobody uses it. Returns whether it was there.
    pub fn unload(&self, key: &str) -> bool {
        self.shared.unload(key)
    }

    /// What is in memory, the one that stays longest first.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        self.shared.loaded()
    }

    /// Requests that wait now.
    pub fn waiting(&self) -> usize {
        self.shared.core.borrow().waiting()
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.shared.core.borrow().is_closed()
    }

    /// Refuses new and waiting requests, and returns when those that run have ended and all
    /// memory is free.
    pub async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        self.shared.close(sender);
        // An error is a sender that is gone, and with it the scheduler.
        receiver.await.ok();
    }

    /// Loads, unloads, and lets models expire; never returns. The host polls it on the thread of
    /// the requests.
    ///
    /// A second call at the same time returns at once.
    pub async fn run(&self) {
        use futures_util::StreamExt;
        use futures_util::future::{Either, pending, select};
        use futures_util::stream::FuturesUnordered;
        use std::pin::pin;

        let Some(mut messages) = self.shared.messages.borrow_mut().take() else { return };
        let mut jobs = FuturesUnordered::new();
        loop {
            let working = async {
                match jobs.is_empty() {
                    true => pending().await,
                    false => jobs.next().await,
                }
            };
            let expiring = async {
                match self.shared.until_expiry() {
                    Some(span) => self.shared.env.sleep(span).await,
                    None => pending().await,
                }
            };
            let message = {
                let (message, working, expiring) =
                    (pin!(messages.next()), pin!(working), pin!(expiring));
                match select(message, select(working, expiring)).await {
                    Either::Left((message, _)) => message,
                    Either::Right((Either::Left(_), _)) => None,
                    Either::Right((Either::Right(_), _)) => {
                        self.shared.pump();
                        None
                    }
                }
            };
            if let Some(Message::Job(job)) = message {
                jobs.push(job);
            }
        }
    }
}

/// Far enough to say "forever" where a date is wanted: Go's longest duration.
pub(crate) const FOREVER: Duration = Duration::from_nanos(i64::MAX as u64);

type Jobs = mpsc::UnboundedReceiver<Message>;
