//! The work: rows through a few buffers, a blob without a name until it was read back, a manifest.
//!
//! Nothing has a name before the end. A cancel is looked for between two pieces, and what was
//! written until then is removed; a worker that is killed leaves a nameless file, which a prune
//! takes away like that of a download.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;

use gguf::{ByteSource, Gguf};
use js_sys::Function;
use quantize::{GgufSource, Plan, Steps, Verification, Written};
use serde::Serialize;
use store::{BlobFile, BlobWriter, Clock, Layer, Model, ModelConfig, Name, media};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::Bench;
use super::order::{Order, Settings};
use super::out::placed_bytes;
use crate::error::EdgeError;
use crate::js::{performance_now, to_js};
use crate::store::{PageClock, PageIo, PageLock, PageStore, cancelled, try_lock};

/// Bytes for all rows on their way. The usual piece has 3 MiB with its numbers; only a row of
/// millions of numbers would need more than this.
const MAX_MEMORY: u64 = 32 << 20;
/// Browsers write slowly in small pieces.
const WRITE_BYTES: usize = 1 << 20;
/// Between two reports of one tensor, milliseconds.
const TELL_MS: f64 = 100.0;
/// Before this nothing is said about the time left, milliseconds.
const LEFT_AFTER_MS: f64 = 1000.0;

type Writing = BlobWriter<PageIo, PageClock>;

/// Makes the model; its name.
pub async fn quantize(
    store: &PageStore,
    source: &str,
    settings: &Settings,
    on_progress: &Function,
    signal: &AbortSignal,
) -> Result<Name, EdgeError> {
    let Bench { model, source } = Bench::open(store, source).await?;
    let order = Order::new(settings, &model.name)?;
    let plan = order.plan(&source)?;
    let source = source.without_metadata();
    let _lock = reserve(store, &order).await?;
    let work = Work { store, plan: &plan, on_progress, signal };
    let (written, writer) = work.write(source).await?;
    let writer = work.check(&written, writer).await?;
    let (digest, size) = writer.finish(None).await?;
    let new = Layer::new(media::MODEL, digest, size);
    name_model(store, &model, &order, new).await
}

/// Nobody else makes a model of this name, and there is none.
async fn reserve(store: &PageStore, order: &Order) -> Result<PageLock, EdgeError> {
    let shown = order.name.short();
    let lock = format!("ingle-store/{}/making/{}", store.io().kind(), order.name);
    let failed = |_| EdgeError::new("store.failed", "this browser has no locks between tabs");
    let Some(lock) = try_lock(&lock.to_lowercase()).await.map_err(failed)? else {
        let text =
            format!("a model {shown} is being made already, here or in another tab; wait for it");
        return Err(EdgeError::new("store.locked", text));
    };
    if store.resolve(&order.name).await?.is_some() {
        let text =
            format!("a model {shown} is here already; delete it first, or choose another name");
        return Err(EdgeError::new("model.exists", text));
    }
    Ok(lock)
}

/// The source's manifest with the new weights in place of its own: template, parameters, license
/// and everything else stay.
async fn name_model(
    store: &PageStore,
    source: &Model,
    order: &Order,
    new: Layer,
) -> Result<Name, EdgeError> {
    let raw = store.read_layer(source.manifest.config()).await?;
    let damaged = |reason| store::Error::Manifest { name: source.name.to_string(), reason };
    let mut config = ModelConfig::parse(&raw).map_err(damaged)?;
    config.file_type = order.file_type.name().to_owned();
    let is_weights = |layer: &Layer| layer.media_type == media::MODEL;
    let mut layers = source.manifest.layers().to_vec();
    let place = layers.iter().position(is_weights).unwrap_or(0);
    layers.retain(|layer| !is_weights(layer));
    layers.insert(place, new);
    let manifest = store.manifest_of(config, layers).await?;
    Ok(store.commit(&order.name, &manifest).await?.name)
}

/// What both halves of the work need.
struct Work<'a> {
    store: &'a PageStore,
    plan: &'a Plan,
    on_progress: &'a Function,
    signal: &'a AbortSignal,
}

impl Work<'_> {
    async fn write(&self, source: GgufSource) -> Result<(Written, Writing), EdgeError> {
        let out = Gathered::default();
        let mut steps = Steps::new(&source, self.plan, None, MAX_MEMORY, out.clone())?;
        let size = out.len() + placed_bytes(self.plan);
        let mut writer = self.store.write_blob(Some(size)).await?;
        let mut teller = Teller::new(self, "quantize");
        loop {
            while let Some(piece) = out.full_piece() {
                writer = put(writer, &piece).await?;
            }
            match self.unless_aborted(|| steps.step()) {
                Ok(Some(progress)) => teller.tell(progress),
                Ok(None) => break,
                Err(error) => return dropped(writer, error).await,
            }
            self.store.clock().breathe().await;
        }
        let written = match steps.finish() {
            Ok((_, written)) => written,
            Err(error) => return dropped(writer, error.into()).await,
        };
        for piece in out.rest() {
            writer = put(writer, &piece).await?;
        }
        Ok((written, writer))
    }

    /// Reads what was written, before it gets its name.
    async fn check(&self, written: &Written, writer: Writing) -> Result<Writing, EdgeError> {
        match self.differs(written, &writer).await {
            Ok(()) => Ok(writer),
            Err(error) => dropped(writer, error).await,
        }
    }

    async fn differs(&self, written: &Written, writer: &Writing) -> Result<(), EdgeError> {
        writer.file().sync().await.map_err(store::Error::Io)?;
        let file: Box<dyn ByteSource> = Box::new(writer.file().clone());
        let unread = |error: gguf::Error| quantize::Error::Verify { reason: error.to_string() };
        let gguf = Gguf::open(file).map_err(unread)?;
        let mut check = Verification::new(&gguf, self.plan, written)?;
        let mut teller = Teller::new(self, "check");
        while let Some(progress) = self.unless_aborted(|| check.step())? {
            teller.tell(progress);
            self.store.clock().breathe().await;
        }
        Ok(())
    }

    fn unless_aborted<T>(
        &self,
        step: impl FnOnce() -> Result<T, quantize::Error>,
    ) -> Result<T, EdgeError> {
        if self.signal.aborted() { Err(cancelled()) } else { Ok(step()?) }
    }
}

async fn put(mut writer: Writing, bytes: &[u8]) -> Result<Writing, EdgeError> {
    match writer.write(bytes).await {
        Ok(()) => Ok(writer),
        Err(error) => dropped(writer, error.into()).await,
    }
}

/// Removes what was written, and fails. The file is closed and gone when this returns: the worker
/// ends then.
async fn dropped<T>(writer: Writing, error: EdgeError) -> Result<T, EdgeError> {
    writer.abandon().await;
    Err(error)
}

/// `QuantizeProgress`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    phase: &'static str,
    name: &'a str,
    #[serde(rename = "type")]
    ty: &'static str,
    step: usize,
    n_steps: usize,
    loaded: f64,
    total: f64,
    seconds_left: Option<f64>,
}

/// Tells the page of every tensor, and of the pieces of a large one from time to time.
struct Teller<'a> {
    plan: &'a Plan,
    listener: &'a Function,
    phase: &'static str,
    start: f64,
    last: Option<(usize, f64)>,
}

impl<'a> Teller<'a> {
    fn new(work: &Work<'a>, phase: &'static str) -> Self {
        let (plan, listener) = (work.plan, work.on_progress);
        Teller { plan, listener, phase, start: performance_now(), last: None }
    }

    fn tell(&mut self, progress: quantize::Progress) {
        let now = performance_now();
        let is_soon = self.last.is_some_and(|(step, at)| {
            step == progress.step && now - at < TELL_MS && progress.done < progress.total
        });
        let Some(step) = self.plan.steps.get(progress.step).filter(|_| !is_soon) else { return };
        self.last = Some((progress.step, now));
        let (done, total) = (progress.done as f64, progress.total as f64);
        let took = now - self.start;
        let left = (took >= LEFT_AFTER_MS && done > 0.0).then(|| took * (total - done) / done);
        let told = Told {
            phase: self.phase,
            name: &step.name,
            ty: step.to.name(),
            step: progress.step + 1,
            n_steps: self.plan.steps.len(),
            loaded: done,
            total,
            seconds_left: left.map(|ms| ms / 1000.0),
        };
        if let Ok(told) = to_js(&told) {
            // What the listener throws is its own affair.
            let _ = self.listener.call1(&JsValue::UNDEFINED, &told);
        }
    }
}

/// Bytes between the library, which writes, and the store, which is written to: in pieces, so that
/// a header of megabytes is not moved about while it grows.
#[derive(Clone, Default)]
struct Gathered(Rc<RefCell<VecDeque<Vec<u8>>>>);

impl Gathered {
    fn len(&self) -> u64 {
        self.0.borrow().iter().map(|piece| piece.len() as u64).sum()
    }

    /// The first piece, unless more comes into it.
    fn full_piece(&self) -> Option<Vec<u8>> {
        let mut pieces = self.0.borrow_mut();
        let is_full = pieces.front().is_some_and(|piece| piece.len() == WRITE_BYTES);
        if is_full { pieces.pop_front() } else { None }
    }

    fn rest(&self) -> VecDeque<Vec<u8>> {
        self.0.take()
    }
}

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = self.0.borrow_mut();
        if pieces.back().is_none_or(|piece| piece.len() == WRITE_BYTES) {
            pieces.push_back(Vec::with_capacity(WRITE_BYTES));
        }
        let room = pieces.back_mut().map_or(0, |piece| {
            let room = bytes.len().min(WRITE_BYTES - piece.len());
            piece.extend_from_slice(bytes.get(..room).unwrap_or_default());
            room
        });
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
