//! Time and chance of the server, for the router.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::host::Env;
use api::types::Timestamp;

/// The machine's clocks.
pub struct NativeEnv {
    start: Instant,
}

impl NativeEnv {
    /// Counts from now.
    pub fn new() -> NativeEnv {
        NativeEnv { start: Instant::now() }
    }
}

impl Env for NativeEnv {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is not set.
        Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn entropy(&self) -> u64 {
        crate::load::entropy()
    }
}
