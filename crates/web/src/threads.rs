//! What the page's compute workers call. A worker loads this module into the memory of the
//! engine's own worker and stays in [`serve_thread`] for good; only modules that are built with
//! shared memory are entered like this.

use wasm_bindgen::prelude::*;

/// Makes the calling worker a thread of the engine; gives its number, or 0 if it came too late.
#[wasm_bindgen(js_name = enterThread)]
pub fn enter_thread() -> usize {
    console_error_panic_hook::set_once();
    cpu::enter_thread().unwrap_or(0)
}

/// Computes as thread `thread`. Does not return.
#[wasm_bindgen(js_name = serveThread)]
pub fn serve_thread(thread: usize) {
    cpu::serve_thread(thread);
}

/// Says that the calling worker trapped, so that the engine fails and does not wait for it.
#[wasm_bindgen(js_name = threadTrapped)]
pub fn thread_trapped() {
    cpu::thread_trapped();
}
