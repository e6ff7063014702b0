//! What every part says to JavaScript in the same way: values, promises, the clock.

use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::error::EdgeError;

#[wasm_bindgen]
extern "C" {
    /// Monotonic milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub fn performance_now() -> f64;
}

/// Maps as plain objects, u64 as numbers (all of ours are below 2^53).
pub fn to_js(value: &impl Serialize) -> Result<JsValue, EdgeError> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    Ok(value.serialize(&serializer)?)
}

/// A promise of what `work` gives, or of its error as the page sees errors.
pub fn promise(work: impl Future<Output = Result<JsValue, EdgeError>> + 'static) -> Promise {
    future_to_promise(async move { work.await.map_err(JsValue::from) })
}
