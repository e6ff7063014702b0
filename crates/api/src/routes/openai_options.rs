//! OpenAI's fields as options: their names and defaults differ, their meaning does not.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::limits::{MAX_CHOICES, MAX_LOGIT_BIAS};
use crate::types::{OneOrMany, Options};

/// The fields that choose how tokens are chosen, as requests of all of OpenAI's routes have them.
#[derive(Default)]
pub(super) struct Fields {
    pub seed: Option<i64>,
    pub stop: Option<OneOrMany>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<i64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    /// Ollama's, which win where both say something.
    pub options: Map<String, Value>,
}

/// What OpenAI's clients expect where they say nothing.
const DEFAULT_TEMPERATURE: f64 = 1.0;
const DEFAULT_TOP_P: f64 = 1.0;

impl Fields {
    /// As options.
    ///
    /// # Errors
    /// 400 for what is out of range.
    pub fn into_options(self) -> Result<Options, ApiError> {
        let mut map = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(name.to_owned(), value);
            }
        };
        set("temperature", Some(self.temperature.unwrap_or(DEFAULT_TEMPERATURE).into()));
        set("top_p", Some(self.top_p.unwrap_or(DEFAULT_TOP_P).into()));
        set("top_k", self.top_k.map(Into::into));
        set("seed", self.seed.map(Into::into));
        set("frequency_penalty", self.frequency_penalty.map(Into::into));
        set("presence_penalty", self.presence_penalty.map(Into::into));
        set("stop", self.stop.map(|stop| stop.into_vec().into()));
        map.extend(self.options);
        Options::read(&map)
    }
}

/// A bound on new tokens. Zero is for those who only want the prompt scored.
pub(super) fn max_tokens(field: &str, n: Option<i64>, min: i64) -> Result<Option<usize>, ApiError> {
    let Some(n) = n else { return Ok(None) };
    if n < min || n > i64::from(i32::MAX) {
        let message = format!("{field} is {n}, but it must be from {min} to {}", i32::MAX);
        return Err(ApiError::bad(message));
    }
    Ok(usize::try_from(n).ok())
}

/// How many answers to one prompt.
pub(super) fn choices(n: Option<u32>) -> Result<u32, ApiError> {
    match n.unwrap_or(1) {
        n @ 1..=MAX_CHOICES => Ok(n),
        n => Err(ApiError::bad(format!("n is {n}, but it must be from 1 to {MAX_CHOICES}"))),
    }
}

/// `logit_bias`: ids as keys, numbers from -100 to 100.
pub(super) fn logit_bias(map: &Map<String, Value>) -> Result<Vec<(u32, f32)>, ApiError> {
    if map.len() > MAX_LOGIT_BIAS {
        let n = map.len();
        let message = format!("logit_bias has {n} entries; at most {MAX_LOGIT_BIAS} are taken");
        return Err(ApiError::bad(message));
    }
    let entry = |(key, value): (&String, &Value)| {
        let id = key.parse::<u32>().ok();
        let bias = value.as_f64().filter(|bias| (-100.0..=100.0).contains(bias));
        Some((id?, bias? as f32))
    };
    let entries: Option<Vec<(u32, f32)>> = map.iter().map(entry).collect();
    let wrong = || ApiError::bad("logit_bias must map token ids to numbers from -100 to 100");
    entries.ok_or_else(wrong)
}
