//! The second format: a GGUF with two tensors for each of the model's, sums and counts.

use std::collections::BTreeMap;

use gguf::{ByteSource, Gguf, TensorInfo};
use quant::TensorType;

use super::{Imatrix, refuse};
use crate::Error;

const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

pub(super) fn read(source: Box<dyn ByteSource>) -> Result<Imatrix, Error> {
    let gguf = Gguf::open(source).map_err(|error| refuse(error.to_string()))?;
    if gguf.metadata.str("general.type").ok().flatten() != Some("imatrix") {
        return Err(refuse("it is a GGUF of another kind".to_owned()));
    }
    let mut entries = BTreeMap::new();
    for sums in &gguf.tensors {
        let Some(name) = sums.name.strip_suffix(SUMS) else { continue };
        let counts = gguf.tensor(&format!("{name}{COUNTS}"));
        let counts = counts.ok_or_else(|| refuse(format!("it has no counts of \"{name}\"")))?;
        entries.insert(name.to_owned(), means(&gguf, sums, counts)?);
    }
    let datasets = gguf.metadata.strings("imatrix.datasets").ok().flatten();
    Ok(Imatrix {
        entries,
        dataset: datasets.and_then(|all| all.first().cloned()).unwrap_or_default(),
        n_chunks: gguf.metadata.u32("imatrix.chunk_count").ok().flatten().unwrap_or(0),
        file_name: String::new(),
    })
}

/// Sums over counts, expert by expert. An expert that no text came to counts evenly.
fn means(gguf: &Gguf, sums: &TensorInfo, counts: &TensorInfo) -> Result<Vec<f32>, Error> {
    let (mut values, counts) = (floats(gguf, sums)?, floats(gguf, counts)?);
    let columns = sums.dims.first().copied().and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    if columns == 0 || values.len() != columns.saturating_mul(counts.len()) {
        let (name, n) = (sums.name.escape_debug(), values.len());
        return Err(refuse(format!("\"{name}\" has {n} sums and {} counts", counts.len())));
    }
    for (values, count) in values.chunks_exact_mut(columns).zip(counts) {
        values.iter_mut().for_each(|x| *x = if count > 0.0 { *x / count } else { 1.0 });
    }
    Ok(values)
}

fn floats(gguf: &Gguf, info: &TensorInfo) -> Result<Vec<f32>, Error> {
    let name = info.name.escape_debug();
    if info.ty != TensorType::F32 {
        return Err(refuse(format!("tensor \"{name}\" is {}, not F32", info.ty)));
    }
    // Within the file, which is within a limit.
    let n = usize::try_from(info.n_bytes).map_err(|_| refuse("it is too large".to_owned()))?;
    let mut bytes = vec![0; n];
    gguf.read_tensor(info, 0, &mut bytes).map_err(|error| refuse(error.to_string()))?;
    Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
