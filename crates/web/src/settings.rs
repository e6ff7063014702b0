//! Settings as the page sends them: every field may be missing, names are JavaScript's.

use engine::{Prompt, Request};
use kernels::KvType;
use serde::Deserialize;

use crate::error::EdgeError;
use crate::source::SyncFile;
use crate::tuning::Wish;

/// `{ names, keys?, contextLength?, slots?, kvType?, tuning? }`; the files beside it are not data
/// and are read apart. `keys` are the digests of files that are stored by digest.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadSettings {
    pub names: Vec<String>,
    pub keys: Vec<String>,
    pub context_length: Option<u32>,
    pub slots: Option<u32>,
    pub kv_type: Option<String>,
    pub tuning: Wish,
}

impl LoadSettings {
    /// The cache type by its name; f16 when nothing is said.
    pub fn kv(&self) -> Result<KvType, EdgeError> {
        match self.kv_type.as_deref() {
            Some("f32") => Ok(KvType::F32),
            None | Some("f16") => Ok(KvType::F16),
            Some("q8_0") => Ok(KvType::Q8_0),
            Some(other) => {
                let text = format!("kvType is '{other}', but it must be f32, f16 or q8_0");
                Err(EdgeError::new("request.invalid", text))
            }
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Deserialize)]
pub struct Message {
    role: String,
    content: String,
}

/// What `generate` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GenerateSettings {
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    tokens: Option<Vec<u32>>,
    max_tokens: Option<u32>,
    stop: Option<Vec<String>>,
    temperature: Option<f32>,
    top_k: Option<u32>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    typical_p: Option<f32>,
    repeat_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    repeat_last_n: Option<u32>,
    seed: Option<u32>,
    ignore_eos: Option<bool>,
}

impl GenerateSettings {
    /// The engine's request; its own check finds values without a meaning.
    pub fn request(self) -> Result<Request, EdgeError> {
        let prompt = match (self.prompt, self.messages, self.tokens) {
            (Some(text), None, None) => Prompt::Text(text),
            (None, Some(messages), None) => {
                let message = |m: Message| chat::Message::new(m.role, m.content);
                Prompt::Messages(messages.into_iter().map(message).collect())
            }
            (None, None, Some(ids)) => Prompt::Tokens(ids),
            _ => {
                let text = "give exactly one of prompt, messages and tokens";
                return Err(EdgeError::new("request.invalid", text));
            }
        };
        let mut request = Request::new(prompt);
        request.max_tokens = self.max_tokens.map(|n| n as usize);
        request.stop = self.stop.unwrap_or_default();
        request.seed = self.seed;
        request.ignore_eos = self.ignore_eos.unwrap_or(false);
        let s = &mut request.sampling;
        s.temperature = self.temperature.unwrap_or(s.temperature);
        s.top_k = self.top_k.unwrap_or(s.top_k);
        s.top_p = self.top_p.unwrap_or(s.top_p);
        s.min_p = self.min_p.unwrap_or(s.min_p);
        s.typical_p = self.typical_p.unwrap_or(s.typical_p);
        s.repeat_penalty = self.repeat_penalty.unwrap_or(s.repeat_penalty);
        s.presence_penalty = self.presence_penalty.unwrap_or(s.presence_penalty);
        s.frequency_penalty = self.frequency_penalty.unwrap_or(s.frequency_penalty);
        s.repeat_last_n = self.repeat_last_n.unwrap_or(s.repeat_last_n);
        Ok(request)
    }
}

/// The open files of a load, in the order of their parts.
pub fn files(files: &js_sys::Array) -> Vec<SyncFile> {
    use wasm_bindgen::JsCast;
    files.iter().map(JsCast::unchecked_into).collect()
}
