//! Fixture files: a model next to what llama.cpp computed with it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use gguf::Gguf;
use quant::TensorType;
use serde_json::Value;

/// One prompt and its truth.
pub struct Case {
    pub tokens: Vec<u32>,
    pub logits: Vec<f32>,
    pub greedy: Vec<u32>,
    /// Distance of the two largest logits before each greedy token.
    pub margins: Vec<f64>,
}

/// A fixture model.
pub struct Fixture {
    pub name: String,
    pub gguf: Gguf,
    pub model: model::Model,
    pub cases: Vec<Case>,
}

impl Fixture {
    pub fn is_quantized(&self) -> bool {
        let float = [TensorType::F32, TensorType::F16, TensorType::BF16];
        self.model.plan.weights.iter().any(|w| !float.contains(&w.ty))
    }
}

/// All `.gguf` files of a fixture folder with an expectation beside them, or `None`, said aloud.
pub fn fixtures(folder: &str) -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("INGLE_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        println!("SKIPPED {folder}: no fixtures at {}", root.display());
        return None;
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "gguf"))
        .filter(|path| path.with_extension("expected.json").exists())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the fixture folder is empty");
    Some(files)
}

/// Reads a model and its expectation.
pub fn open(path: &Path) -> Fixture {
    let gguf = Gguf::open(Box::new(std::fs::read(path).unwrap())).unwrap();
    let model = model::build(&gguf).unwrap();
    let expected = std::fs::read_to_string(path.with_extension("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let cases = expected["cases"].as_array().unwrap().iter().map(parse).collect();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    Fixture { name, gguf, model, cases }
}

fn parse(case: &Value) -> Case {
    let ids = |key: &str| -> Vec<u32> {
        let ids = case[key].as_array().unwrap().iter();
        ids.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
    };
    let margins = case["greedy_margin"].as_array().unwrap();
    let logits = base64::engine::general_purpose::STANDARD
        .decode(case["last_logits_f32_base64"].as_str().unwrap())
        .unwrap();
    Case {
        tokens: ids("tokens"),
        greedy: ids("greedy"),
        margins: margins.iter().map(|m| m.as_f64().unwrap()).collect(),
        logits: logits.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
    }
}
