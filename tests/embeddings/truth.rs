//! What llama.cpp said.

use base64::Engine as _;
use serde_json::Value;

/// The file.
pub struct Truth(Value);

/// A string and its ids, without and with special tokens.
pub struct Ids {
    pub text: String,
    pub plain: Vec<u32>,
    pub special: Vec<u32>,
}

/// A model: ids of a short and a long text, rows of the short one, vectors of the long one.
pub struct Case {
    pub short: String,
    pub long: String,
    pub short_ids: Vec<u32>,
    pub long_ids: Vec<u32>,
    /// `[n_ids, dim]`
    pub rows: Vec<f32>,
    pub mean: Vec<f32>,
    pub cls: Vec<f32>,
    pub last: Vec<f32>,
}

impl Truth {
    pub fn read() -> Truth {
        Truth(serde_json::from_str(include_str!("truth.json")).unwrap())
    }

    pub fn strings(&self) -> Vec<Ids> {
        let strings = self.0["strings"].as_array().unwrap().iter();
        let read = |string: &Value| Ids {
            text: text(&string["text"]),
            plain: ids(&string["plain"]),
            special: ids(&string["special"]),
        };
        strings.map(read).collect()
    }

    pub fn case(&self, name: &str) -> Case {
        let models = self.0["models"].as_array().unwrap();
        let model = models.iter().find(|model| model["model"] == name).expect(name);
        Case {
            short: text(&self.0["short"]),
            long: text(&self.0["long"]),
            short_ids: ids(&model["ids"]["short"]),
            long_ids: ids(&model["ids"]["long"]),
            rows: floats(&model["rows"]),
            mean: floats(&model["pooled"]["mean"]),
            cls: floats(&model["pooled"]["cls"]),
            last: floats(&model["pooled"]["last"]),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    let bytes = base64::prelude::BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// `Σ(a−b)² / Σb²`
pub fn nmse(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let pairs = || got.iter().zip(want).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs().map(|(_, b)| b * b).sum::<f64>()
}
