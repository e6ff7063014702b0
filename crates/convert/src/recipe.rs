//! A converted model: for each tensor of the result a recipe, carried out row by row.

use gguf::{Metadata, SourceError};
use quant::TensorType;
use quantize::{Source, Tensor};

use crate::bytes::{Float, from_f32, to_f32};
use crate::checkpoint::{Checkpoint, Stored};

/// Which row of the file becomes which row of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The same.
    Same,
    /// Within each head of this many rows, the two halves row by row: rope in GGUF's llama turns
    /// neighbors, in the file it turns element `i` with `i + head_dim / 2`.
    Heads(u64),
}

impl Order {
    /// The file's row for a row of the result.
    pub fn source(self, row: u64) -> u64 {
        match self {
            Order::Same => row,
            Order::Heads(head_dim) => {
                let (head, in_head) = (row / head_dim, row % head_dim);
                head * head_dim + (in_head % 2) * (head_dim / 2) + in_head / 2
            }
        }
    }
}

/// Where a tensor's numbers come from.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// From the file.
    Stored {
        stored: Stored,
        float: Float,
        order: Order,
        /// Added to each number.
        add: f32,
    },
    /// Worked out from the configuration.
    Made(Vec<f32>),
}

/// A model of another form as a source of GGUF's tensors.
pub(crate) struct Converted {
    pub metadata: Metadata,
    pub tensors: Vec<Tensor>,
    /// One per tensor.
    pub data: Vec<Data>,
    pub checkpoint: Checkpoint,
}

impl Converted {
    pub fn push(&mut self, tensor: Tensor, data: Data) {
        self.tensors.push(tensor);
        self.data.push(data);
    }

    /// Rows as they lie in the file, `out` of the file's type.
    fn read(
        &self,
        stored: &Stored,
        order: Order,
        rows: std::ops::Range<u64>,
        row_bytes: u64,
        out: &mut [u8],
    ) -> Result<(), SourceError> {
        if order == Order::Same {
            return self.checkpoint.read(stored, rows.start * row_bytes, out);
        }
        let n = usize::try_from(row_bytes).unwrap_or(usize::MAX).max(1);
        for (row, out) in rows.zip(out.chunks_mut(n)) {
            self.checkpoint.read(stored, order.source(row) * row_bytes, out)?;
        }
        Ok(())
    }

    /// A vector is one row, so an order of its elements is made here.
    fn read_vector(
        &self,
        stored: &Stored,
        float: Float,
        order: Order,
        numbers: &mut [f32],
    ) -> Result<(), SourceError> {
        let n_bytes = numbers.len() * float.n_bytes() as usize;
        let mut bytes = vec![0; n_bytes];
        self.checkpoint.read(stored, 0, &mut bytes)?;
        let mut in_file = vec![0.0; numbers.len()];
        to_f32(float, &bytes, &mut in_file)?;
        for (i, out) in (0..).zip(numbers.iter_mut()) {
            *out = in_file.get(order.source(i) as usize).copied().unwrap_or(0.0);
        }
        Ok(())
    }
}

impl Source for Converted {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn read_rows(&self, index: usize, first_row: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let (Some(tensor), Some(data)) = (self.tensors.get(index), self.data.get(index)) else {
            return Err(SourceError::new(format!("there is no tensor {index} in this model")));
        };
        let n_rows = rows_within(tensor, first_row, out.len())?;
        let (stored, float, order, add) = match data {
            Data::Made(numbers) => {
                from_f32(TensorType::F32, numbers, out);
                return Ok(());
            }
            Data::Stored { stored, float, order, add } => (stored, *float, *order, *add),
        };
        let rows = first_row..first_row + n_rows;
        let row_bytes = tensor.row_len() * float.n_bytes();
        let is_copied = tensor.ty == float.tensor_type() && float != Float::F64 && add == 0.0;
        if is_copied && stored.shape.len() > 1 {
            return self.read(stored, order, rows, row_bytes, out);
        }
        let mut numbers = vec![0.0; (n_rows * tensor.row_len()) as usize];
        if stored.shape.len() > 1 {
            let mut bytes = vec![0; (n_rows * row_bytes) as usize];
            self.read(stored, order, rows, row_bytes, &mut bytes)?;
            to_f32(float, &bytes, &mut numbers)?;
        } else {
            self.read_vector(stored, float, order, &mut numbers)?;
        }
        numbers.iter_mut().for_each(|x| *x += add);
        from_f32(tensor.ty, &numbers, out);
        Ok(())
    }
}

/// The number of rows in so many bytes, which must be whole and within the tensor.
pub(crate) fn rows_within(tensor: &Tensor, first: u64, n_bytes: usize) -> Result<u64, SourceError> {
    let row_bytes = tensor.row_bytes().filter(|n| *n > 0).unwrap_or(u64::MAX);
    let n_rows = n_bytes as u64 / row_bytes;
    let is_whole = n_rows * row_bytes == n_bytes as u64;
    let is_inside = first.checked_add(n_rows).is_some_and(|end| end <= tensor.n_rows());
    if is_whole && is_inside {
        return Ok(n_rows);
    }
    let name = &tensor.name;
    Err(SourceError::new(format!("{n_bytes} bytes from row {first} of {name} were asked for")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_interleaved() {
        let rows: Vec<u64> = (0..8).map(|row| Order::Heads(4).source(row)).collect();
        assert_eq!(rows, [0, 2, 1, 3, 4, 6, 5, 7]);
        assert_eq!(Order::Same.source(5), 5);
    }
}
