//! Importance matrices: how much an error at each column of each tensor costs.
//!
//! One number per column (and per expert): the mean square of what the column is multiplied with,
//! measured on some text. Two formats are about: llama.cpp's first one, a bare list, and GGUF files
//! with sums and counts. Both are read whole, since they are a thousandth of their model.
//!
//! Source: what llama.cpp's `imatrix` writes and its `quantize` reads.

mod gguf_form;
mod legacy;
mod sums;

use std::collections::BTreeMap;

use gguf::{ByteSource, Metadata};

use crate::Error;

pub use sums::{ImatrixSums, InputSums};

/// Bytes of the largest file that is read: that of a model with hundreds of experts has 300 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Importances by tensor, and where they are from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imatrix {
    /// By name of tensor: as many numbers as columns times experts.
    entries: BTreeMap<String, Vec<f32>>,
    /// Name of the text it was measured on, as its maker wrote it.
    dataset: String,
    /// Pieces of text.
    n_chunks: u32,
    /// Name of the file, without folders.
    file_name: String,
}

impl Imatrix {
    /// Reads either format. `file_name` is what the new file says about where they are from.
    ///
    /// # Errors
    /// [`Error::Imatrix`]: neither format, or damaged.
    pub fn open(source: Box<dyn ByteSource>, file_name: &str) -> Result<Self, Error> {
        ImatrixSums::open(source, 1)?.means(file_name)
    }

    /// The importances of a tensor.
    pub fn get(&self, tensor: &str) -> Option<&[f32]> {
        self.entries.get(tensor).map(Vec::as_slice)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without tensors.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// llama.cpp's keys for where a file's importances are from.
    pub(crate) fn describe(&self, metadata: &mut Metadata) {
        metadata.insert("quantize.imatrix.file", self.file_name.as_str());
        if !self.dataset.is_empty() {
            metadata.insert("quantize.imatrix.dataset", self.dataset.as_str());
        }
        let n_entries = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        metadata.insert("quantize.imatrix.entries_count", n_entries);
        if self.n_chunks > 0 {
            metadata.insert("quantize.imatrix.chunks_count", self.n_chunks);
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.entries.is_empty() {
            return Err(refuse("it names no tensors".to_owned()));
        }
        let allowed = 0.0..=quant::encode::MAX_IMPORTANCE;
        for (name, values) in &self.entries {
            if let Some(value) = values.iter().find(|value| !allowed.contains(*value)) {
                let name = name.escape_debug();
                return Err(refuse(format!("a number of tensor \"{name}\" is {value}")));
            }
        }
        Ok(())
    }
}

fn refuse(reason: String) -> Error {
    Error::Imatrix { reason }
}
