//! The second format: a GGUF with two tensors for each of the model's, sums and counts.

use std::collections::BTreeMap;
use std::io::Write;

use gguf::{ByteSource, Gguf, Metadata, TensorInfo, WriteError, Writer};
use quant::TensorType;

use super::refuse;
use super::sums::{ImatrixSums, InputSums};
use crate::Error;

const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";
const DATASETS: &str = "imatrix.datasets";
const N_CHUNKS: &str = "imatrix.chunk_count";
const CHUNK_SIZE: &str = "imatrix.chunk_size";

pub(super) fn read(source: Box<dyn ByteSource>) -> Result<ImatrixSums, Error> {
    let gguf = Gguf::open(source).map_err(|error| refuse(error.to_string()))?;
    if gguf.metadata.str("general.type").ok().flatten() != Some("imatrix") {
        return Err(refuse("it is a GGUF of another kind".to_owned()));
    }
    let mut entries = BTreeMap::new();
    for sums in &gguf.tensors {
        let Some(name) = sums.name.strip_suffix(SUMS) else { continue };
        let counts = gguf.tensor(&format!("{name}{COUNTS}"));
        let counts = counts.ok_or_else(|| refuse(format!("it has no counts of \"{name}\"")))?;
        entries.insert(name.to_owned(), entry(&gguf, sums, counts)?);
    }
    let number = |key: &str| gguf.metadata.u32(key).ok().flatten().unwrap_or(0);
    let datasets = gguf.metadata.strings(DATASETS).ok().flatten();
    Ok(ImatrixSums {
        entries,
        datasets: datasets.map(<[String]>::to_vec).unwrap_or_default(),
        n_chunks: number(N_CHUNKS),
        chunk_size: number(CHUNK_SIZE),
    })
}

fn entry(gguf: &Gguf, sums: &TensorInfo, counts: &TensorInfo) -> Result<InputSums, Error> {
    let (squares, counts) = (floats(gguf, sums)?, floats(gguf, counts)?);
    let columns = sums.dims.first().copied().and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    if columns == 0 || squares.len() != columns.saturating_mul(counts.len()) {
        let (name, n) = (sums.name.escape_debug(), squares.len());
        return Err(refuse(format!("\"{name}\" has {n} sums and {} counts", counts.len())));
    }
    Ok(InputSums { squares, counts })
}

fn floats(gguf: &Gguf, info: &TensorInfo) -> Result<Vec<f64>, Error> {
    let name = info.name.escape_debug();
    if info.ty != TensorType::F32 {
        return Err(refuse(format!("tensor \"{name}\" is {}, not F32", info.ty)));
    }
    // Within the file, which is within a limit.
    let n = usize::try_from(info.n_bytes).map_err(|_| refuse("it is too large".to_owned()))?;
    let mut bytes = vec![0; n];
    gguf.read_tensor(info, 0, &mut bytes).map_err(|error| refuse(error.to_string()))?;
    Ok(bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect())
}

impl ImatrixSums {
    /// Writes the second format, which keeps all of it.
    ///
    /// # Errors
    /// Whatever the destination reports.
    pub fn write_gguf<W: Write>(&self, out: W) -> Result<W, WriteError> {
        let mut metadata = Metadata::new();
        metadata.insert("general.type", "imatrix");
        metadata.insert(DATASETS, gguf::Value::Array(gguf::Array::String(self.datasets.clone())));
        metadata.insert(N_CHUNKS, self.n_chunks);
        metadata.insert(CHUNK_SIZE, self.chunk_size);
        let mut writer = Writer::new(metadata);
        for (name, sums) in &self.entries {
            let (n_cols, n_experts) = (sums.n_cols() as u64, sums.counts.len() as u64);
            writer.tensor(format!("{name}{SUMS}"), TensorType::F32, &[n_cols, n_experts])?;
            writer.tensor(format!("{name}{COUNTS}"), TensorType::F32, &[1, n_experts])?;
        }
        let mut data = writer.start(out)?;
        for (name, sums) in &self.entries {
            data.write_tensor(&format!("{name}{SUMS}"), &bytes(&sums.squares))?;
            data.write_tensor(&format!("{name}{COUNTS}"), &bytes(&sums.counts))?;
        }
        data.finish()
    }
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
}
