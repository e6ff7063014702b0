//! Errors as the page sees them: `{ code, message, detail }`, never a bare string.
//!
//! The sentence is the crate's own that found the problem; only its first letter and its full stop
//! are set here, because library errors are written to follow a prefix and the page has none.

use js_sys::{Object, Reflect};
#[cfg(feature = "engine")]
use kernels::PlayerError;
use wasm_bindgen::JsValue;

/// What goes over the edge.
pub struct EdgeError {
    code: &'static str,
    message: String,
    detail: String,
}

impl EdgeError {
    /// An error of this crate.
    pub fn new(code: &'static str, message: impl Into<String>) -> EdgeError {
        EdgeError { code, message: message.into(), detail: String::new() }
    }

    /// The same with more for a report.
    pub fn with_detail(self, detail: String) -> EdgeError {
        EdgeError { detail, ..self }
    }

    /// The message as a sentence.
    pub fn sentence(&self) -> String {
        sentence(&self.message)
    }

    /// No model, or one that was taken while it worked.
    pub fn no_model() -> EdgeError {
        EdgeError::new("model.unloaded", "no model is loaded; load one first")
    }
}

impl std::fmt::Display for EdgeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(feature = "engine")]
impl From<engine::Error> for EdgeError {
    fn from(error: engine::Error) -> EdgeError {
        let code = match &error {
            engine::Error::LoadCancelled => "aborted",
            engine::Error::Player(player) => player_code(player),
            other => other.code(),
        };
        EdgeError { code, message: error.to_string(), detail: format!("{error:?}") }
    }
}

impl From<gguf::Error> for EdgeError {
    fn from(error: gguf::Error) -> EdgeError {
        let detail = format!("{error:?}");
        EdgeError { code: "model.damaged", message: error.to_string(), detail }
    }
}

#[cfg(feature = "engine")]
impl From<PlayerError> for EdgeError {
    fn from(error: PlayerError) -> EdgeError {
        engine::Error::from(error).into()
    }
}

impl From<gguf::SourceError> for EdgeError {
    fn from(error: gguf::SourceError) -> EdgeError {
        EdgeError::new("file.gone", format!("the file cannot be read: {error}; choose it again"))
    }
}

impl From<serde_wasm_bindgen::Error> for EdgeError {
    fn from(error: serde_wasm_bindgen::Error) -> EdgeError {
        EdgeError::new("request.invalid", format!("a setting has the wrong type: {error}"))
    }
}

#[cfg(feature = "engine")]
fn player_code(error: &PlayerError) -> &'static str {
    match error {
        PlayerError::Memory { device, .. } if device != "cpu" => "gpu.memory",
        PlayerError::Memory { .. } => "model.toobig",
        PlayerError::DeviceLost { .. } => "gpu.lost",
        PlayerError::Context { .. } => "ctx.full",
        PlayerError::TensorType { .. } | PlayerError::Unsupported { .. } => "model.unsupported",
        _ => "engine.device",
    }
}

impl From<EdgeError> for JsValue {
    fn from(error: EdgeError) -> JsValue {
        let body = Object::new();
        let message = error.sentence();
        let fields = [("code", error.code), ("message", &message), ("detail", &error.detail)];
        for (name, value) in fields {
            // Setting a field of a fresh plain object cannot fail.
            let _ = Reflect::set(&body, &JsValue::from_str(name), &JsValue::from_str(value));
        }
        body.into()
    }
}

/// "the prompt is empty" → "The prompt is empty."; names of files and hosts stay what they are.
fn sentence(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_name = word.trim_end_matches([':', ',', ';', '.']).contains(['.', ':', '/', '@']);
    let mut letters = text.chars();
    let first = letters.next().map(|c| match is_name {
        true => c.to_string(),
        false => c.to_uppercase().to_string(),
    });
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}
