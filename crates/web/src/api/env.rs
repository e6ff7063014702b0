//! Time and chance of the page.

use std::time::Duration;

use ::api::host::Env;
use ::api::types::Timestamp;

use super::tape;
use crate::js::{performance_now, sleep_ms};

/// The browser's clocks.
#[derive(Clone, Copy)]
pub struct PageEnv;

impl Env for PageEnv {
    fn now(&self) -> Timestamp {
        Timestamp(millis(tape::now_ms()))
    }

    fn monotonic(&self) -> Duration {
        millis(performance_now())
    }

    async fn sleep(&self, span: Duration) {
        sleep_ms(span.as_secs_f64() * 1000.0).await;
    }

    fn entropy(&self) -> u64 {
        tape::entropy()
    }
}

fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}
