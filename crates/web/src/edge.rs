//! The class the worker sees: [`WasmEngine`] with its device, its one model, and its router.
//!
//! Long calls return promises and not `async` methods on `&mut self`: the generated glue would
//! hold the object borrowed until the promise settles, and then even `info()` would fail. Calls may
//! overlap: each asks the engine's task over a line of its own (see `in_use`).

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use engine::actor::{Command, Event};
use engine::bench::Asked;
use futures_util::lock::Mutex;
use gguf::ByteSource;
use hosting::runner::FormCheck;
use js_sys::{Array, Function, Promise, Uint32Array};
use kernels::KvType;
use wasm_bindgen::prelude::*;

use crate::api::Page;
use crate::bench;
use crate::cancel::CancelFlag;
use crate::convert::{DeviceInfo, ModelInfo};
use crate::device::Device;
use crate::error::EdgeError;
use crate::generate::generate;
use crate::in_use::InUse;
use crate::js::{performance_now, promise, to_js};
use crate::load::{LoadWish, open_files};
use crate::own::Own;
use crate::settings::{self, GenerateSettings, LoadSettings};
use crate::snapshots::{self, PageShelf};
use crate::source::{FileSource, SyncFile};
use crate::store::{PageClient, WasmStore};

/// The device, and at most one model.
#[wasm_bindgen]
pub struct WasmEngine(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) device: Device,
    adapter: String,
    pub(crate) next_task: Function,
    pub(crate) model: RefCell<Option<Rc<InUse>>>,
    /// Held by whoever loads or drops a model.
    pub(crate) loading: Mutex<()>,
    /// Of the model loaded last.
    pub(crate) kv: Cell<KvType>,
    pub(crate) serial: Cell<u32>,
    /// Files of conversations that are lent to it.
    pub(crate) snapshots: PageShelf,
    /// The model that the page's handle is of, and what it brought besides when it was loaded.
    page_serial: Cell<u32>,
    page_own: RefCell<Rc<Own>>,
    pub(crate) forms: Rc<FormCheck>,
    /// Kernels were tried, and the script has not stored the result.
    pub(crate) has_new_tuning: Cell<bool>,
    /// Answers requests.
    pub(crate) page: OnceCell<Page>,
    /// The models kept in this browser.
    pub(crate) store: OnceCell<PageClient>,
    /// As above, about its numbers.
    pub(crate) has_new_record: Cell<bool>,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Chooses the device: "gpu", "cpu", or "auto" for the first that works. `adapter` is what the
    /// browser calls its graphics chip, `browser` what it calls itself, `subgroups` says that the
    /// script adds that feature to device requests, `next_task` is the pause.
    pub async fn open(
        device: String,
        adapter: String,
        browser: String,
        subgroups: bool,
        next_task: Function,
    ) -> Result<WasmEngine, JsValue> {
        console_error_panic_hook::set_once();
        // For the peaks of the bench and the times of each op.
        cpu::set_clock(|| performance_now() / 1000.0);
        let host = format!("{adapter} in {browser}");
        let device = Device::open(&device, host, subgroups).await.map_err(EdgeError::from)?;
        Ok(WasmEngine(Rc::new(Inner {
            device,
            adapter,
            next_task,
            model: RefCell::default(),
            loading: Mutex::new(()),
            kv: Cell::default(),
            serial: Cell::default(),
            snapshots: PageShelf::default(),
            page_serial: Cell::default(),
            page_own: RefCell::default(),
            forms: Rc::default(),
            has_new_tuning: Cell::default(),
            has_new_record: Cell::default(),
            page: OnceCell::new(),
            store: OnceCell::new(),
        })))
    }

    /// The device, and the kernel forms of the model in use.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let inner = &*self.0;
        let kernels = inner.model.borrow().as_ref().map(|model| model.kernels.clone());
        let features = inner.device.features();
        let tuned = inner.device.gpu().map_or_else(Vec::new, gpu::Gpu::tuned_forms);
        let (device, adapter) = (inner.device.kind(), inner.device.name(&inner.adapter));
        let kernels = kernels.unwrap_or_default();
        Ok(to_js(&DeviceInfo { device, adapter, features, kernels, tuned })?)
    }

    /// The store the router answers from; given before the first request.
    #[wasm_bindgen(js_name = useStore)]
    pub fn use_store(&self, store: &WasmStore) {
        // A second one would be another store than the router has.
        let _ = self.0.store.set(store.0.clone());
    }

    /// Reads the header of `files` and says what is wrong with it, without touching the model.
    pub fn check(&self, files: &Array) -> Result<(), JsValue> {
        let (gguf, _) = open_files(sources(settings::files(files))?)?;
        engine::open(gguf).map_err(EdgeError::from)?;
        Ok(())
    }

    /// Loads `settings.names` from `files`, dropping the model before. Resolves to `ModelInfo`.
    pub fn load(
        &self,
        settings: JsValue,
        files: &Array,
        on_progress: Function,
        cancel: &CancelFlag,
    ) -> Promise {
        let (inner, cancel) = (Rc::clone(&self.0), cancel.clone());
        let files = settings::files(files);
        promise(async move { load(&inner, settings, files, &on_progress, &cancel).await })
    }

    /// Writes an answer; every piece goes to `on_piece`, whose promise, if it gives one, is waited
    /// for before the next. Resolves after the last. `snapshot` is the open file of the
    /// conversation that `settings` names, if there is one.
    pub fn generate(
        &self,
        settings: JsValue,
        on_piece: Function,
        cancel: &CancelFlag,
        snapshot: JsValue,
    ) -> Promise {
        let (inner, cancel) = (Rc::clone(&self.0), cancel.clone());
        promise(async move {
            let model = inner.page_model()?;
            let settings: GenerateSettings =
                serde_wasm_bindgen::from_value(settings).map_err(EdgeError::from)?;
            let own = inner.page_own().await?;
            let lent = inner.snapshots.lend(settings.snapshot.as_deref(), snapshot);
            let request = settings.request(&own, model.runner.text())?;
            let written = generate(&model, request, &on_piece, &cancel).await;
            drop(lent);
            written.map(|()| JsValue::UNDEFINED)
        })
    }

    /// Writes what the engine has of the conversation `name` into its open file. Resolves to
    /// `{ tokens, bytes, written }` when that is done, all 0 where nothing was to be kept.
    pub fn keep(&self, name: String, snapshot: JsValue) -> Promise {
        let inner = Rc::clone(&self.0);
        promise(async move {
            let model = inner.page_model()?;
            let _lent = inner.snapshots.lend(Some(&name), snapshot);
            to_js(&snapshots::keep(&model, name).await?)
        })
    }

    /// Measures the model in use, when its answers are written; `{ progress }` and `{ row }` go to
    /// `on_event`. Resolves to rows. `file` is the name of what was loaded, as the page has it.
    pub fn bench(
        &self,
        settings: JsValue,
        file: String,
        on_event: Function,
        cancel: &CancelFlag,
    ) -> Promise {
        let (inner, cancel) = (Rc::clone(&self.0), cancel.clone());
        promise(async move {
            let (device, kv) = (inner.device.kind().into(), inner.kv.get());
            let asked = Asked { file, device, kv, ..Asked::default() };
            let work = async move |session: &mut engine::Session| {
                bench::run(session, asked, settings, &on_event, &cancel).await
            };
            inner.page_model()?.with_session(work).await?
        })
    }

    /// Token ids of `text`.
    pub fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<u32>, JsValue> {
        let model = self.0.page_model()?;
        let options = tokenizer::Encode { add_special, parse_special };
        Ok(model.tokenizer.encode(text, options))
    }

    /// Logits after the last of `ids`, or after each. Resolves to a `Float32Array`.
    pub fn logits(&self, ids: &Uint32Array, all: bool) -> Promise {
        let inner = Rc::clone(&self.0);
        let ids = ids.to_vec();
        promise(async move {
            let model = inner.page_model()?;
            let mut asked = model.runner.line().ask(|id| Command::Logits { id, ids, all });
            match asked.next().await {
                Some(Event::Logits { values, .. }) => {
                    Ok(js_sys::Float32Array::from(values.as_slice()).into())
                }
                Some(Event::Failed { error, .. }) => Err(error.into()),
                _ => Err(EdgeError::no_model()),
            }
        })
    }

    /// Drops the model and what it holds on the device.
    pub fn unload(&self) -> Promise {
        let inner = Rc::clone(&self.0);
        promise(async move {
            let _guard = inner.loading.lock().await;
            inner.forget_in_router();
            inner.drop_model().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Destroys the graphics device, as a crash of its process would: for tests.
    #[wasm_bindgen(js_name = loseDevice)]
    pub fn lose_device(&self) {
        if let Some(gpu) = self.0.device.gpu() {
            gpu.destroy();
        }
    }
}

impl Inner {
    /// The model that the page loaded, if it is still the one in use.
    fn page_model(&self) -> Result<Rc<InUse>, EdgeError> {
        let model = self.model.borrow();
        let is_pages = |model: &&Rc<InUse>| model.serial == self.page_serial.get();
        model.as_ref().filter(is_pages).cloned().ok_or_else(EdgeError::no_model)
    }

    /// What it brings besides, at this moment. Does not wait where nothing can have changed:
    /// answers begin in the order in which they are asked for.
    async fn page_own(self: &Rc<Self>) -> Result<Rc<Own>, EdgeError> {
        let loaded = Rc::clone(&self.page_own.borrow());
        match self.page().has_made() {
            true => Ok(Rc::new(Own::of(self, loaded.name.clone()).await?)),
            false => Ok(loaded),
        }
    }
}

fn sources(files: Vec<SyncFile>) -> Result<Vec<Box<dyn ByteSource>>, EdgeError> {
    let mut sources: Vec<Box<dyn ByteSource>> = Vec::with_capacity(files.len());
    for file in files {
        sources.push(Box::new(FileSource::new(file)?));
    }
    Ok(sources)
}

async fn load(
    inner: &Rc<Inner>,
    settings: JsValue,
    files: Vec<SyncFile>,
    on_progress: &Function,
    cancel: &CancelFlag,
) -> Result<JsValue, EdgeError> {
    let settings: LoadSettings = serde_wasm_bindgen::from_value(settings)?;
    let (gguf, file_bytes) = open_files(sources(files)?)?;
    let _guard = inner.loading.lock().await;
    inner.forget_in_router();
    let tell = |phase: &str, done: u64, total: Option<u64>| {
        let total = total.map_or(JsValue::NULL, |total| JsValue::from_f64(total as f64));
        let done = JsValue::from_f64(done as f64);
        // What the listener throws is its own affair: the load goes on.
        let _ = on_progress.call3(&JsValue::UNDEFINED, &phase.into(), &done, &total);
    };
    let name = settings.names.first().cloned().unwrap_or_default();
    let stored = (!settings.keys.is_empty()).then(|| name.clone());
    let own = Rc::new(Own::of(inner, stored).await?);
    let keys = if settings.keys.is_empty() { &settings.names } else { &settings.keys };
    let wish = LoadWish {
        key: keys.join("+"),
        n_ctx: settings.context_length.or(own.options.num_ctx).map(|n| n as usize),
        n_slots: settings.slots.map(|n| n as usize),
        kv: settings.kv()?,
        tuning: settings.tuning,
    };
    let shown = crate::api::shown_model(&name, keys, file_bytes, &gguf);
    // Asked when the weights are there: a load may find out that the chip is not to be used.
    let see = |session: &engine::Session| {
        let device = (inner.device.kind(), inner.device.name(&inner.adapter));
        ModelInfo::new(session, &name, file_bytes, device, &own)
    };
    let info = inner.load_model(gguf, wish, &tell, cancel, see).await?;
    inner.page_serial.set(inner.serial.get());
    inner.page_own.replace(own);
    if let Some(model) = &*inner.model.borrow() {
        model.is_held.set(true);
    }
    inner.show_in_router(shown);
    to_js(&info)
}
