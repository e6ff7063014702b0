//! The time, for the player's own measurements: per op, and of the machine's peaks.
//!
//! Natively it is the system's. WebAssembly has no clock of its own, and this crate may not name
//! the browser, so the host lends one; without it nothing is measured, and nothing else changes.

use std::sync::OnceLock;

static LENT: OnceLock<fn() -> f64> = OnceLock::new();

/// Lends a monotonic clock in seconds (`performance.now()`, in a browser). The first one counts.
pub fn set_clock(now_s: fn() -> f64) {
    let _ = LENT.set(now_s);
}

/// Seconds since any fixed moment; `None` where there is no clock.
pub fn now() -> Option<f64> {
    match LENT.get() {
        Some(now_s) => Some(now_s()),
        None => own(),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn own() -> Option<f64> {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    Some(START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64())
}

#[cfg(target_arch = "wasm32")]
fn own() -> Option<f64> {
    None
}
