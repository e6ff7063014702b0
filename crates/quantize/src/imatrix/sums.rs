//! What an importance matrix is made of: sums of squares and how many rows are in them.
//!
//! Means cannot be combined, sums can: texts measured one after the other, on several machines, or
//! before and after a pause add up to what one run over all of them gives.

use std::collections::BTreeMap;

use gguf::ByteSource;

use super::{Imatrix, MAX_BYTES, gguf_form, legacy, refuse};
use crate::Error;

/// Squares of one tensor's inputs, summed over rows of activations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputSums {
    /// `[n_experts, n_cols]`; one expert for a plain matrix.
    pub squares: Vec<f64>,
    /// Rows that went into each expert's sums.
    pub counts: Vec<f64>,
}

impl InputSums {
    /// Mean squares; even ones for an expert that no row came to.
    pub fn means(&self) -> Vec<f32> {
        let n_cols = self.n_cols();
        let mut means = Vec::with_capacity(self.squares.len());
        for (squares, &count) in self.squares.chunks(n_cols.max(1)).zip(&self.counts) {
            let mean = |sum: &f64| if count > 0.0 { (sum / count) as f32 } else { 1.0 };
            means.extend(squares.iter().map(mean));
        }
        means
    }

    /// Columns of the tensor.
    pub fn n_cols(&self) -> usize {
        self.squares.len() / self.counts.len().max(1)
    }

    /// Adds rows of the same tensor; false if they are of another one.
    fn add(&mut self, other: &InputSums) -> bool {
        if self.squares.len() != other.squares.len() {
            return false;
        }
        // The first format tells no experts apart.
        match (self.counts.as_slice(), other.counts.len()) {
            ([count], n) => self.counts = vec![*count; n],
            (counts, n) if n != 1 && counts.len() != n => return false,
            _ => {}
        }
        self.squares.iter_mut().zip(&other.squares).for_each(|(sum, more)| *sum += more);
        let more = other.counts.iter().cycle();
        self.counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        true
    }
}

/// A file of importances before it is divided: what is measured, combined and kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImatrixSums {
    /// By name of tensor.
    pub entries: BTreeMap<String, InputSums>,
    /// Names of the texts.
    pub datasets: Vec<String>,
    /// Pieces of text.
    pub n_chunks: u32,
    /// Tokens of a piece.
    pub chunk_size: u32,
}

impl ImatrixSums {
    /// Reads either format. The first one counts pieces of text and not their rows;
    /// `chunk_size` says how many they had.
    ///
    /// # Errors
    /// [`Error::Imatrix`]: neither format, or damaged.
    pub fn open(source: Box<dyn ByteSource>, chunk_size: u32) -> Result<Self, Error> {
        let n = source.len();
        if n > MAX_BYTES {
            return Err(refuse(format!("it has {n} bytes, at most {MAX_BYTES} are read")));
        }
        let mut magic = [0; 4];
        source.read_at(0, &mut magic[..]).map_err(|error| refuse(error.to_string()))?;
        match magic == gguf::MAGIC {
            true => gguf_form::read(source),
            false => legacy::read(source, chunk_size),
        }
    }

    /// Adds what was measured of the same model.
    ///
    /// # Errors
    /// [`Error::Imatrix`] if it is of another model.
    pub fn add(&mut self, other: &ImatrixSums) -> Result<(), Error> {
        for (name, sums) in &other.entries {
            let Some(own) = self.entries.get_mut(name) else {
                self.entries.insert(name.clone(), sums.clone());
                continue;
            };
            if !own.add(sums) {
                let (here, there) = (own.squares.len(), sums.squares.len());
                let name = name.escape_debug();
                let said = format!("tensor \"{name}\" has {there} numbers in it, {here} elsewhere");
                return Err(refuse(said));
            }
        }
        for dataset in &other.datasets {
            if !self.datasets.contains(dataset) {
                self.datasets.push(dataset.clone());
            }
        }
        self.n_chunks = self.n_chunks.saturating_add(other.n_chunks);
        self.chunk_size = self.chunk_size.max(other.chunk_size);
        Ok(())
    }

    /// Importances, as recipes read them.
    ///
    /// # Errors
    /// [`Error::Imatrix`] for numbers that are none.
    pub fn means(&self, file_name: &str) -> Result<Imatrix, Error> {
        let means = |(name, sums): (&String, &InputSums)| (name.clone(), sums.means());
        let imatrix = Imatrix {
            entries: self.entries.iter().map(means).collect(),
            dataset: self.datasets.first().cloned().unwrap_or_default(),
            n_chunks: self.n_chunks,
            file_name: file_name.to_owned(),
        };
        imatrix.check()?;
        Ok(imatrix)
    }
}
