//! Time that stands still until it is moved.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use api::host::Env;
use api::types::Timestamp;

/// 2024-02-29T12:34:56Z.
pub const START: Duration = Duration::from_secs(1_709_210_096);

#[derive(Default)]
pub struct FakeEnv {
    passed: Cell<Duration>,
    sleepers: RefCell<Vec<Waker>>,
    n_ids: Cell<u64>,
}

impl FakeEnv {
    pub fn advance(&self, span: Duration) {
        self.passed.set(self.passed.get() + span);
        for waker in self.sleepers.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    pub fn advance_ms(&self, ms: u64) {
        self.advance(Duration::from_millis(ms));
    }
}

impl Env for FakeEnv {
    fn now(&self) -> Timestamp {
        Timestamp(START + self.passed.get())
    }

    fn monotonic(&self) -> Duration {
        self.passed.get()
    }

    async fn sleep(&self, span: Duration) {
        let until = self.passed.get().saturating_add(span);
        poll_fn(|context| {
            if self.passed.get() >= until {
                return Poll::Ready(());
            }
            self.sleepers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Ids are `baaaaaaa`, `caaaaaaa`, …
    fn entropy(&self) -> u64 {
        self.n_ids.set(self.n_ids.get() + 1);
        self.n_ids.get()
    }
}
