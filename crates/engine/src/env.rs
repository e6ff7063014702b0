//! What the engine needs from its host and cannot have itself: time, chance, and a pause.
//!
//! A struct of functions and not a trait, so that a host states three closures and no type
//! parameter runs through the whole crate. Without `Send`: in a browser these are JavaScript calls.

use std::future::Future;
use std::pin::Pin;

/// A pause that lets the host's event loop run.
pub type Pause = Pin<Box<dyn Future<Output = ()>>>;

/// The host's functions.
pub struct Env {
    /// Monotonic time in milliseconds since any fixed moment.
    pub now_ms: Box<dyn Fn() -> f64>,
    /// Local wall-clock time, for templates that print the date.
    pub now_local: Box<dyn Fn() -> chat::Moment>,
    /// A number that differs from run to run, for requests without a seed.
    pub entropy: Box<dyn Fn() -> u32>,
    /// Lets other events be handled (a cancel message, a repaint). `None` where commands arrive
    /// by themselves, as on a native thread; then nothing is allocated per token.
    pub pause: Option<Box<dyn Fn() -> Pause>>,
}

impl Env {
    pub(crate) async fn yield_now(&self) {
        if let Some(pause) = &self.pause {
            pause().await;
        }
    }
}
