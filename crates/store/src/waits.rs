//! A wait before a new try, where whoever tells people about it can see it.
//!
//! Waits happen deep inside of requests, and the listener is borrowed by one call of many that may
//! share a download. Between the two stands a cell, looked at whenever the work was polled: no
//! channel and no task, and a listener that goes away leaves nothing behind.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::clock::Clock;
use crate::error::Error;
use crate::limits::TRIES;
use crate::progress::Retry;

/// A wait that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The try that comes next; the first of all is 1.
    attempt: u32,
    /// When it comes, by the store's clock.
    until_ms: u64,
    is_busy: bool,
}

impl Wait {
    /// Until that time, after `error`.
    pub(crate) fn new(attempt: u32, until_ms: u64, error: &Error) -> Wait {
        Wait { attempt, until_ms, is_busy: matches!(error, Error::Status { .. }) }
    }

    /// The same of a server that said so itself.
    pub(crate) fn asked_for(attempt: u32, until_ms: u64) -> Wait {
        Wait { attempt, until_ms, is_busy: true }
    }

    /// The wait as it is at that time.
    pub(crate) fn seen_at(self, now_ms: u64) -> Retry {
        let Wait { attempt, until_ms, is_busy } = self;
        Retry { attempt, of: TRIES, wait_ms: until_ms.saturating_sub(now_ms), is_busy }
    }
}

/// The wait that one piece of work is in, if any.
#[derive(Default)]
pub(crate) struct Waits(Cell<Option<Wait>>);

impl Waits {
    /// A wait begins. Several connections of a download wait for the same server within moments of
    /// each other: the first of each try is told.
    pub(crate) fn begin(&self, wait: Wait) {
        if self.0.get().is_none_or(|told| told.attempt < wait.attempt) {
            self.0.set(Some(wait));
        }
    }

    /// Something came.
    pub(crate) fn end(&self) {
        self.0.set(None);
    }

    pub(crate) fn now(&self) -> Option<Wait> {
        self.0.get()
    }

    /// Runs `work` and tells of each wait in it, once.
    pub(crate) async fn telling<C: Clock, T>(
        &self,
        clock: &C,
        work: impl Future<Output = T>,
        mut tell: impl FnMut(Retry),
    ) -> T {
        let mut work = pin!(work);
        let mut told = self.now();
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            let now = self.now();
            if now != told {
                told = now;
                now.into_iter().for_each(|wait| tell(wait.seen_at(clock.now_ms())));
            }
            polled
        })
        .await
    }
}
