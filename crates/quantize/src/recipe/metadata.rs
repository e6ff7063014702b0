//! The metadata of the new file: the source's, less what is no longer true, plus what now is.

use std::collections::BTreeMap;

use gguf::{Array, Metadata, Value};

use super::{Facts, Options};
use crate::Imatrix;

/// How blocks are to be understood: ggml's number for it since 2023.
const QUANTIZATION_VERSION: u32 = 2;

/// Keys that the file gets anew, or not at all: it is one file.
const DROPPED: [&str; 5] = [
    "general.quantization_version",
    "general.file_type",
    "split.no",
    "split.count",
    "split.tensors.count",
];

/// As llama.cpp: what it sets stands at the end, overrides last.
pub(super) fn of(
    source: &Metadata,
    facts: &Facts,
    options: &Options,
    numbers: &BTreeMap<u64, u64>,
    imatrix: Option<&Imatrix>,
) -> Metadata {
    let is_set = |key: &str| options.metadata.iter().any(|(set, _)| set == key);
    let block_count = format!("{}.block_count", facts.architecture);
    let mut out = Metadata::new();
    for (key, value) in source.iter() {
        let is_pruned = !numbers.is_empty() && key == block_count;
        if DROPPED.contains(&key) || is_set(key) || is_pruned {
            continue;
        }
        let is_models = key.starts_with(&facts.architecture);
        out.insert(key, if is_models { per_layer(value, facts, numbers) } else { value.clone() });
    }
    out.insert(DROPPED[0], QUANTIZATION_VERSION);
    out.insert(DROPPED[1], options.file_type.id());
    for (key, value) in &options.metadata {
        out.insert(key.as_str(), value.clone());
    }
    if let Some(imatrix) = imatrix {
        imatrix.describe(&mut out);
    }
    if !numbers.is_empty() {
        out.insert(block_count, u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    }
    out
}

/// An array with one element per layer loses those of the layers that are left out.
fn per_layer(value: &Value, facts: &Facts, numbers: &BTreeMap<u64, u64>) -> Value {
    let Value::Array(array) = value else { return value.clone() };
    if numbers.is_empty() || array.len() as u64 != facts.n_layer {
        return value.clone();
    }
    macro_rules! kept {
        ($all:expr) => {
            $all.iter().zip(0u64..).filter(|(_, i)| numbers.contains_key(i)).map(|(x, _)| x.clone())
        };
    }
    Value::Array(match array {
        Array::U8(all) => Array::U8(kept!(all).collect()),
        Array::I8(all) => Array::I8(kept!(all).collect()),
        Array::U16(all) => Array::U16(kept!(all).collect()),
        Array::I16(all) => Array::I16(kept!(all).collect()),
        Array::U32(all) => Array::U32(kept!(all).collect()),
        Array::I32(all) => Array::I32(kept!(all).collect()),
        Array::U64(all) => Array::U64(kept!(all).collect()),
        Array::I64(all) => Array::I64(kept!(all).collect()),
        Array::F32(all) => Array::F32(kept!(all).collect()),
        Array::F64(all) => Array::F64(kept!(all).collect()),
        Array::Bool(all) => Array::Bool(kept!(all).collect()),
        strings => strings.clone(),
    })
}
