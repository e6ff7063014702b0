//! `options`: how tokens are chosen and how a model is loaded, in Ollama's names.
//!
//! They come from three places, the model's own parameters, the request, and (as other names) the
//! fields of OpenAI's requests; the later win. Each is checked when it is read, so that nothing
//! behind this file meets a number without a meaning.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::limits::{MAX_NUM_CTX, MAX_STOP_BYTES, MAX_STOPS, MIN_NUM_CTX};

/// What was said; `None` is "as before".
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names are Ollama's; the table below says what they take")]
pub struct Options {
    pub num_keep: Option<u32>,
    /// Negative: another one for each request.
    pub seed: Option<i64>,
    /// Negative: until the context is full.
    pub num_predict: Option<i64>,
    pub top_k: Option<u32>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
    pub typical_p: Option<f32>,
    /// Negative: as many as are looked at at most.
    pub repeat_last_n: Option<i64>,
    pub temperature: Option<f32>,
    pub repeat_penalty: Option<f32>,
    pub presence_penalty: Option<f32>,
    pub frequency_penalty: Option<f32>,
    pub stop: Option<Vec<String>>,
    pub num_ctx: Option<u32>,
    pub num_batch: Option<u32>,
    /// Layers on the graphics device; negative: as many as fit.
    pub num_gpu: Option<i64>,
    pub num_thread: Option<u32>,
}

/// Highest temperature that is taken; far above it every token is equally likely.
const MAX_TEMPERATURE: f64 = 100.0;
/// Bound of the penalties; logits of real models stay below it.
const MAX_PENALTY: f64 = 100.0;

impl Options {
    /// Reads an object of options. Unknown ones are ignored, as Ollama does.
    ///
    /// # Errors
    /// 400 in Ollama's words for a wrong type, and for a number out of its range.
    pub fn read(map: &Map<String, Value>) -> Result<Options, ApiError> {
        let mut options = Options::default();
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ApiError> {
        match name {
            "num_keep" => self.num_keep = Some(count(name, value, 0, MAX_NUM_CTX)?),
            "seed" => self.seed = Some(integer(name, value)?),
            "num_predict" => self.num_predict = Some(predict(name, value)?),
            "top_k" => self.top_k = Some(count(name, value, 0, i32::MAX as u32)?),
            "top_p" => self.top_p = Some(number(name, value, 0.0, 1.0)?),
            "min_p" => self.min_p = Some(number(name, value, 0.0, 1.0)?),
            "typical_p" => self.typical_p = Some(number(name, value, 0.0, 1.0)?),
            "repeat_last_n" => self.repeat_last_n = Some(predict(name, value)?),
            "temperature" => self.temperature = Some(number(name, value, 0.0, MAX_TEMPERATURE)?),
            "repeat_penalty" => self.repeat_penalty = Some(positive(name, value)?),
            "presence_penalty" => self.presence_penalty = Some(penalty(name, value)?),
            "frequency_penalty" => self.frequency_penalty = Some(penalty(name, value)?),
            "stop" => self.stop = Some(stops(name, value)?),
            "num_ctx" => self.num_ctx = Some(count(name, value, 0, MAX_NUM_CTX)?.max(MIN_NUM_CTX)),
            "num_batch" => self.num_batch = Some(count(name, value, 1, MAX_NUM_CTX)?),
            "num_gpu" => self.num_gpu = Some(integer(name, value)?),
            "num_thread" => self.num_thread = Some(count(name, value, 0, 1 << 16)?),
            "use_mmap" | "low_vram" | "numa" | "use_mlock" | "vocab_only" | "f16_kv"
            | "logits_all" | "penalize_newline" => {
                value.as_bool().ok_or_else(|| wrong(name, "boolean"))?;
            }
            "main_gpu" | "mirostat" | "draft_num_predict" => {
                integer(name, value)?;
            }
            "mirostat_tau" | "mirostat_eta" | "tfs_z" => {
                value.as_f64().ok_or_else(|| wrong(name, "float32"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// These, with those of `later` in their place where it says something.
    #[must_use]
    pub fn then(self, later: Options) -> Options {
        Options {
            num_keep: later.num_keep.or(self.num_keep),
            seed: later.seed.or(self.seed),
            num_predict: later.num_predict.or(self.num_predict),
            top_k: later.top_k.or(self.top_k),
            top_p: later.top_p.or(self.top_p),
            min_p: later.min_p.or(self.min_p),
            typical_p: later.typical_p.or(self.typical_p),
            repeat_last_n: later.repeat_last_n.or(self.repeat_last_n),
            temperature: later.temperature.or(self.temperature),
            repeat_penalty: later.repeat_penalty.or(self.repeat_penalty),
            presence_penalty: later.presence_penalty.or(self.presence_penalty),
            frequency_penalty: later.frequency_penalty.or(self.frequency_penalty),
            stop: later.stop.or(self.stop),
            num_ctx: later.num_ctx.or(self.num_ctx),
            num_batch: later.num_batch.or(self.num_batch),
            num_gpu: later.num_gpu.or(self.num_gpu),
            num_thread: later.num_thread.or(self.num_thread),
        }
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Options, D::Error> {
        let map = Map::deserialize(deserializer)?;
        Options::read(&map).map_err(|error| D::Error::custom(error.message))
    }
}

fn wrong(name: &str, kind: &str) -> ApiError {
    ApiError::bad(format!("option {name:?} must be of type {kind}"))
}

fn out_of_range(name: &str, value: impl std::fmt::Display, range: &str) -> ApiError {
    ApiError::bad(format!("option {name:?} is {value}, but it must be {range}"))
}

/// An integer; `2.0` is one too, as every number is in some clients' language.
fn integer(name: &str, value: &Value) -> Result<i64, ApiError> {
    let whole = || value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 1e15).map(|x| x as i64);
    match value.as_i64().or_else(whole) {
        Some(integer) => Ok(integer),
        None if value.is_u64() => Err(out_of_range(name, value, "at most 2^63 - 1")),
        None => Err(wrong(name, "integer")),
    }
}

fn count(name: &str, value: &Value, min: u32, max: u32) -> Result<u32, ApiError> {
    let n = integer(name, value)?;
    let count = u32::try_from(n).ok().filter(|n| (min..=max).contains(n));
    count.ok_or_else(|| out_of_range(name, n, &format!("from {min} to {max}")))
}

/// A number of tokens, where -1 and -2 stand for "all there are".
fn predict(name: &str, value: &Value) -> Result<i64, ApiError> {
    let n = integer(name, value)?;
    let in_range = (-2..=i64::from(i32::MAX)).contains(&n);
    if in_range { Ok(n) } else { Err(out_of_range(name, n, "from -2 to 2147483647")) }
}

fn number(name: &str, value: &Value, min: f64, max: f64) -> Result<f32, ApiError> {
    let x = value.as_f64().ok_or_else(|| wrong(name, "float32"))?;
    if (min..=max).contains(&x) {
        Ok(x as f32)
    } else {
        Err(out_of_range(name, x, &format!("from {min} to {max}")))
    }
}

fn positive(name: &str, value: &Value) -> Result<f32, ApiError> {
    let x = number(name, value, 0.0, MAX_PENALTY)?;
    if x > 0.0 { Ok(x) } else { Err(out_of_range(name, x, "above 0")) }
}

fn penalty(name: &str, value: &Value) -> Result<f32, ApiError> {
    number(name, value, -MAX_PENALTY, MAX_PENALTY)
}

fn stops(name: &str, value: &Value) -> Result<Vec<String>, ApiError> {
    let texts = match value {
        // The parameters of some stored models hold a single text.
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            let not_texts =
                || ApiError::bad(format!("option {name:?} must be of an array of strings"));
            texts.ok_or_else(not_texts)?
        }
        _ => return Err(wrong(name, "array")),
    };
    check_stops(texts)
}

/// Stop strings within their bounds.
pub(crate) fn check_stops(texts: Vec<String>) -> Result<Vec<String>, ApiError> {
    if texts.len() > MAX_STOPS {
        let n = texts.len();
        return Err(ApiError::bad(format!(
            "{n} stop strings were sent; at most {MAX_STOPS} are taken"
        )));
    }
    match texts.iter().find(|text| text.is_empty() || text.len() > MAX_STOP_BYTES) {
        Some(text) if text.is_empty() => Err(ApiError::bad("a stop string is empty")),
        Some(text) => Err(ApiError::bad(format!(
            "a stop string has {} bytes; at most {MAX_STOP_BYTES} are taken",
            text.len()
        ))),
        None => Ok(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Options, String> {
        let Value::Object(map) = value else { return Err("no object".into()) };
        Options::read(&map).map_err(|error| error.message)
    }

    #[test]
    fn good_options() {
        let value = json!({
            "temperature": 1, "top_k": 40.0, "stop": ["a"], "num_ctx": 1, "seed": -1, "mirostat": 0,
            "num_predict": -2, "unknown": {}, "num_gpu": null,
        });
        let want = Options {
            temperature: Some(1.0),
            top_k: Some(40),
            stop: Some(vec!["a".into()]),
            num_ctx: Some(MIN_NUM_CTX),
            seed: Some(-1),
            num_predict: Some(-2),
            ..Options::default()
        };
        assert_eq!(read(value), Ok(want));
    }

    #[test]
    fn bad_options_are_named() {
        let cases = [
            (json!({"num_ctx": "big"}), "option \"num_ctx\" must be of type integer"),
            (json!({"seed": 1.5}), "option \"seed\" must be of type integer"),
            (json!({"temperature": "hot"}), "option \"temperature\" must be of type float32"),
            (json!({"stop": 1}), "option \"stop\" must be of type array"),
            (json!({"stop": [1]}), "option \"stop\" must be of an array of strings"),
            (json!({"stop": [""]}), "a stop string is empty"),
            (json!({"use_mmap": 1}), "option \"use_mmap\" must be of type boolean"),
            (
                json!({"temperature": -1}),
                "option \"temperature\" is -1, but it must be from 0 to 100",
            ),
            (json!({"top_p": 2}), "option \"top_p\" is 2, but it must be from 0 to 1"),
            (json!({"top_k": -5}), "option \"top_k\" is -5, but it must be from 0 to 2147483647"),
            (
                json!({"seed": u64::MAX}),
                "option \"seed\" is 18446744073709551615, but it must be at most 2^63 - 1",
            ),
            (
                json!({"num_ctx": 1u64 << 31}),
                "option \"num_ctx\" is 2147483648, but it must be from 0 to 16777216",
            ),
            (
                json!({"num_predict": -3}),
                "option \"num_predict\" is -3, but it must be from -2 to 2147483647",
            ),
            (
                json!({"num_keep": -1}),
                "option \"num_keep\" is -1, but it must be from 0 to 16777216",
            ),
            (
                json!({"repeat_penalty": 0}),
                "option \"repeat_penalty\" is 0, but it must be above 0",
            ),
        ];
        for (value, want) in cases {
            assert_eq!(read(value), Err(want.to_string()));
        }
        assert!(read(json!({"stop": vec!["x"; MAX_STOPS + 1]})).is_err());
        assert!(read(json!({"stop": ["x".repeat(MAX_STOP_BYTES + 1)]})).is_err());
    }
}
