//! A persistent thread pool whose unit of work is one whole job.
//!
//! All threads walk the same program and meet at [`Team::barrier`]s; there is no queue and no
//! per-op dispatch, because an op of a small model takes less time than waking a thread (30-60 µs).
//! The caller is thread 0. Waiting spins for a bounded time (a barrier of two running threads takes
//! 0.1 µs), then sleeps: with a foreign job on one of the cores, endless spinning would slow
//! decoding down by an order of magnitude.
//!
//! In a browser a module cannot start threads: the page's workers enter the same memory and call
//! [`serve_thread`], before the first pool is made, and stay for all pools of the page.
//!
//! Why not rayon: its per-op fork and join costs more than the ops of a small model, and its
//! work stealing would let thread count and timing decide who computes what.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use kernels::PlayerError;

/// Spins before sleeping: each `spin_loop` is 10-40 ns, so this is some tens of microseconds.
/// WebAssembly has no such instruction, and a look at the condition takes a nanosecond.
const N_SPINS: u32 = if cfg!(target_arch = "wasm32") { 40_000 } else { 2_000 };

/// A counter on its own pair of cache lines (neighboring lines are prefetched together).
#[repr(align(128))]
#[derive(Default)]
struct Counter(AtomicUsize);

/// What a thread sees of the pool while a job runs.
pub struct Team<'a> {
    /// This thread, `0..n_threads`.
    pub thread: usize,
    pub n_threads: usize,
    meeting: &'a Meeting,
}

impl Team<'_> {
    /// Waits until all threads of the team are here; what they wrote before is visible after.
    pub fn barrier(&self) {
        if self.n_threads > 1 {
            self.meeting.wait(self.n_threads);
        }
    }

    /// This thread's contiguous share of `n` equal pieces.
    pub fn share(&self, n: usize) -> std::ops::Range<usize> {
        n * self.thread / self.n_threads..n * (self.thread + 1) / self.n_threads
    }
}

/// A reusable barrier: a counter of arrivals and a phase that the last arrival advances.
#[derive(Default)]
struct Meeting {
    n_arrived: Counter,
    phase: Counter,
    /// A thread panicked and will never arrive.
    is_broken: AtomicBool,
    gate: Gate,
}

impl Meeting {
    fn wait(&self, n_threads: usize) {
        let phase = self.phase.0.load(Ordering::Acquire);
        if self.n_arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == n_threads {
            self.n_arrived.0.store(0, Ordering::Relaxed);
            self.phase.0.fetch_add(1, Ordering::SeqCst);
            self.gate.wake();
        } else {
            self.gate.sleep_until(|| {
                self.phase.0.load(Ordering::SeqCst) != phase
                    || self.is_broken.load(Ordering::SeqCst)
            });
            if self.is_broken.load(Ordering::SeqCst) {
                std::panic::resume_unwind(Box::new("another compute thread panicked"));
            }
        }
    }

    /// Sends everyone who waits, now or later, out of the job.
    fn break_up(&self) {
        self.is_broken.swap(true, Ordering::SeqCst);
        self.gate.wake();
    }
}

/// Spin, then sleep until a condition holds.
#[derive(Default)]
struct Gate {
    n_sleepers: Counter,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Gate {
    fn sleep_until(&self, is_open: impl Fn() -> bool) {
        for _ in 0..N_SPINS {
            if is_open() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.n_sleepers.0.fetch_add(1, Ordering::SeqCst);
        while !is_open() {
            guard = self.bell.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.n_sleepers.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Call after the condition was made true: with `SeqCst`, and by an operation that reads and
    /// writes. By the rules of the language a store before the look at the sleepers would do; but
    /// ARM's `stlr` and the `ldar` behind it, emulated on x86, were once seen to miss a sleeper,
    /// and what reads and writes is a fence everywhere.
    fn wake(&self) {
        if self.n_sleepers.0.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.bell.notify_all();
        }
    }
}

/// Set in [`Shared::size`] when no more threads are let in.
const SEALED: usize = 1 << 31;

/// The work of a job: called once on every thread.
type Work<'a> = dyn Fn(&Team<'_>) + Sync + 'a;

#[derive(Default)]
struct Shared {
    /// Number of jobs started; workers wait for it to change.
    epoch: Counter,
    /// Workers that finished the current job.
    n_done: Counter,
    /// Points to a `&Work` on the caller's stack while a job runs.
    work: AtomicPtr<()>,
    is_closing: AtomicBool,
    /// Threads of the team, with the caller; set before the first job and fixed from then on.
    size: AtomicUsize,
    start: Gate,
    done: Gate,
    meeting: Meeting,
}

/// Worker threads; they stop when the pool is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    n_threads: usize,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of `n_threads` in all (the caller counts as one). Fewer if the system refuses some.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(n_threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut workers = Vec::new();
        // The team's size must be known to each worker, so refused threads end the growth before
        // any job runs.
        for thread in 1..n_threads.max(1) {
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name(format!("ingle-cpu-{thread}"));
            match builder.spawn(move || serve(&shared, thread)) {
                Ok(handle) => workers.push(handle),
                Err(_) => break,
            }
        }
        let n_threads = workers.len() + 1;
        shared.size.store(n_threads, Ordering::SeqCst);
        Pool { shared, n_threads, workers }
    }

    /// A pool of the workers that have entered this memory, or of the caller alone.
    #[cfg(target_arch = "wasm32")]
    pub fn new(n_threads: usize) -> Self {
        let shared = Arc::clone(hub());
        let size = shared.size.fetch_or(SEALED, Ordering::SeqCst) & !SEALED;
        let n_threads = if n_threads == 1 { 1 } else { size.max(1) };
        Pool { shared, n_threads, workers: Vec::new() }
    }

    /// Threads including the caller.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Runs `work` on all threads and returns when the last has finished.
    ///
    /// # Errors
    /// [`PlayerError::Device`] if a worker panicked (a bug; the pool is unusable afterwards).
    pub fn run(&mut self, work: &Work<'_>) -> Result<(), PlayerError> {
        let n_threads = self.n_threads();
        let shared = &*self.shared;
        if shared.meeting.is_broken.load(Ordering::SeqCst) {
            return Err(failed());
        }
        let caller = Team { thread: 0, n_threads, meeting: &shared.meeting };
        if n_threads == 1 {
            work(&caller);
            return Ok(());
        }
        let slot: &Work<'_> = work;
        shared.n_done.0.store(0, Ordering::Relaxed);
        shared.work.store((&raw const slot).cast_mut().cast(), Ordering::Release);
        shared.epoch.0.fetch_add(1, Ordering::SeqCst);
        shared.start.wake();
        // A panic must not unwind past the workers' view of this stack frame.
        run_or_break(work, &caller);
        let all_done = || shared.n_done.0.load(Ordering::SeqCst) == n_threads - 1;
        shared.done.sleep_until(all_done);
        if shared.meeting.is_broken.load(Ordering::SeqCst) { Err(failed()) } else { Ok(()) }
    }
}

fn failed() -> PlayerError {
    PlayerError::Device { device: "cpu".into(), reason: "a compute thread panicked".into() }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if cfg!(target_arch = "wasm32") {
            return; // the page's workers serve the next pool
        }
        self.shared.is_closing.store(true, Ordering::SeqCst);
        self.shared.epoch.0.fetch_add(1, Ordering::SeqCst);
        self.shared.start.wake();
        for worker in self.workers.drain(..) {
            // A worker that panicked was already reported by `run`.
            let _ = worker.join();
        }
    }
}

fn run_or_break(work: &Work<'_>, team: &Team<'_>) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(team))).is_err() {
        team.meeting.break_up();
    }
}

fn serve(shared: &Shared, thread: usize) {
    let mut epoch = 0;
    loop {
        shared.start.sleep_until(|| shared.epoch.0.load(Ordering::SeqCst) != epoch);
        epoch = epoch.wrapping_add(1);
        if shared.is_closing.load(Ordering::SeqCst) {
            return;
        }
        let n_threads = shared.size.load(Ordering::SeqCst) & !SEALED;
        let team = Team { thread, n_threads, meeting: &shared.meeting };
        let slot = shared.work.load(Ordering::Acquire).cast::<&Work<'_>>();
        // SAFETY: `run` published a pointer to a live `&Work` before it advanced the epoch and
        // does not return (so the work stays alive) before this thread counted itself done.
        let work = unsafe { *slot };
        run_or_break(work, &team);
        shared.n_done.0.fetch_add(1, Ordering::SeqCst);
        shared.done.wake();
    }
}

/// What all pools and workers of a page share.
#[cfg(target_arch = "wasm32")]
fn hub() -> &'static Arc<Shared> {
    static HUB: std::sync::OnceLock<Arc<Shared>> = std::sync::OnceLock::new();
    HUB.get_or_init(Arc::default)
}

/// Makes the calling worker a thread of all pools of the page and gives its number. `None` once
/// there is a pool: teams do not grow.
#[cfg(target_arch = "wasm32")]
pub fn enter_thread() -> Option<usize> {
    // The first worker finds 0 and counts the caller of jobs too.
    let grow = |size: usize| (size & SEALED == 0).then_some(size.max(1) + 1);
    let before = hub().size.fetch_update(Ordering::SeqCst, Ordering::SeqCst, grow);
    before.ok().map(|size| size.max(1))
}

/// Threads that pools of this page have or will have, with the caller.
#[cfg(target_arch = "wasm32")]
pub fn n_page_threads() -> usize {
    (hub().size.load(Ordering::SeqCst) & !SEALED).max(1)
}

/// Works as thread `thread` (of [`enter_thread`]) for as long as the page lives.
#[cfg(target_arch = "wasm32")]
pub fn serve_thread(thread: usize) {
    serve(hub(), thread);
}

/// Ends the job of a thread that trapped, so that nobody waits for it.
#[cfg(target_arch = "wasm32")]
pub fn thread_trapped() {
    let shared = hub();
    shared.meeting.break_up();
    shared.n_done.0.fetch_add(1, Ordering::SeqCst);
    shared.done.wake();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn barriers_order_what_threads_write() {
        for n_threads in [1, 2, 3, 5] {
            let mut pool = Pool::new(n_threads);
            assert_eq!(pool.n_threads(), n_threads);
            let sums: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..20 {
                pool.run(&|team| {
                    for (i, sum) in sums.iter().enumerate() {
                        // Everyone adds one, then everyone sees what all added.
                        let before = sum.fetch_add(1, Ordering::Relaxed) / team.n_threads;
                        team.barrier();
                        let after = sums[i].load(Ordering::Relaxed);
                        assert_eq!(after, (before + 1) * team.n_threads);
                        team.barrier();
                    }
                })
                .unwrap();
            }
        }
    }

    #[test]
    fn shares_cover_everything_once() {
        let meeting = Meeting::default();
        for n in [0, 1, 7, 64] {
            let mut next = 0;
            for thread in 0..3 {
                let team = Team { thread, n_threads: 3, meeting: &meeting };
                let share = team.share(n);
                assert_eq!(share.start, next);
                next = share.end;
            }
            assert_eq!(next, n);
        }
    }

    #[test]
    fn a_panic_ends_the_job_with_an_error_and_not_in_a_hang() {
        for culprit in [0, 1] {
            let mut pool = Pool::new(3);
            let result = pool.run(&|team| {
                if team.thread == culprit {
                    std::panic::resume_unwind(Box::new("test"));
                }
                team.barrier();
            });
            assert!(result.is_err());
            assert!(pool.run(&|_| ()).is_err());
        }
    }
}
