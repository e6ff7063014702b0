//! What follows from the state: who gets a slot, what is loaded, what leaves.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use super::SchedulerError;
use super::core::{Action, Core, Need, Waiting};
use super::entry::{Entry, State};
use crate::host::Memory;

/// What a waiting request may do now.
pub(super) enum Decision {
    Grant(usize),
    Wait,
    Estimate,
    Load(Memory),
    Evict(usize),
    /// Wait for room; if one is named, until it is idle: those behind must not keep it busy.
    WaitForRoom(Option<usize>),
    Refuse(SchedulerError),
}

impl<R> Core<R> {
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
    pub(super) fn decide(&self, waiting: &Waiting, budget: Memory, may_load: bool) -> Decision {
        if let Some(at) = self.entries.iter().position(|entry| entry.key == waiting.key) {
            let entry = &self.entries[at];
            let State::Ready { num_ctx, n_slots, .. } = entry.state else { return Decision::Wait };
            return match entry.must_reload(num_ctx, &waiting.spec) {
                true if entry.in_use == 0 => Decision::Evict(at),
                false if entry.in_use < n_slots => Decision::Grant(at),
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
        let idle = self.entries.iter().filter(|entry| entry.is_idle());
        let idle = idle.fold(Memory::default(), |sum, e| sum.plus(e.need));
        let would_fit = need.fits(budget.minus(used.minus(idle)));
        match (first(Entry::is_idle), first(|entry| entry.in_use > 0)) {
            (Some(idle), _) if would_fit => Decision::Evict(idle),
            (_, busy) => Decision::WaitForRoom(busy), // none busy: others are being loaded
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

    pub(super) fn start_unload(&mut self, entry: usize) -> Option<Action<R>> {
        let entry = &mut self.entries[entry];
        entry.expires = None;
        match std::mem::replace(&mut entry.state, State::Unloading) {
            State::Ready { runner, .. } => Some(Action::Unload { id: entry.id, runner }),
            _ => None,
        }
    }
}
