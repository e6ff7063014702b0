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

use super::{SchedulerError, SchedulerSettings};
use crate::host::{LoadError, LoadSpec, Memory};
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

/// A model in memory, on its way in, or on its way out.
pub(super) struct Entry<R> {
    id: u64,
    key: String,
    pub(super) spec: LoadSpec,
    pub(super) need: Memory,
    pub(super) state: State<R>,
    pub(super) in_use: usize,
    pub(super) keep_alive: KeepAlive,
    last_used: Duration,
    /// When it leaves; `None` in use, or forever.
    pub(super) expires: Option<Duration>,
}

pub(super) enum State<R> {
    Loading,
    Ready { runner: Rc<R>, num_ctx: usize },
    Unloading,
}

impl<R> Entry<R> {
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Ready { .. }) && self.in_use == 0
    }

    /// Whether a request needs this model loaded in another way. Only what it asks for counts, and
    /// a context that is large enough is right.
    fn must_reload(&self, num_ctx: usize, wanted: &LoadSpec) -> bool {
        fn differs<T: PartialEq>(wanted: &Option<T>, have: &Option<T>) -> bool {
            wanted.is_some() && wanted != have
        }
        let is_auto = |n: &Option<i64>| n.is_none_or(|n| n < 0);
        wanted.num_ctx.is_some_and(|wanted| wanted as usize > num_ctx)
            || !is_auto(&wanted.num_gpu) && wanted.num_gpu != self.spec.num_gpu
            || differs(&wanted.num_thread, &self.spec.num_thread)
            || differs(&wanted.num_batch, &self.spec.num_batch)
    }

    /// Who leaves first: the shortest keep-alive, then the one unused for longest, then by key.
    fn rank(&self) -> (KeepAlive, Duration, &str) {
        (self.keep_alive, self.last_used, &self.key)
    }
}

struct Waiting {
    ticket: u64,
    key: String,
    spec: LoadSpec,
    keep_alive: Option<KeepAlive>,
    need: Need,
}

enum Need {
    Unknown,
    Asked,
    Known(Memory),
}

/// What a waiting request may do now.
enum Decision {
    Grant(usize),
    Wait,
    Estimate,
    Load(Memory),
    Evict(usize),
    /// Wait for room; if one is named, until it is idle: those behind must not keep it busy.
    WaitForRoom(Option<usize>),
    Refuse(SchedulerError),
}

pub(super) struct Core<R> {
    settings: SchedulerSettings,
    pub(super) entries: Vec<Entry<R>>,
    queue: VecDeque<Waiting>,
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

    fn next_id(&mut self) -> u64 {
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
        result: Result<(Rc<R>, Memory, usize), LoadError>,
        now: Duration,
    ) -> Vec<Action<R>> {
        let Some(at) = self.entries.iter().position(|entry| entry.id == id) else {
            return Vec::new();
        };
        let error = match result {
            Ok((runner, need, num_ctx)) => {
                let entry = &mut self.entries[at];
                entry.state = State::Ready { runner, num_ctx };
                (entry.need, entry.last_used) = (need, now);
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

    /// What follows from the state, with `budget` of memory for all models.
    pub fn plan(&mut self, now: Duration, budget: Memory) -> Vec<Action<R>> {
        let mut actions = Vec::new();
        let mut blocked = HashSet::new();
        let mut may_load = true;
        let mut i = 0;
        // Requests first: one that just came for a model whose time is up keeps it.
        while i < self.queue.len() {
            let decision = match blocked.contains(&self.queue[i].key) {
                true => Decision::Wait,
                false => self.decide(&self.queue[i], budget, may_load),
            };
            let key = self.queue[i].key.clone();
            match decision {
                Decision::Grant(entry) => {
                    actions.extend(self.grant(i, entry));
                    continue;
                }
                Decision::Refuse(error) => {
                    let ticket = self.queue[i].ticket;
                    self.queue.remove(i);
                    actions.push(Action::Fail { ticket, error });
                    continue;
                }
                Decision::Wait => {}
                Decision::Estimate => {
                    let waiting = &mut self.queue[i];
                    waiting.need = Need::Asked;
                    let (ticket, spec) = (waiting.ticket, waiting.spec.clone());
                    actions.push(Action::Estimate { ticket, spec });
                }
                Decision::Load(need) => actions.push(self.start_load(i, need, now)),
                Decision::Evict(entry) => {
                    may_load = false;
                    actions.extend(self.start_unload(entry));
                }
                Decision::WaitForRoom(entry) => {
                    may_load = false;
                    blocked.extend(entry.map(|entry| self.entries[entry].key.clone()));
                }
            }
            blocked.insert(key);
            i += 1;
        }
        let is_due =
            |entry: &Entry<R>| entry.is_idle() && entry.expires.is_some_and(|at| at <= now);
        for i in 0..self.entries.len() {
            if is_due(&self.entries[i]) {
                actions.extend(self.start_unload(i));
            }
        }
        actions
    }

    /// `may_load`: no earlier request waits for room. Otherwise what this one loaded could be what
    /// the earlier one unloads, and so on for ever.
    fn decide(&self, waiting: &Waiting, budget: Memory, may_load: bool) -> Decision {
        if let Some(at) = self.entries.iter().position(|entry| entry.key == waiting.key) {
            let entry = &self.entries[at];
            let State::Ready { num_ctx, .. } = entry.state else { return Decision::Wait };
            return match entry.must_reload(num_ctx, &waiting.spec) {
                true if entry.in_use == 0 => Decision::Evict(at),
                false if entry.in_use < entry.spec.slots.max(1) => Decision::Grant(at),
                _ => Decision::Wait,
            };
        }
        let need = match waiting.need {
            Need::Unknown => return Decision::Estimate,
            Need::Asked => return Decision::Wait,
            Need::Known(need) => need,
        };
        if !need.fits(budget) {
            return Decision::Refuse(SchedulerError::TooBig { need, have: budget });
        }
        if !may_load {
            return Decision::Wait;
        }
        if self.entries.iter().any(|entry| matches!(entry.state, State::Unloading)) {
            return Decision::WaitForRoom(None); // it is being made; how much, is known afterwards
        }
        let used = self.entries.iter().fold(Memory::default(), |sum, e| sum.plus(e.need));
        let has_place = self.entries.len() < self.settings.max_loaded.max(1);
        if has_place && need.fits(budget.minus(used)) {
            return Decision::Load(need);
        }
        let first = |is_candidate: fn(&Entry<R>) -> bool| {
            let candidates = self.entries.iter().enumerate().filter(|(_, e)| is_candidate(e));
            candidates.min_by(|a, b| a.1.rank().cmp(&b.1.rank())).map(|(i, _)| i)
        };
        match (first(Entry::is_idle), first(|entry| entry.in_use > 0)) {
            (Some(idle), _) => Decision::Evict(idle),
            (None, busy) => Decision::WaitForRoom(busy), // none busy: others are being loaded
        }
    }

    fn grant(&mut self, waiting: usize, entry: usize) -> Option<Action<R>> {
        let waiting = self.queue.remove(waiting)?;
        let entry = &mut self.entries[entry];
        let State::Ready { runner, .. } = &entry.state else { return None };
        entry.in_use += 1;
        entry.expires = None;
        entry.keep_alive = waiting.keep_alive.unwrap_or(entry.keep_alive);
        let (id, runner) = (entry.id, Rc::clone(runner));
        Some(Action::Grant { ticket: waiting.ticket, id, runner })
    }

    fn start_load(&mut self, waiting: usize, need: Memory, now: Duration) -> Action<R> {
        let id = self.next_id();
        let Waiting { key, spec, .. } = &self.queue[waiting];
        let (key, spec) = (key.clone(), spec.clone());
        let keep_alive = self.settings.keep_alive;
        let (state, last_used) = (State::Loading, now);
        let entry = Entry {
            id,
            key,
            spec: spec.clone(),
            need,
            state,
            in_use: 0,
            keep_alive,
            last_used,
            expires: None,
        };
        self.entries.push(entry);
        Action::Load { id, spec }
    }

    fn start_unload(&mut self, entry: usize) -> Option<Action<R>> {
        let entry = &mut self.entries[entry];
        entry.expires = None;
        match std::mem::replace(&mut entry.state, State::Unloading) {
            State::Ready { runner, .. } => Some(Action::Unload { id: entry.id, runner }),
            _ => None,
        }
    }
}

fn expiry(keep_alive: KeepAlive, now: Duration) -> Option<Duration> {
    match keep_alive {
        KeepAlive::For(span) => Some(now.saturating_add(span)),
        KeepAlive::Forever => None,
    }
}
