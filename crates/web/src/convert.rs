//! What goes out: plain objects with JavaScript's names, shaped like the types of the package.

use engine::{Session, Summary};
use kernels::PlayerInfo;
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::error::EdgeError;
use crate::js::to_js;
use crate::own::Own;

/// `EngineInfo` without what only the script knows.
#[derive(Serialize)]
pub struct DeviceInfo {
    pub device: &'static str,
    pub adapter: String,
    pub features: Vec<String>,
    pub kernels: Vec<(String, String)>,
    pub tuned: Vec<String>,
}

/// `ModelInfo`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    name: String,
    title: String,
    architecture: String,
    file_bytes: u64,
    weight_type: String,
    n_vocab: usize,
    n_layers: usize,
    context_length: usize,
    slots: usize,
    trained_context: usize,
    has_template: bool,
    template_note: Option<String>,
    /// Its Modelfile's.
    temperature: Option<f32>,
    device: &'static str,
    device_name: String,
    kernels: Vec<(String, String)>,
    weight_bytes: u64,
    kv_bytes: u64,
    scratch_bytes: u64,
    load_ms: f64,
}

impl ModelInfo {
    /// Everything the page shows about a loaded model.
    pub fn new(
        session: &Session,
        name: &str,
        file_bytes: u64,
        (device, device_name): (&'static str, String),
        own: &Own,
    ) -> ModelInfo {
        let info = session.model_info();
        let template = session.template();
        let is_fallback = template.is_fallback() && own.template.is_none();
        let player: PlayerInfo = session.player_info();
        let plain_name = name.strip_suffix(".gguf").unwrap_or(name).to_owned();
        ModelInfo {
            title: info.name.clone().filter(|text| !text.trim().is_empty()).unwrap_or(plain_name),
            name: name.to_owned(),
            architecture: info.architecture.clone(),
            file_bytes,
            weight_type: info.main_type.clone(),
            n_vocab: info.dims.n_vocab,
            n_layers: info.dims.n_layers,
            context_length: session.n_ctx(),
            slots: session.n_slots(),
            trained_context: info.dims.n_ctx_train,
            has_template: !is_fallback,
            template_note: template.fallback_reason().filter(|_| is_fallback).map(str::to_owned),
            temperature: own.options.temperature,
            device,
            device_name,
            kernels: player.kernels,
            weight_bytes: player.weight_bytes,
            kv_bytes: player.kv_bytes,
            scratch_bytes: player.scratch_bytes,
            load_ms: session.load_ms(),
        }
    }
}

#[derive(Serialize)]
struct Reading {
    done: usize,
    total: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timings {
    prompt_tokens: usize,
    cached_tokens: usize,
    output_tokens: usize,
    prefill_ms: f64,
    decode_ms: f64,
}

/// `Piece` in all its forms; absent fields are left out.
#[derive(Serialize)]
struct PieceOut<'a> {
    done: bool,
    text: &'a str,
    tokens: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Timings>,
}

const EMPTY: PieceOut<'static> = PieceOut {
    done: false,
    text: "",
    tokens: &[],
    reading: None,
    thinking: None,
    reason: None,
    timings: None,
};

/// How a model writes what it thinks before it answers.
#[derive(Serialize)]
pub struct Thinking {
    pub open: String,
    pub close: String,
    /// The prompt ends with `open`, so the answer begins inside.
    pub begun: bool,
}

/// Before everything else, of a model that thinks.
pub fn thinking(thinking: &Thinking) -> Result<JsValue, EdgeError> {
    to_js(&PieceOut { thinking: Some(thinking), ..EMPTY })
}

/// A chunk of the prompt was read.
pub fn reading(done: usize, total: usize) -> Result<JsValue, EdgeError> {
    to_js(&PieceOut { reading: Some(Reading { done, total }), ..EMPTY })
}

/// Text came.
pub fn piece(text: &str, tokens: &[u32]) -> Result<JsValue, EdgeError> {
    to_js(&PieceOut { text, tokens, ..EMPTY })
}

/// The last piece.
pub fn done(summary: &Summary) -> Result<JsValue, EdgeError> {
    let timings = Timings {
        prompt_tokens: summary.prompt_tokens,
        cached_tokens: summary.reused_tokens,
        output_tokens: summary.generated_tokens,
        prefill_ms: summary.prefill_ms,
        decode_ms: summary.decode_ms,
    };
    let reason = summary.finish_reason.map_or("stop", engine::FinishReason::name);
    to_js(&PieceOut { done: true, reason: Some(reason), timings: Some(timings), ..EMPTY })
}
