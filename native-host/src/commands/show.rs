//! `ingle show`: what a GGUF file says about itself.
//!
//! Works for any GGUF, also for one that cannot be run: a person asks exactly when something does
//! not work. Everything printed here was written by a stranger, so control characters are escaped.

use gguf::{Array, Gguf, Value};
use serde_json::{Map, json};

use super::{fit, print_json, show_stored, target};
use crate::args::{Format, ShowArgs, ShowStoredArgs};
use crate::failure::Failure;
use crate::{source, term};

/// Longer arrays (a vocabulary has 100 000 entries) are named by type and length.
const MAX_ARRAY: usize = 16;
/// Longer text (a license, a chat template) is cut in the table; JSON has it whole.
const MAX_CHARS: usize = 100;

pub fn run(args: &ShowArgs) -> Result<(), Failure> {
    if args.fit {
        return fit::run(&args.file, args.ctx, args.format);
    }
    if let Some(name) = target::stored_name(&args.file) {
        return show_stored::run(name, args);
    }
    let ShowStoredArgs { license, modelfile, parameters, template, system, .. } = args.stored;
    if license || modelfile || parameters || template || system {
        let said = "a file has no such text of its own; `show` without it prints its metadata";
        return Err(Failure::Usage(said.to_owned()));
    }
    let gguf = source::open(&args.file)?;
    match args.format {
        Format::Json => print_json(&as_json(&gguf, args.tensors)),
        Format::Text => print_table(&gguf, args.tensors),
    }
}

/// `(label, value)` of the first block.
fn summary(gguf: &Gguf) -> Vec<(&'static str, String)> {
    let metadata = &gguf.metadata;
    let architecture = text(metadata.get("general.architecture"));
    let number = |key: &str| {
        let value = metadata.get(&format!("{architecture}.{key}"))?;
        value.as_integer().map(|n| n.to_string())
    };
    let context = number("context_length").unwrap_or_default();
    let rows = [
        ("name", text(metadata.get("general.name"))),
        ("architecture", architecture.clone()),
        ("parameters", term::count(n_params(gguf))),
        ("size", term::bytes(gguf.tensor_bytes())),
        ("quantization", quantization(gguf)),
        ("context length", context),
        ("embedding length", number("embedding_length").unwrap_or_default()),
        ("layers", number("block_count").unwrap_or_default()),
        ("vocabulary", vocabulary(gguf).map_or_else(String::new, |n| n.to_string())),
        ("chat template", yes_no(metadata.get("tokenizer.chat_template").is_some())),
        ("runs here", runs_here(gguf)),
    ];
    rows.into_iter().filter(|row| !row.1.is_empty()).collect()
}

fn runs_here(gguf: &Gguf) -> String {
    match model::build(gguf) {
        Ok(_) => "yes".to_owned(),
        Err(error) => format!("no: {error}"),
    }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn n_params(gguf: &Gguf) -> u64 {
    gguf.tensors.iter().map(|tensor| tensor.n_elements()).fold(0, u64::saturating_add)
}

fn vocabulary(gguf: &Gguf) -> Option<usize> {
    match gguf.metadata.get("tokenizer.ggml.tokens") {
        Some(Value::Array(array)) => Some(array.len()),
        _ => None,
    }
}

/// Types of the tensors with their share of the bytes, largest first.
fn quantization(gguf: &Gguf) -> String {
    let mut shares: Vec<(String, u64)> = Vec::new();
    for tensor in &gguf.tensors {
        let ty = tensor.ty.to_string();
        match shares.iter_mut().find(|share| share.0 == ty) {
            Some(share) => share.1 += tensor.n_bytes,
            None => shares.push((ty, tensor.n_bytes)),
        }
    }
    shares.sort_by_key(|share| std::cmp::Reverse(share.1));
    let total = gguf.tensor_bytes().max(1);
    let part = |share: &(String, u64)| format!("{} {}%", share.0, share.1 * 100 / total);
    shares.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn print_table(gguf: &Gguf, with_tensors: bool) -> Result<(), Failure> {
    let mut out = String::from("Model\n");
    for (label, value) in summary(gguf) {
        out.push_str(&format!("  {label:<17} {}\n", cut(&value)));
    }
    out.push_str(&format!("\nMetadata (GGUF version {})\n", gguf.version));
    let width = gguf.metadata.iter().map(|entry| entry.0.chars().count()).max().unwrap_or(0);
    for (key, value) in gguf.metadata.iter() {
        let value = cut(&plain(&value_json(value)));
        out.push_str(&format!("  {:<width$}  {value}\n", term::clean(key)));
    }
    if with_tensors {
        out.push_str(&format!("\nTensors ({})\n", gguf.tensors.len()));
        let width = gguf.tensors.iter().map(|tensor| tensor.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for tensor in &gguf.tensors {
            let dims: Vec<String> = tensor.dims.iter().map(u64::to_string).collect();
            let (name, ty) = (term::clean(&tensor.name), tensor.ty.to_string());
            let dims = dims.join(" × ");
            out.push_str(&format!("  {name:<width$}  {ty:<8} {dims}\n"));
        }
    }
    term::text_out(&out)
}

/// One line, not too long, nothing that moves the cursor.
fn cut(text: &str) -> String {
    let line = term::clean(text.trim()).into_owned();
    match line.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}… ({} characters)", &line[..at], text.chars().count()),
        None => line,
    }
}

fn as_json(gguf: &Gguf, with_tensors: bool) -> serde_json::Value {
    let metadata: Map<String, serde_json::Value> =
        gguf.metadata.iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect();
    let mut object = Map::new();
    for (label, value) in summary(gguf) {
        object.insert(label.replace(' ', "_"), json!(value));
    }
    object.insert("parameters".into(), json!(n_params(gguf)));
    object.insert("size".into(), json!(gguf.tensor_bytes()));
    object.insert("version".into(), json!(gguf.version));
    object.insert("n_tensors".into(), json!(gguf.tensors.len()));
    for label in ["context_length", "embedding_length", "layers", "vocabulary"] {
        if let Some(value) = object.get_mut(label)
            && let Some(n) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = json!(n);
        }
    }
    object.insert("metadata".into(), metadata.into());
    if with_tensors {
        let tensor = |tensor: &gguf::TensorInfo| {
            json!({
                "name": tensor.name,
                "type": tensor.ty.to_string(),
                "shape": tensor.dims,
                "shard": tensor.shard,
                "offset": tensor.offset,
                "n_bytes": tensor.n_bytes,
            })
        };
        object.insert("tensors".into(), gguf.tensors.iter().map(tensor).collect());
    }
    object.into()
}

/// Text as it is, everything else as JSON.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::U8(n) => json!(n),
        Value::I8(n) => json!(n),
        Value::U16(n) => json!(n),
        Value::I16(n) => json!(n),
        Value::U32(n) => json!(n),
        Value::I32(n) => json!(n),
        Value::U64(n) => json!(n),
        Value::I64(n) => json!(n),
        Value::F32(n) => json!(decimal(*n)),
        Value::F64(n) => json!(n),
        Value::Bool(b) => json!(b),
        Value::String(text) => json!(text),
        Value::Array(array) if array.len() > MAX_ARRAY => {
            json!(format!("{} × {}", array.len(), array.element_type().name()))
        }
        Value::Array(array) => array_json(array),
        Value::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}

/// The shortest decimal that means this f32: 0.1, not 0.10000000149011612.
fn decimal(n: f32) -> f64 {
    n.to_string().parse().unwrap_or(f64::from(n))
}

fn array_json(array: &Array) -> serde_json::Value {
    match array {
        Array::U8(v) => json!(v),
        Array::I8(v) => json!(v),
        Array::U16(v) => json!(v),
        Array::I16(v) => json!(v),
        Array::U32(v) => json!(v),
        Array::I32(v) => json!(v),
        Array::U64(v) => json!(v),
        Array::I64(v) => json!(v),
        Array::F32(v) => v.iter().map(|&n| json!(decimal(n))).collect(),
        Array::F64(v) => json!(v),
        Array::Bool(v) => json!(v),
        Array::String(v) => json!(v),
        Array::Bytes(v) => v.iter().map(|bytes| json!(String::from_utf8_lossy(bytes))).collect(),
    }
}
