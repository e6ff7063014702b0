//! Whether a model fits this page: the planner's answer from a header, wherever that lies.
//!
//! A browser tells neither how much graphics memory there is nor how much is free, so the limits
//! here are careful guesses, from the largest buffer the adapter allows and the machine's memory in
//! the coarse steps a browser gives away.

use gguf::{ByteSource, Gguf};
use js_sys::{Array, Promise, Reflect};
use kernels::KvType;
use serde::{Deserialize, Serialize};
use store::Name;
use store::fit::{self, Host, Limits, Needs, Place};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::add::in_order;
use super::chosen::ChosenFile;
use super::class::{PageClient, WasmStore, access_of};
use super::facts::{ModelFacts, cache_block};
use super::failure::explain;
use super::io::estimate;
use super::until::unless_aborted;
use super::{PageStore, scope};
use crate::device::Device;
use crate::edge::WasmEngine;
use crate::error::EdgeError;
use crate::js::{promise, to_js};
use crate::load::player_config;
use hosting::library::file_address;

/// Memory of a machine whose browser does not say: of the smallest that is still in use.
const UNKNOWN_MEMORY: u64 = 4_000_000_000;
/// An adapter has room for at least so many of the largest buffers it allows.
const BUFFERS: u64 = 4;
/// WebAssembly's memory ends at 4 GiB; what a module needs besides weights is taken off.
const WASM_BYTES: u64 = (4 << 30) - (256 << 20);

/// `{ contextLength?, kvType?, weightBytes? }`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wishes {
    context_length: Option<u32>,
    kv_type: Option<String>,
    /// Of a model that could be made of this one, and would have to be stored.
    weight_bytes: Option<f64>,
}

/// `Fit`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Out {
    verdict: &'static str,
    device: &'static str,
    context_length: u64,
    wished_context_length: u64,
    kv_type: &'static str,
    needs: NeedsOut,
    has: HasOut,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
}

#[derive(Serialize)]
struct NeedsOut {
    weights: u64,
    context: u64,
    scratch: u64,
    total: u64,
    storage: u64,
}

#[derive(Serialize)]
struct HasOut {
    device: Option<u64>,
    storage: Option<u64>,
    memory: Option<u64>,
}

/// A header that was read: the model in it, and the bytes that would have to be stored.
struct Header {
    opened: engine::Opened,
    storage: u64,
}

const KV_TYPES: [(KvType, &str); 3] =
    [(KvType::F32, "f32"), (KvType::F16, "f16"), (KvType::Q8_0, "q8_0")];

#[wasm_bindgen]
impl WasmEngine {
    /// Whether a model (a stored one, a name or an address, chosen files, or the facts of one)
    /// fits this device. Resolves to a `Fit`.
    pub fn fit(
        &self,
        store: &WasmStore,
        source: JsValue,
        wishes: JsValue,
        signal: AbortSignal,
    ) -> Promise {
        let (inner, client) = (self.0.clone(), store.0.clone());
        promise(async move {
            let wishes: Wishes = serde_wasm_bindgen::from_value(wishes)?;
            if Reflect::has(&source, &"nLayers".into()).unwrap_or(false) {
                let facts: ModelFacts = serde_wasm_bindgen::from_value(source)?;
                return of_facts(&facts.into(), &wishes, &limits(&inner.device).await);
            }
            let header = unless_aborted(&signal, header(&client, &source)).await?;
            of_header(&header, &wishes, &limits(&inner.device).await)
        })
    }
}

async fn header(client: &PageClient, source: &JsValue) -> Result<Header, EdgeError> {
    let open = |sources| -> Result<engine::Opened, EdgeError> {
        Ok(engine::open(Gguf::open_split(sources)?)?)
    };
    let Some(text) = source.as_string() else {
        let files = in_order(&Array::from(source));
        let storage = files.iter().map(|file| file.size() as u64).sum();
        let sources = files.iter().map(|f| Box::new(ChosenFile::new(f)) as Box<dyn ByteSource>);
        return Ok(Header { opened: open(sources.collect())?, storage });
    };
    if let Ok(name) = client.find(&text).await {
        let model = client.store().get(&name).await?;
        let mut sources: Vec<Box<dyn ByteSource>> = Vec::new();
        for file in PageStore::model_files(&model) {
            sources.push(Box::new(client.store().open_blob(&file.digest).await?));
        }
        return Ok(Header { opened: open(sources)?, storage: 0 });
    }
    let access = access_of(&text);
    let open = |sources| open(sources).map_err(Refusal::Edge);
    let (found, url) = match file_address(&text) {
        Some(url) => (client.client.header_at(&url, access, open).await, Some(url)),
        None => {
            let name: Name = text.parse()?;
            (client.client.header_named(&name, access, open).await, None)
        }
    };
    match found {
        Ok((opened, storage)) => Ok(Header { opened, storage }),
        Err(Refusal::Edge(error)) => Err(error),
        Err(Refusal::Store(error)) => Err(explain(error, url.as_deref()).await),
    }
}

/// Who refused a header.
enum Refusal {
    Store(store::Error),
    Edge(EdgeError),
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Refusal {
        Refusal::Store(error)
    }
}

/// What this page may use, as far as a browser says.
async fn limits(device: &Device) -> Limits {
    let memory = device_memory().unwrap_or(UNKNOWN_MEMORY);
    let cpu = Place { device: fit::Device::Cpu, bytes: Some(page_memory()), buffer: None };
    let gpu = device.gpu().map(|gpu| {
        let summary = gpu.summary();
        let most = summary.max_buffer_bytes.saturating_mul(BUFFERS).min(memory);
        let buffer = Some(summary.max_binding_bytes.min(summary.max_buffer_bytes));
        Place { device: fit::Device::Gpu, bytes: Some(most), buffer }
    });
    let storage = estimate().await.map(|(usage, quota)| quota.saturating_sub(usage));
    Limits { places: gpu.into_iter().chain([cpu]).collect(), storage, host: Host::Browser }
}

/// Bytes that a model on the processor may take in a worker of this page, about.
pub fn page_memory() -> u64 {
    WASM_BYTES.min(device_memory().unwrap_or(UNKNOWN_MEMORY))
}

/// Half of the machine's memory in bytes, in the browser's coarse steps.
fn device_memory() -> Option<u64> {
    let gb = Reflect::get(&scope::scope().navigator(), &"deviceMemory".into()).ok()?.as_f64()?;
    Some((gb * 500_000_000.0) as u64)
}

/// What a page is told about a header that was read.
fn of_header(header: &Header, wishes: &Wishes, limits: &Limits) -> Result<JsValue, EdgeError> {
    let opened = &header.opened;
    let plan = &opened.model.plan;
    let wished = wishes.weight_bytes.map(|bytes| bytes as u64);
    let needs = |_, context: u64, kv| {
        // What a load would take that says nothing of slots.
        let config = player_config(plan, context as usize, None, kv);
        let takes = plan.footprint(&config);
        let (context, scratch) = (takes.cache, takes.scratch);
        let weights = wished.unwrap_or(takes.weights);
        // All tensors become smaller by about as much.
        let ratio = weights as f64 / takes.weights.max(1) as f64;
        let largest = (takes.largest as f64 * ratio) as u64;
        Needs { weights, context, scratch, largest }
    };
    let asked = Asked {
        needs: &needs,
        context: opened.default_n_ctx() as u64,
        storage: wished.unwrap_or(header.storage),
        n_params: opened.info().n_params,
    };
    answer(&asked, wishes, limits)
}

/// The same of a model of which only the facts are here.
fn of_facts(facts: &fit::Facts, wishes: &Wishes, limits: &Limits) -> Result<JsValue, EdgeError> {
    let needs = |_, context: u64, kv| facts.needs(context, cache_block(kv));
    let asked = Asked {
        needs: &needs,
        context: facts.context_length.min(engine::DEFAULT_N_CTX as u64),
        storage: facts.bytes,
        n_params: facts.n_params,
    };
    answer(&asked, wishes, limits)
}

/// A model as the planner is asked about it.
struct Asked<'a> {
    needs: &'a dyn Fn(fit::Device, u64, KvType) -> Needs,
    /// Tokens, where no other number is wished for.
    context: u64,
    storage: u64,
    n_params: u64,
}

fn answer(asked: &Asked<'_>, wishes: &Wishes, limits: &Limits) -> Result<JsValue, EdgeError> {
    let kv_types = match wishes.kv_type.as_deref() {
        None => &KV_TYPES[1..],
        Some(wish) => match KV_TYPES.iter().position(|(_, name)| *name == wish) {
            Some(at) => &KV_TYPES[at..=at],
            None => {
                let text = format!("kvType is '{wish}', but it must be f32, f16 or q8_0");
                return Err(EdgeError::new("request.invalid", text));
            }
        },
    };
    let model = fit::Model {
        needs: asked.needs,
        kv_types,
        context: wishes.context_length.map_or(asked.context, u64::from),
        is_kv_fixed: wishes.kv_type.is_some(),
        storage: asked.storage,
        n_params: asked.n_params,
    };
    let nowhere = || EdgeError::new("engine.device", "there is nothing to run a model on");
    let found = fit::plan(&model, limits).ok_or_else(nowhere)?;
    let kv_name = KV_TYPES.iter().find(|(kv, _)| *kv == found.kv).map_or("f16", |(_, name)| name);
    let place = |device| limits.places.iter().find(|place| place.device == device);
    to_js(&Out {
        verdict: found.verdict.name(),
        device: match found.device {
            fit::Device::Gpu => "gpu",
            fit::Device::Cpu => "cpu",
        },
        context_length: found.context,
        wished_context_length: found.wished_context,
        kv_type: kv_name,
        needs: NeedsOut {
            weights: found.needs.weights,
            context: found.needs.context,
            scratch: found.needs.scratch,
            total: found.needs.total(),
            storage: asked.storage,
        },
        has: HasOut {
            device: place(fit::Device::Gpu).and_then(|place| place.bytes),
            storage: limits.storage,
            memory: place(fit::Device::Cpu).and_then(|place| place.bytes),
        },
        sentence: found.sentence,
        nearest: found.nearest,
    })
}
