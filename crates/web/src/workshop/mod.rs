//! The workshop: smaller models made of stored ones, in a worker and a module of its own.
//!
//! It has the store's files, locks and clock, so that what it makes is a model like any other; it
//! has no network, no device, and knows nothing of the engine that may run beside it. The work
//! goes a piece at a time, with a task of the event loop between two: there a cancel comes in.

mod failure;
mod order;
mod out;
mod run;

use js_sys::{Function, Promise};
use quantize::{FileType, GgufSource, Options, Plan, Source};
use store::Model;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use self::order::{Order, Settings, is_made_here};
use self::out::{ChoiceOut, ChoicesOut, PlanOut};
use crate::error::EdgeError;
use crate::js::{promise, to_js};
use crate::store::{PageClock, PageIo, PageStore, Sums, open, page_store};

/// Makes smaller models of the stored ones of this origin.
#[wasm_bindgen]
pub struct WasmWorkshop {
    store: PageStore,
}

#[wasm_bindgen]
impl WasmWorkshop {
    /// Opens the store. `next_task` is the pause.
    pub async fn open(next_task: Function) -> Result<WasmWorkshop, JsValue> {
        console_error_panic_hook::set_once();
        let clock = PageClock { next_task };
        let io = PageIo::open(Sums { begin: None, clock: clock.clone() }).await;
        if io.kind() == "memory" {
            let text = "this window keeps models in the memory of its engine, where nothing can \
                be made of them; use a usual window, or `ingle quantize`";
            return Err(EdgeError::new("store.memory", text).into());
        }
        Ok(WasmWorkshop { store: page_store(io, clock) })
    }

    /// What every type would give: `QuantizeChoices`.
    pub fn choices(&self, name: String) -> Promise {
        let store = self.store.clone();
        promise(async move { to_js(&choices(&Bench::open(&store, &name).await?)?) })
    }

    /// What would be made: `QuantizePlan`. Nothing is written.
    pub fn plan(&self, name: String, settings: JsValue) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let settings: Settings = serde_wasm_bindgen::from_value(settings)?;
            let bench = Bench::open(&store, &name).await?;
            let order = Order::new(&settings, &bench.model.name)?;
            to_js(&PlanOut::of(&order, &order.plan(&bench.source)?)?)
        })
    }

    /// Makes it; each piece and each tensor goes to `on_progress`. Resolves to the model's name.
    pub fn quantize(
        &self,
        name: String,
        settings: JsValue,
        on_progress: Function,
        signal: AbortSignal,
    ) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let settings: Settings = serde_wasm_bindgen::from_value(settings)?;
            let made = run::quantize(&store, &name, &settings, &on_progress, &signal).await?;
            Ok(made.to_string().into())
        })
    }
}

/// A stored model, open for reading.
struct Bench {
    model: Model,
    source: GgufSource,
}

impl Bench {
    async fn open(store: &PageStore, name: &str) -> Result<Bench, EdgeError> {
        let (model, gguf) = open(store, name).await?;
        Ok(Bench { model, source: GgufSource::new(gguf) })
    }
}

/// Every type that a player computes with, the smallest first.
fn choices(bench: &Bench) -> Result<ChoicesOut, EdgeError> {
    let source = &bench.source;
    let (mut all, mut head) = (Vec::new(), None);
    for file_type in FileType::ALL.iter().copied().filter(is_made_here) {
        let options = Options { allow_requantize: true, ..Options::new(file_type) };
        let plan = Plan::new(source.metadata(), source.tensors(), &options, None);
        all.push(ChoiceOut::of(file_type, plan.map_err(EdgeError::from), &mut head)?);
    }
    Ok(ChoicesOut::new(&bench.model, source, all))
}
