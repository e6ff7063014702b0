//! A flag that a wgpu callback raises and a task waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What has happened so far.
#[derive(Default)]
struct State {
    outcome: Option<Result<(), String>>,
    waker: Option<Waker>,
}

/// One side raises it, the other polls it. Cloning shares the flag.
#[derive(Clone, Default)]
pub struct Signal(Arc<Mutex<State>>);

impl Signal {
    /// Forgets what happened before.
    pub fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    pub fn raise(&self, outcome: Result<(), String>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcome = Some(outcome);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
