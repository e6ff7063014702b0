//! A flag that a wgpu callback raises and a task waits for.
//!
//! Each use has a ticket. A job whose result nobody wants is dropped by unmapping its buffer, and
//! its callback may still come then, in a browser some tasks later: an old ticket raises nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What has happened so far.
#[derive(Default)]
struct State {
    ticket: u64,
    outcome: Option<Result<(), String>>,
    waker: Option<Waker>,
}

/// One side raises it, the other polls it. Cloning shares the flag.
#[derive(Clone, Default)]
pub struct Signal(Arc<Mutex<State>>);

impl Signal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what happened before; the ticket of the new use.
    pub fn reset(&self) -> u64 {
        let mut state = self.state();
        (state.outcome, state.waker) = (None, None);
        state.ticket += 1;
        state.ticket
    }

    pub fn raise(&self, ticket: u64, outcome: Result<(), String>) {
        let mut state = self.state();
        if ticket != state.ticket {
            return;
        }
        state.outcome = Some(outcome);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut state = self.state();
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_ticket_raises_nothing() {
        let signal = Signal::default();
        let old = signal.reset();
        let new = signal.reset();
        let mut cx = Context::from_waker(Waker::noop());
        signal.raise(old, Err("aborted".into()));
        assert!(signal.poll(&mut cx).is_pending());
        signal.raise(new, Ok(()));
        assert_eq!(signal.poll(&mut cx), Poll::Ready(Ok(())));
    }
}
