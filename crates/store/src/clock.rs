//! Time as a value that is passed in, so that a test of half an hour takes a millisecond.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::{Either, select};

/// The host's clock and alarm.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait Clock: Clone + 'static {
    /// Milliseconds since any moment in the past; never goes backward.
    fn now_ms(&self) -> u64;

    /// Milliseconds since 1970, as the host believes. May jump; nothing but ages depends on it.
    fn unix_ms(&self) -> u64;

    /// Returns after about that many milliseconds.
    async fn sleep_ms(&self, ms: u64);

    /// Lets the other tasks of this thread run once, between two pieces of long work. In a browser
    /// that is a task of the event loop: waking at once would let no message in.
    async fn breathe(&self) {
        breathe().await;
    }
}

/// Runs `work` for at most that many milliseconds; `None` when time is up, and `work` is dropped.
pub(crate) async fn within<C: Clock, T>(
    clock: &C,
    ms: u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), pin!(clock.sleep_ms(ms))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Waits for many things, each for at most so many milliseconds, with one alarm for all of them: a
/// download waits for thousands of parts, and an alarm for each costs more than the wait.
pub(crate) struct Patience<'a, C> {
    clock: &'a C,
    ms: u64,
    alarm: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a, C: Clock> Patience<'a, C> {
    pub(crate) fn new(clock: &'a C, ms: u64) -> Self {
        Patience { clock, ms, alarm: Box::pin(clock.sleep_ms(ms)) }
    }

    /// As [`within`].
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let end = self.clock.now_ms().saturating_add(self.ms);
        loop {
            if let Either::Left((done, _)) = select(work.as_mut(), self.alarm.as_mut()).await {
                return Some(done);
            }
            // It was set for an earlier wait.
            let left = end.saturating_sub(self.clock.now_ms());
            self.alarm = Box::pin(self.clock.sleep_ms(if left == 0 { self.ms } else { left }));
            if left == 0 {
                return None;
            }
        }
    }
}

/// Wakes at once, behind the tasks that wait already.
async fn breathe() {
    let mut is_second = false;
    poll_fn(|context| {
        if is_second {
            return Poll::Ready(());
        }
        is_second = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A clock that stands still until everything waits for it, then jumps to the next alarm. For
/// tests, of other crates too.
#[derive(Clone, Default)]
pub struct ManualClock(Rc<Alarms>);

#[derive(Default)]
struct Alarms {
    now: Cell<u64>,
    waiting: RefCell<Vec<(u64, Waker)>>,
}

/// What the manual clock calls 1970 plus its own time: 2026-01-01.
const MANUAL_EPOCH_MS: u64 = 1_767_225_600_000;

impl ManualClock {
    /// Moves the time forward and wakes who waited for it.
    pub fn advance(&self, ms: u64) {
        self.0.now.set(self.0.now.get().saturating_add(ms));
        let now = self.0.now.get();
        self.0.waiting.borrow_mut().retain(|(at, waker)| {
            if *at <= now {
                waker.wake_by_ref();
            }
            *at > now
        });
    }

    /// Runs a future to its end, moving the time whenever nothing else can happen.
    ///
    /// # Panics
    /// When the future waits for something that is no alarm: it would wait for ever.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                    return done;
                }
                continue;
            }
            let next = self.0.waiting.borrow().iter().map(|(at, _)| *at).min();
            let Some(at) = next else {
                panic!("the future waits, and no alarm will wake it");
            };
            self.advance(at.saturating_sub(self.0.now.get()));
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.now.get()
    }

    fn unix_ms(&self) -> u64 {
        self.0.now.get().saturating_add(MANUAL_EPOCH_MS)
    }

    async fn sleep_ms(&self, ms: u64) {
        let at = self.0.now.get().saturating_add(ms);
        poll_fn(|context| {
            if self.0.now.get() >= at {
                return Poll::Ready(());
            }
            let mut waiting = self.0.waiting.borrow_mut();
            if !waiting.iter().any(|(w, waker)| *w == at && waker.will_wake(context.waker())) {
                waiting.push((at, context.waker().clone()));
            }
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_for_each_wait() {
        let clock = ManualClock::default();
        clock.run(async {
            let mut patience = Patience::new(&clock, 100);
            for _ in 0..5 {
                assert_eq!(patience.wait(clock.sleep_ms(70)).await, Some(()));
            }
            assert_eq!(patience.wait(clock.sleep_ms(500)).await, None);
            assert_eq!(clock.now_ms(), 5 * 70 + 100);
            assert_eq!(patience.wait(clock.sleep_ms(99)).await, Some(()));
            assert_eq!(patience.wait(clock.sleep_ms(101)).await, None);
        });
    }

    #[test]
    fn time_jumps_to_the_next_alarm() {
        let clock = ManualClock::default();
        clock.run(async {
            clock.sleep_ms(30_000).await;
            assert_eq!(clock.now_ms(), 30_000);
            assert_eq!(within(&clock, 10, clock.sleep_ms(1_000)).await, None);
            assert_eq!(clock.now_ms(), 30_010);
            assert_eq!(within(&clock, 10, async { 7 }).await, Some(7));
            clock.breathe().await;
        });
        assert_eq!(clock.now_ms(), 30_010);
    }
}
