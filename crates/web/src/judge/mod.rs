//! How good a stored model is, and whether a smaller one is still the model it was made from.
//!
//! The work is `measure`'s, with the numbers of `ingle perplexity` and `ingle quantize --validate`.
//! It is done in a worker of its own, with the engine's module (which has the players) in a memory
//! of its own: an answer goes on beside it, and when the worker ends nothing of it is left. It
//! computes on the processor, where what each layer computes can be seen, and where it takes no
//! graphics memory from the model in use. There is one model in memory at a time.

mod failure;
mod kept;
mod listener;
mod out;
mod run;
mod settings;
mod subject;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use self::listener::Listener;
use self::settings::Settings;
use crate::error::EdgeError;
use crate::js::{promise, to_js};
use crate::store::{PageClock, PageIo, PageStore, Sums, page_store};

/// Judges stored models of this origin.
#[wasm_bindgen]
pub struct WasmJudge(Bench);

/// What all work needs.
#[derive(Clone)]
struct Bench {
    store: PageStore,
    next_task: Function,
}

#[wasm_bindgen]
impl WasmJudge {
    /// Opens the store. `next_task` is the pause.
    pub async fn open(next_task: Function) -> Result<WasmJudge, JsValue> {
        console_error_panic_hook::set_once();
        let clock = PageClock { next_task: next_task.clone() };
        let io = PageIo::open(Sums { begin: None, clock: clock.clone() }).await;
        if io.kind() == "memory" {
            let text = "this window keeps models in the memory of its engine, where they cannot be \
                judged; use a usual window, or `ingle perplexity`";
            return Err(EdgeError::new("store.memory", text).into());
        }
        Ok(WasmJudge(Bench { store: page_store(io, clock), next_task }))
    }

    /// How well a model foresees a text: `Perplexity`.
    pub fn perplexity(
        &self,
        name: String,
        settings: JsValue,
        on_progress: Function,
        signal: AbortSignal,
    ) -> Promise {
        let bench = self.0.clone();
        promise(async move {
            let settings: Settings = serde_wasm_bindgen::from_value(settings)?;
            let listener = Listener { on_progress, signal };
            to_js(&run::perplexity(&bench, &name, &settings, &listener).await?)
        })
    }

    /// How a model compares with the one it was made from: `Validation`.
    pub fn validate(
        &self,
        baseline: String,
        quantized: String,
        settings: JsValue,
        on_progress: Function,
        signal: AbortSignal,
    ) -> Promise {
        let bench = self.0.clone();
        promise(async move {
            let settings: Settings = serde_wasm_bindgen::from_value(settings)?;
            let listener = Listener { on_progress, signal };
            let names = [baseline.as_str(), quantized.as_str()];
            to_js(&run::validate(&bench, names, &settings, &listener).await?)
        })
    }
}
