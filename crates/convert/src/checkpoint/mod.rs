//! The tensors of a model's files, by name, wherever they lie.

mod safetensors;

use std::collections::BTreeMap;

use gguf::{ByteSource, SourceError};
use serde::Deserialize;

use crate::bytes::Float;
use crate::error::{Error, shown};
use crate::files::{File, Files, is_weights};
use crate::torch;

/// Dimensions of a tensor in any checkpoint; GGUF has four.
const MAX_DIMS: usize = 8;

/// A tensor as its file has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// Type of its numbers; those that are no floats by their name.
    pub dtype: Result<Float, String>,
    /// Sizes in the file's order: the last one is contiguous.
    pub shape: Vec<u64>,
    /// First byte in its file.
    pub offset: u64,
    pub file: usize,
}

impl Stored {
    /// The type, or why weights of it cannot be used.
    pub fn float(&self, name: &str) -> Result<Float, Error> {
        self.dtype.clone().map_err(|dtype| {
            let advice = match dtype.starts_with("F8") {
                true => "8-bit floats need scales that GGUF has no place for; get the BF16 model",
                false => "weights must be floats; get the model before it was quantized",
            };
            Error::Type { name: shown(name), dtype, advice }
        })
    }

    pub fn n_elements(&self) -> u64 {
        self.shape.iter().fold(1, |n, dim| n.saturating_mul(*dim))
    }
}

/// All tensors of a model.
#[derive(Default)]
pub(crate) struct Checkpoint {
    files: Vec<(String, Box<dyn ByteSource>)>,
    tensors: BTreeMap<String, Stored>,
}

/// What an index file says that is needed here.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Of those files of a model that have weights; `wanted` says by name which they are.
    pub fn open(files: &mut Files, wanted: impl Fn(&str) -> bool) -> Result<Checkpoint, Error> {
        let chosen = choose(files, wanted)?;
        let index = chosen.index.map(|name| Ok::<_, Error>((name, files.json::<Index>(name)?)));
        let index = index.transpose()?;
        let mut checkpoint = Checkpoint::default();
        for name in &chosen.weights {
            if let Some(file) = files.take(name) {
                checkpoint.add(file)?;
            }
        }
        if let Some((name, Some(index))) = index {
            checkpoint.check(name, &index)?;
        }
        Ok(checkpoint)
    }

    fn add(&mut self, file: File) -> Result<(), Error> {
        let place = self.files.len();
        let tensors = match file.name.ends_with(".safetensors") {
            true => safetensors::tensors(&file.name, &*file.bytes)?,
            false => torch::tensors(&file.name, &*file.bytes)?,
        };
        let len = file.bytes.len();
        for (name, stored) in tensors {
            check_extent(&file.name, &name, &stored, len)?;
            let stored = Stored { file: place, ..stored };
            if let Some(other) = self.tensors.insert(name.clone(), stored) {
                let first = self.files.get(other.file).map_or(&file.name, |file| &file.0).clone();
                let (name, second) = (shown(&name), file.name);
                return Err(Error::DuplicateTensor { name, first, second });
            }
        }
        self.files.push((file.name, file.bytes));
        Ok(())
    }

    /// Everything the index names is where it says.
    fn check(&self, file: &str, index: &Index) -> Result<(), Error> {
        for (name, part) in &index.weight_map {
            if !self.files.iter().any(|(name, _)| name == part) {
                let advice = "the model is in several files, get all of them";
                return Err(Error::MissingFile { what: shown(part), advice });
            }
            let is_there = self.tensors.get(name).is_some_and(|stored| {
                self.files.get(stored.file).is_some_and(|(name, _)| name == part)
            });
            if !is_there {
                let reason = format!("{} is not in {}", shown(name), shown(part));
                return Err(Error::malformed(file, reason));
            }
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Stored)> {
        self.tensors.iter().map(|(name, stored)| (name.as_str(), stored))
    }

    /// Bytes of a tensor from its byte `at` on; the extent was checked when it was opened.
    pub fn read(&self, stored: &Stored, at: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let missing = || SourceError::new("the tensor's file is not there");
        let (name, bytes) = self.files.get(stored.file).ok_or_else(missing)?;
        let offset = stored.offset.saturating_add(at);
        bytes.read_at(offset, out).map_err(|error| SourceError::new(format!("{name}: {error}")))
    }
}

/// A tensor's bytes lie inside of its file.
fn check_extent(file: &str, name: &str, stored: &Stored, have: u64) -> Result<(), Error> {
    if stored.shape.len() > MAX_DIMS {
        let reason = format!("{} has {} dimensions", shown(name), stored.shape.len());
        return Err(Error::malformed(file, reason));
    }
    let Ok(float) = stored.dtype else { return Ok(()) };
    let n_bytes = stored.n_elements().checked_mul(float.n_bytes());
    let need = n_bytes.and_then(|n| n.checked_add(stored.offset)).unwrap_or(u64::MAX);
    if need > have {
        let what = "a tensor";
        return Err(Error::Truncated { file: file.to_owned(), what, need, have });
    }
    Ok(())
}

/// The files with weights, and the list of them.
struct Chosen {
    weights: Vec<String>,
    index: Option<&'static str>,
}

/// Safetensors where there are any: the same weights often lie beside them in PyTorch's form.
fn choose(files: &Files, wanted: impl Fn(&str) -> bool) -> Result<Chosen, Error> {
    let with = |end: &str| -> Vec<String> {
        let fits = |name: &&str| is_weights(name) && wanted(name) && name.ends_with(end);
        files.names().filter(fits).map(str::to_owned).collect()
    };
    let safe = with(".safetensors");
    let (mut weights, start, index) = match safe.is_empty() {
        false => (safe, "model", "model.safetensors.index.json"),
        true => (with(""), "pytorch_model", "pytorch_model.bin.index.json"),
    };
    // What the library names differently from its own is the same model in another form.
    if weights.iter().any(|name| name.starts_with(start)) {
        weights.retain(|name| name.starts_with(start));
    }
    weights.sort();
    if weights.is_empty() {
        let advice = "weights are in files like model.safetensors or pytorch_model.bin";
        return Err(Error::MissingFile { what: "file with weights".into(), advice });
    }
    Ok(Chosen { weights, index: files.find(index).map(|_| index) })
}
