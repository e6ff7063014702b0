//! Time and chance of the page.

use std::time::Duration;

use ::api::host::Env;
use ::api::types::Timestamp;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::tape;
use crate::js::performance_now;

/// Longest timer of a browser; longer ones fire at once.
const MAX_TIMER_MS: f64 = 2_147_483_647.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: f64) -> f64;
}

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

/// Ends after so long, or early where a timer cannot wait so long.
pub async fn sleep_ms(ms: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, ms.min(MAX_TIMER_MS));
    });
    // The promise is only ever resolved.
    let _ = JsFuture::from(promise).await;
}
