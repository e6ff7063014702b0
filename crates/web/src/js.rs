//! What every part says to JavaScript in the same way: values, promises, the clock.

use js_sys::{Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::error::EdgeError;

#[wasm_bindgen]
extern "C" {
    /// Monotonic milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub fn performance_now() -> f64;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: f64) -> f64;
}

/// Longest timer of a browser; longer ones fire at once.
const MAX_TIMER_MS: f64 = 2_147_483_647.0;

/// Maps as plain objects, u64 as numbers (all of ours are below 2^53).
pub fn to_js(value: &impl Serialize) -> Result<JsValue, EdgeError> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    Ok(value.serialize(&serializer)?)
}

/// A promise of what `work` gives, or of its error as the page sees errors.
pub fn promise(work: impl Future<Output = Result<JsValue, EdgeError>> + 'static) -> Promise {
    future_to_promise(async move { work.await.map_err(JsValue::from) })
}

/// Ends after so long, or early where a timer cannot wait so long.
pub async fn sleep_ms(ms: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, ms.min(MAX_TIMER_MS));
    });
    // The promise is only ever resolved.
    let _ = JsFuture::from(promise).await;
}
