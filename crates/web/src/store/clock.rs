//! The page's clock, as the store wants one.

use js_sys::{Date, Function, Promise};
use store::Clock;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::js::performance_now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function, ms: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Time, alarms, and the pause in which messages come in.
#[derive(Clone)]
pub struct PageClock {
    /// Returns a promise that a fresh task of the event loop resolves.
    pub next_task: Function,
}

/// A running alarm. Dropped before it rings, it is called off: a download sets one for every piece
/// it waits for, thousands of which would otherwise stay for half a minute.
struct Alarm(JsValue);

impl Drop for Alarm {
    fn drop(&mut self) {
        clear_timeout(&self.0);
    }
}

impl Clock for PageClock {
    fn now_ms(&self) -> u64 {
        performance_now() as u64
    }

    fn unix_ms(&self) -> u64 {
        Date::now() as u64
    }

    async fn sleep_ms(&self, ms: u64) {
        let mut alarm = None;
        let rings = Promise::new(&mut |resolve, _| {
            alarm = Some(Alarm(set_timeout(&resolve, ms as f64)));
        });
        // The promise is only ever resolved.
        let _ = JsFuture::from(rings).await;
        drop(alarm);
    }

    async fn breathe(&self) {
        if let Ok(promise) = self.next_task.call0(&JsValue::UNDEFINED)
            && let Ok(promise) = promise.dyn_into::<Promise>()
        {
            let _ = JsFuture::from(promise).await;
        }
    }
}
