//! Settings as the page sends them: every field may be missing, names are JavaScript's.

use engine::{Prompt, Request};
use hosting::runner::TextSide;
use kernels::KvType;
use kernels::sampling::MAX_RECENT;
use serde::Deserialize;

use crate::convert::Thinking;
use crate::error::EdgeError;
use crate::own::Own;
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
    template: Option<String>,
    resume: Vec<u32>,
    pub snapshot: Option<String>,
}

impl GenerateSettings {
    /// The engine's request, with the model's own settings where nothing else is said, and how the
    /// model thinks; the engine's check finds values without a meaning.
    pub fn request(
        self,
        own: &Own,
        text: &TextSide,
    ) -> Result<(Request, Option<Thinking>), EdgeError> {
        let (mut request, thinking) = match (self.prompt, self.messages, self.tokens) {
            (Some(text), None, None) => (Request::new(Prompt::Text(text)), None),
            (None, Some(messages), None) => {
                let message = |m: Message| chat::Message::new(m.role, m.content);
                let messages = messages.into_iter().map(message).collect();
                own.request(messages, self.template, text)?
            }
            (None, None, Some(ids)) => (Request::new(Prompt::Tokens(ids)), None),
            _ => {
                let text = "give exactly one of prompt, messages and tokens";
                return Err(EdgeError::new("request.invalid", text));
            }
        };
        let own = &own.options;
        let own_limit = own.num_predict.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
        request.max_tokens = self.max_tokens.map(|n| n as usize).or(own_limit);
        request.stop.extend(self.stop.or_else(|| own.stop.clone()).unwrap_or_default());
        // Always given: an answer that outlives its engine is drawn again with it.
        request.seed = self.seed;
        request.resume = self.resume;
        request.snapshot = self.snapshot;
        request.ignore_eos = self.ignore_eos.unwrap_or(false);
        let own_recent = own.repeat_last_n.map(|n| u32::try_from(n).unwrap_or(MAX_RECENT as u32));
        let s = &mut request.sampling;
        s.temperature = self.temperature.or(own.temperature).unwrap_or(s.temperature);
        s.top_k = self.top_k.or(own.top_k).unwrap_or(s.top_k);
        s.top_p = self.top_p.or(own.top_p).unwrap_or(s.top_p);
        s.min_p = self.min_p.or(own.min_p).unwrap_or(s.min_p);
        s.typical_p = self.typical_p.or(own.typical_p).unwrap_or(s.typical_p);
        s.repeat_penalty = self.repeat_penalty.or(own.repeat_penalty).unwrap_or(s.repeat_penalty);
        s.presence_penalty =
            self.presence_penalty.or(own.presence_penalty).unwrap_or(s.presence_penalty);
        s.frequency_penalty =
            self.frequency_penalty.or(own.frequency_penalty).unwrap_or(s.frequency_penalty);
        s.repeat_last_n = self.repeat_last_n.or(own_recent).unwrap_or(s.repeat_last_n);
        Ok((request, thinking))
    }
}

/// The open files of a load, in the order of their parts.
pub fn files(files: &js_sys::Array) -> Vec<SyncFile> {
    use wasm_bindgen::JsCast;
    files.iter().map(JsCast::unchecked_into).collect()
}
