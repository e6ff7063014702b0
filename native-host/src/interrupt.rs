//! Ctrl-C: once stops the answer and keeps its text, twice within two seconds leaves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

static STOP: AtomicBool = AtomicBool::new(false);
static LAST: LazyLock<Mutex<Option<Instant>>> = LazyLock::new(Mutex::default);

/// Two presses within this time mean "leave", not "stop".
const TWICE: Duration = Duration::from_secs(2);

/// Begins to listen. Where the system does not allow it, Ctrl-C ends the process as ever.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.is_some_and(|before| before.elapsed() < TWICE) {
            std::process::exit(130);
        }
        *last = Some(Instant::now());
        STOP.store(true, Ordering::Relaxed);
    });
}

/// True if Ctrl-C came since [`reset`].
pub fn pending() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// A new answer begins.
pub fn reset() {
    STOP.store(false, Ordering::Relaxed);
}
