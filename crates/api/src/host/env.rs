//! Time and chance.

use std::time::Duration;

use crate::types::Timestamp;

/// What only the host knows. Tests have one whose time they move.
#[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
pub trait Env: 'static {
    /// Wall-clock time in UTC, for what is shown to people.
    fn now(&self) -> Timestamp;
    /// Time since any fixed moment; never runs backwards.
    fn monotonic(&self) -> Duration;
    /// Ends after `span`, which may be years; ending early is allowed where a timer cannot wait
    /// so long. Dropping it is allowed too.
    async fn sleep(&self, span: Duration);
    /// A number that nobody can guess, for ids.
    fn entropy(&self) -> u64;
}
