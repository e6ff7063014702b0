//! The rules: a state machine without futures, clocks or memory of its own.
//!
//! Events change the state (`enqueue`, `release`, `estimated`, `loaded`, …) and [`Core::plan`] says
//! what follows from it. `plan` looks at the waiting requests in order of arrival. What a request
//! cannot have now, later requests for the same model cannot have either, so every model has its
//! own line and no line waits for another. Only room is given in order over all lines: as long as a
//! request waits for memory, no later one starts a load.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::entry::{Entry, State, expiry};
use super::plan::Decision;
use super::{SchedulerError, SchedulerSettings};
use crate::host::{LoadError, LoadSpec, Memory, RunnerInfo};
use crate::types::KeepAlive;

/// What is to be done.
pub(super) enum Action<R> {
    /// Give this request a slot.
    Grant { ticket: u64, id: u64, runner: Rc<R> },
    /// Tell this request why not.
    Fail { ticket: u64, error: SchedulerError },
    /// Ask what a model takes; answer with `estimated`.
    Estimate { ticket: u64, spec: LoadSpec },
    /// Load it; answer with `loaded`.
    Load { id: u64, spec: LoadSpec },
    /// Free it; answer with `unloaded`.
    Unload { id: u64, runner: Rc<R> },
}

/// A request in the queue.
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) key: String,
    pub(super) spec: LoadSpec,
    pub(super) keep_alive: Option<KeepAlive>,
    pub(super) need: Need,
}

/// What is known about the memory that a request's model takes.
pub(super) enum Need {
    Unknown,
    Asked,
    Known(Memory),
}

pub(super) struct Core<R> {
    pub(super) settings: SchedulerSettings,
    pub(super) entries: Vec<Entry<R>>,
    pub(super) queue: VecDeque<Waiting>,
    /// Models whose load failed for lack of memory, and is tried once more.
    retried: HashSet<String>,
    last_id: u64,
    closed: bool,
}

impl<R> Core<R> {
    pub fn new(settings: SchedulerSettings) -> Core<R> {
        let (entries, queue, retried) = (Vec::new(), VecDeque::new(), HashSet::new());
        Core { settings, entries, queue, retried, last_id: 0, closed: false }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// [`SchedulerError::Busy`] if as many wait as may, unless a slot seems free. Whether it is
    /// shows the next plan, after which [`Core::refuse_overflow`] must be asked.
    pub fn enqueue(
        &mut self,
        spec: LoadSpec,
        keep_alive: Option<KeepAlive>,
        budget: Memory,
    ) -> Result<u64, SchedulerError> {
        if self.closed {
            return Err(SchedulerError::Closed);
        }
        let (ticket, key) = (self.next_id(), spec.key());
        let waiting = Waiting { ticket, key, spec, keep_alive, need: Need::Unknown };
        if self.queue.len() >= self.settings.max_queue.max(1) {
            let is_first = !self.queue.iter().any(|other| other.key == waiting.key);
            if !is_first || !matches!(self.decide(&waiting, budget, false), Decision::Grant(_)) {
                return Err(SchedulerError::Busy);
            }
        }
        self.queue.push_back(waiting);
        Ok(ticket)
    }

    /// Takes a request out again that was let in for a slot and did not get it.
    pub fn refuse_overflow(&mut self, ticket: u64) -> bool {
        let is_last = self.queue.back().is_some_and(|waiting| waiting.ticket == ticket);
        let overflows = is_last && self.queue.len() > self.settings.max_queue.max(1);
        if overflows {
            self.queue.pop_back();
        }
        overflows
    }

    pub fn cancel(&mut self, ticket: u64) {
        self.queue.retain(|waiting| waiting.ticket != ticket);
    }

    pub fn release(&mut self, id: u64, now: Duration) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else { return };
        entry.in_use = entry.in_use.saturating_sub(1);
        entry.last_used = now;
        if entry.in_use == 0 {
            entry.expires = expiry(entry.keep_alive, now);
        }
    }

    /// Ends the keep-alive of a model; it leaves when it is idle.
    pub fn unload(&mut self, key: &str, now: Duration) -> bool {
        let is_there =
            |entry: &&mut Entry<R>| entry.key == key && !matches!(entry.state, State::Unloading);
        let Some(entry) = self.entries.iter_mut().find(is_there) else { return false };
        entry.keep_alive = KeepAlive::NONE;
        if entry.is_idle() {
            entry.expires = Some(now);
        }
        true
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Refuses everything from now on, lets every model leave.
    pub fn close(&mut self, now: Duration) -> Vec<Action<R>> {
        self.closed = true;
        let keys: Vec<String> = self.entries.iter().map(|entry| entry.key.clone()).collect();
        for key in keys {
            self.unload(&key, now);
        }
        let refuse = |waiting: Waiting| Action::Fail {
            ticket: waiting.ticket,
            error: SchedulerError::Closed,
        };
        self.queue.drain(..).map(refuse).collect()
    }

    pub fn estimated(&mut self, ticket: u64, need: Memory) {
        if let Some(waiting) = self.queue.iter_mut().find(|waiting| waiting.ticket == ticket) {
            waiting.need = Need::Known(need);
        }
    }

    /// The load of `id` is over. A failure is told to all that wait for this model, unless memory
    /// was short and others can leave: then it is tried once more.
    pub fn loaded(
        &mut self,
        id: u64,
        result: Result<(Rc<R>, RunnerInfo), LoadError>,
        now: Duration,
    ) -> Vec<Action<R>> {
        let Some(at) = self.entries.iter().position(|entry| entry.id == id) else {
            return Vec::new();
        };
        let error = match result {
            Ok((runner, info)) => {
                let entry = &mut self.entries[at];
                let RunnerInfo { memory, num_ctx, n_slots, .. } = info;
                let asked = if n_slots == 0 { entry.spec.slots } else { n_slots };
                entry.state = State::Ready { runner, num_ctx, n_slots: asked.max(1) };
                (entry.need, entry.last_used) = (memory, now);
                entry.expires = expiry(entry.keep_alive, now);
                self.retried.remove(&entry.key);
                return Vec::new();
            }
            Err(error) => error,
        };
        let key = self.entries.remove(at).key;
        let can_free = self.entries.iter().any(Entry::is_idle);
        if matches!(error, LoadError::Memory(_)) && can_free && self.retried.insert(key.clone()) {
            let idle: Vec<usize> =
                (0..self.entries.len()).filter(|&i| self.entries[i].is_idle()).collect();
            return idle.into_iter().filter_map(|i| self.start_unload(i)).collect();
        }
        self.retried.remove(&key);
        self.fail_all(&key, &error.into())
    }

    /// What a model takes could not be found out: nobody gets it.
    pub fn fail_estimate(&mut self, ticket: u64, error: LoadError) -> Vec<Action<R>> {
        let key = self.queue.iter().find(|w| w.ticket == ticket).map(|w| w.key.clone());
        key.map_or_else(Vec::new, |key| self.fail_all(&key, &error.into()))
    }

    fn fail_all(&mut self, key: &str, error: &SchedulerError) -> Vec<Action<R>> {
        let (failed, rest) = self.queue.drain(..).partition(|waiting| waiting.key == key);
        self.queue = rest;
        let failed: VecDeque<Waiting> = failed;
        let fail = |w: Waiting| Action::Fail { ticket: w.ticket, error: error.clone() };
        failed.into_iter().map(fail).collect()
    }

    pub fn unloaded(&mut self, id: u64) {
        self.entries.retain(|entry| entry.id != id);
    }

    pub fn next_expiry(&self) -> Option<Duration> {
        self.entries.iter().filter_map(|entry| entry.expires).min()
    }
}
