//! The classes the worker sees: [`WasmEngine`] with its device and its one model, [`CancelFlag`].
//!
//! Long calls return promises and not `async` methods on `&mut self`: the generated glue would
//! hold the object borrowed until the promise settles, and then even `info()` would fail. The
//! session is taken out while it works and put back when it is done, so a second call meanwhile
//! is a clear error instead of a trap.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

use engine::bench::Asked;
use engine::{Session, Step};
use gguf::{ByteSource, Gguf};
use js_sys::{Array, Function, Promise, Uint32Array};
use kernels::{KvType, Loader, Plan, PlayerConfig, PlayerError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::bench;
use crate::convert::{self, DeviceInfo, ModelInfo};
use crate::error::EdgeError;
use crate::host;
use crate::settings::{self, GenerateSettings, LoadSettings};
use crate::source::{FileSource, SyncFile};

/// Set by the script while the module works; looked at between tokens and between pieces of a file.
#[wasm_bindgen]
#[derive(Default)]
pub struct CancelFlag(Rc<Cell<bool>>);

#[wasm_bindgen]
impl CancelFlag {
    /// A flag that is not set.
    #[wasm_bindgen(constructor)]
    pub fn new() -> CancelFlag {
        CancelFlag::default()
    }

    /// Sets it.
    pub fn cancel(&self) {
        self.0.set(true);
    }
}

/// Enough rows for a prompt's kernels.
const WARM_UP_ROWS: usize = 16;

/// Where models are computed.
pub(crate) enum Device {
    Cpu,
    Gpu(Box<gpu::Gpu>),
}

/// The device, and at most one model.
#[wasm_bindgen]
pub struct WasmEngine(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) device: Device,
    adapter: String,
    next_task: Function,
    session: RefCell<Option<Session>>,
    /// Of the model loaded last.
    kv: Cell<KvType>,
    /// Kernels were tried, and the script has not stored the result.
    pub(crate) has_new_tuning: Cell<bool>,
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
        cpu::set_clock(|| host::performance_now() / 1000.0);
        let host = format!("{adapter} in {browser}");
        let device = match device.as_str() {
            "cpu" => Device::Cpu,
            // Asked for by name, an adapter that computes on the processor is taken too.
            "gpu" => Device::Gpu(open_gpu(host, subgroups, true).await.map_err(EdgeError::from)?),
            _ => open_gpu(host, subgroups, false).await.map_or(Device::Cpu, Device::Gpu),
        };
        let session = RefCell::new(None);
        let (kv, has_new_tuning) = (Cell::default(), Cell::default());
        let has_new_record = Cell::default();
        let inner =
            Inner { device, adapter, next_task, session, kv, has_new_tuning, has_new_record };
        Ok(WasmEngine(Rc::new(inner)))
    }

    /// The device, and the kernel forms of the model in use.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let inner = &*self.0;
        let player = inner.session.borrow().as_ref().map(Session::player_info);
        let features = inner.gpu().map_or_else(Vec::new, features);
        let tuned = inner.gpu().map_or_else(Vec::new, gpu::Gpu::tuned_forms);
        let kernels = player.map_or_else(Vec::new, |player| player.kernels);
        let (device, adapter) = (inner.device_kind(), inner.device_name());
        Ok(convert::to_js(&DeviceInfo { device, adapter, features, kernels, tuned })?)
    }

    /// Reads the header of `files` and says what is wrong with it, without touching the model.
    pub fn check(&self, files: &Array) -> Result<(), JsValue> {
        let (gguf, _) = open_files(settings::files(files))?;
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
        let (inner, cancel) = (Rc::clone(&self.0), Rc::clone(&cancel.0));
        let files = settings::files(files);
        promise(async move { load(&inner, settings, files, &on_progress, &cancel).await })
    }

    /// Writes an answer; every piece goes to `on_piece`. Resolves after the last.
    pub fn generate(&self, settings: JsValue, on_piece: Function, cancel: &CancelFlag) -> Promise {
        let (inner, cancel) = (Rc::clone(&self.0), Rc::clone(&cancel.0));
        promise(async move {
            let mut session = inner.take()?;
            let result = generate(&mut session, settings, &on_piece, &cancel).await;
            inner.put_back(session);
            result.map(|()| JsValue::UNDEFINED)
        })
    }

    /// Measures the model in use; `{ progress }` and `{ row }` go to `on_event`. Resolves to rows.
    /// `file` is the name of what was loaded, as the page has it.
    pub fn bench(
        &self,
        settings: JsValue,
        file: String,
        on_event: Function,
        cancel: &CancelFlag,
    ) -> Promise {
        let (inner, cancel) = (Rc::clone(&self.0), Rc::clone(&cancel.0));
        promise(async move {
            let mut session = inner.take()?;
            let (device, kv) = (inner.device_kind().into(), inner.kv.get());
            let asked = Asked { file, device, kv, ..Asked::default() };
            let result = bench::run(&mut session, asked, settings, &on_event, &cancel).await;
            inner.put_back(session);
            result
        })
    }

    /// Token ids of `text`.
    pub fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<u32>, JsValue> {
        let session = self.0.session.borrow();
        let session = session.as_ref().ok_or_else(EdgeError::no_model)?;
        let options = tokenizer::Encode { add_special, parse_special };
        Ok(session.tokenizer().encode(text, options))
    }

    /// Logits after the last of `ids`, or after each. Resolves to a `Float32Array`.
    pub fn logits(&self, ids: &Uint32Array, all: bool) -> Promise {
        let inner = Rc::clone(&self.0);
        let ids = ids.to_vec();
        promise(async move {
            let mut session = inner.take()?;
            let mut values = Vec::new();
            let result = session.logits(&ids, all, |rows| values.extend_from_slice(rows)).await;
            inner.put_back(session);
            result?;
            Ok(js_sys::Float32Array::from(values.as_slice()).into())
        })
    }

    /// Drops the model and what it holds on the device.
    pub fn unload(&self) {
        self.0.session.borrow_mut().take();
    }

    /// Destroys the graphics device, as a crash of its process would: for tests.
    #[wasm_bindgen(js_name = loseDevice)]
    pub fn lose_device(&self) {
        if let Some(gpu) = self.0.gpu() {
            gpu.destroy();
        }
    }
}

impl Inner {
    fn take(&self) -> Result<Session, EdgeError> {
        self.session.borrow_mut().take().ok_or_else(EdgeError::no_model)
    }

    fn put_back(&self, session: Session) {
        self.session.borrow_mut().replace(session);
    }

    fn loader(&self, plan: &Plan, config: PlayerConfig) -> Result<Box<dyn Loader>, PlayerError> {
        match self.trusted_gpu() {
            None => cpu::loader(plan, config),
            Some(gpu) => gpu.loader(plan, config),
        }
    }

    fn device_kind(&self) -> &'static str {
        if self.trusted_gpu().is_some() { "gpu" } else { "cpu" }
    }

    /// For people. Browsers tell the page's script more about an adapter than wgpu passes on.
    fn device_name(&self) -> String {
        match self.trusted_gpu() {
            None => {
                let set = cpu::instruction_sets().first().copied().unwrap_or_default();
                let n = cpu::n_page_threads();
                format!("WebAssembly {set}, {n} {}", if n == 1 { "thread" } else { "threads" })
            }
            Some(_) => format!("{} (WebGPU)", self.adapter),
        }
    }
}

pub(crate) async fn open_gpu(
    host: String,
    subgroups: bool,
    allow_software: bool,
) -> Result<Box<gpu::Gpu>, PlayerError> {
    let allow_subgroups = Some(subgroups);
    // The page's clock keeps prompt chunks inside their time budget.
    let clock_ms: Option<fn() -> f64> = Some(host::performance_now);
    let options =
        gpu::Options { allow_subgroups, allow_software, clock_ms, host, ..Default::default() };
    gpu::Gpu::open(&options).await.map(Box::new)
}

/// The optional features in use.
fn features(gpu: &gpu::Gpu) -> Vec<String> {
    let forms = gpu.summary().forms;
    let all = [("subgroups", forms.subgroups), ("f16", forms.f16)];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()).collect()
}

fn promise(work: impl Future<Output = Result<JsValue, EdgeError>> + 'static) -> Promise {
    future_to_promise(async move { work.await.map_err(JsValue::from) })
}

/// The files as one model, and their bytes in all.
fn open_files(files: Vec<SyncFile>) -> Result<(Gguf, u64), EdgeError> {
    let mut sources: Vec<Box<dyn ByteSource>> = Vec::with_capacity(files.len());
    let mut n_bytes = 0;
    for file in files {
        let source = FileSource::new(file)?;
        n_bytes += source.len();
        sources.push(Box::new(source));
    }
    Ok((Gguf::open_split(sources)?, n_bytes))
}

async fn load(
    inner: &Inner,
    settings: JsValue,
    files: Vec<SyncFile>,
    on_progress: &Function,
    cancel: &Cell<bool>,
) -> Result<JsValue, EdgeError> {
    let settings: LoadSettings = serde_wasm_bindgen::from_value(settings)?;
    inner.session.borrow_mut().take(); // first, so that two models are never on the device at once
    let (gguf, file_bytes) = open_files(files)?;
    let opened = engine::open(gguf)?;
    let n_ctx = settings.context_length.map_or(opened.default_n_ctx(), |n| n as usize);
    inner.kv.set(settings.kv()?);
    let config = PlayerConfig { n_ctx, n_slots: 1, kv: inner.kv.get(), n_threads: 0 };
    let tell = |phase: &str, done: f64, total: JsValue| {
        // What the listener throws is its own affair: the load goes on.
        let _ = on_progress.call3(&JsValue::UNDEFINED, &phase.into(), &done.into(), &total);
    };
    let prepare = || tell("prepare", 0.0, JsValue::NULL);
    let progress = |done: u64, total: u64| {
        tell("load", done as f64, JsValue::from_f64(total as f64));
        if cancel.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    inner.examine(&opened.model.plan, config, settings.tuning, prepare).await?;
    inner.tune(&opened.model.plan, settings.tuning, prepare).await?;
    if cancel.get() {
        return Err(engine::Error::LoadCancelled.into());
    }
    let env = host::env(&inner.next_task);
    let make = |plan: &Plan, config| inner.loader(plan, config);
    let mut session = opened.load(config, make, env, progress).await?;
    if inner.trusted_gpu().is_some() {
        prepare();
    }
    warm_up(&mut session, cancel).await?;
    let name = settings.names.into_iter().next().unwrap_or_default();
    let device = (inner.device_kind(), inner.device_name());
    let info = ModelInfo::new(&session, name, file_bytes, device);
    inner.put_back(session);
    convert::to_js(&info)
}

/// Runs one job of a single row and one of several, because browsers compile a shader when it is
/// first used, and switch to optimized WebAssembly only between calls: the time that takes belongs
/// to the loading, not to the first answer.
async fn warm_up(session: &mut Session, cancel: &Cell<bool>) -> Result<(), EdgeError> {
    session.step_raw(&[0], 0, true).await?;
    if cancel.get() {
        return Err(engine::Error::LoadCancelled.into());
    }
    let n_rows = WARM_UP_ROWS.min(session.max_rows()).min(session.n_ctx());
    session.logits(&vec![0; n_rows], false, |_| {}).await?;
    session.clear();
    Ok(())
}

async fn generate(
    session: &mut Session,
    settings: JsValue,
    on_piece: &Function,
    cancel: &Cell<bool>,
) -> Result<(), EdgeError> {
    let settings: GenerateSettings = serde_wasm_bindgen::from_value(settings)?;
    let mut generation = session.generate(settings.request()?)?;
    loop {
        generation.yield_now().await;
        if cancel.get() {
            generation.cancel();
        }
        let (piece, done) = match generation.step().await? {
            Step::Prefill { done, total } => (convert::reading(done, total)?, false),
            Step::Piece => (convert::piece(generation.piece())?, false),
            Step::Done => (convert::done(generation.summary())?, true),
        };
        // What the listener throws is its own affair: the answer goes on.
        let _ = on_piece.call1(&JsValue::UNDEFINED, &piece);
        if done {
            return Ok(());
        }
    }
}
