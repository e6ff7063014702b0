//! One model in memory.

use std::rc::Rc;
use std::time::Duration;

use crate::host::{LoadSpec, Memory};
use crate::types::KeepAlive;

/// A model in memory, on its way in, or on its way out.
pub(super) struct Entry<R> {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) spec: LoadSpec,
    pub(super) need: Memory,
    pub(super) state: State<R>,
    pub(super) in_use: usize,
    pub(super) keep_alive: KeepAlive,
    pub(super) last_used: Duration,
    /// When it leaves; `None` in use, or forever.
    pub(super) expires: Option<Duration>,
}

pub(super) enum State<R> {
    Loading,
    Ready { runner: Rc<R>, num_ctx: usize, n_slots: usize },
    Unloading,
}

impl<R> Entry<R> {
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Ready { .. }) && self.in_use == 0
    }

    /// Whether a request needs this model loaded in another way. Only what it asks for counts, and
    /// a context that is large enough is right.
    pub(super) fn must_reload(&self, num_ctx: usize, wanted: &LoadSpec) -> bool {
        fn differs<T: PartialEq>(wanted: &Option<T>, have: &Option<T>) -> bool {
            wanted.is_some() && wanted != have
        }
        let is_auto = |n: &Option<i64>| n.is_none_or(|n| n < 0);
        // A backend may give less than it was asked for (the model was trained for no more); to ask
        // for that once more would only load it once more.
        let was_asked = |wanted: u32| self.spec.num_ctx.is_some_and(|asked| wanted <= asked);
        wanted.num_ctx.is_some_and(|wanted| wanted as usize > num_ctx && !was_asked(wanted))
            || !is_auto(&wanted.num_gpu) && wanted.num_gpu != self.spec.num_gpu
            || differs(&wanted.num_thread, &self.spec.num_thread)
            || differs(&wanted.num_batch, &self.spec.num_batch)
    }

    /// Who leaves first: the shortest keep-alive, then the one unused for longest, then by key.
    pub(super) fn rank(&self) -> (KeepAlive, Duration, &str) {
        (self.keep_alive, self.last_used, &self.key)
    }
}

/// When an idle model leaves.
pub(super) fn expiry(keep_alive: KeepAlive, now: Duration) -> Option<Duration> {
    match keep_alive {
        KeepAlive::For(span) => Some(now.saturating_add(span)),
        KeepAlive::Forever => None,
    }
}
