//! A model with adapters in it.

use std::sync::Arc;

use gguf::{Metadata, SourceError};
use quant::TensorType;
use quantize::{Source, Tensor};

use super::{Adapter, Pair};
use crate::bytes::from_f32;
use crate::error::{Error, shown};
use crate::recipe::rows_within;

/// What merged matrices are given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Float32: for what rounds them itself.
    Full,
    /// The float type the matrix had, F16 for one that was quantized: for what computes with them.
    /// (Quantizing a sum again would change it by more than a small adapter does.)
    OfBase,
}

/// A model whose matrices are read with `scale · B · A` added.
pub struct Merged {
    base: Box<dyn Source>,
    adapters: Vec<(Arc<Adapter>, f32)>,
    tensors: Vec<Tensor>,
    /// For each tensor the adapters that change it, and which of their pairs does.
    changes: Vec<Vec<(usize, usize)>>,
}

impl Merged {
    /// Of a model and adapters with the factor each is applied with (1 for the whole).
    ///
    /// # Errors
    /// [`Error::Adapter`] if one is of another architecture, or for matrices the model does not
    /// have or has in other sizes.
    pub fn new(
        base: Box<dyn Source>,
        adapters: Vec<(Arc<Adapter>, f32)>,
        precision: Precision,
    ) -> Result<Merged, Error> {
        let mut tensors = base.tensors().to_vec();
        let mut changes = vec![Vec::new(); tensors.len()];
        let architecture = base.metadata().require_str("general.architecture")?;
        for (i, (adapter, _)) in adapters.iter().enumerate() {
            if adapter.architecture != architecture {
                let (its, ours) = (shown(&adapter.architecture), shown(architecture));
                let reason = format!("it is for {its} models, this is a {ours} model");
                return Err(Error::adapter(reason));
            }
            for (j, pair) in adapter.pairs.iter().enumerate() {
                let (place, tensor) = find(base.tensors(), pair)?;
                if let (Some(changes), Some(merged)) =
                    (changes.get_mut(place), tensors.get_mut(place))
                {
                    changes.push((i, j));
                    merged.ty = merged_type(tensor.ty, precision);
                }
            }
        }
        Ok(Merged { base, adapters, tensors, changes })
    }

    /// Adds what the adapters have for a row.
    fn add(&self, changes: &[(usize, usize)], row: usize, out: &mut [f32]) {
        for (i, j) in changes {
            let Some((adapter, factor)) = self.adapters.get(*i) else { continue };
            let Some(pair) = adapter.pairs.get(*j) else { continue };
            let scale = factor * adapter.scale(pair);
            let weights = pair.b.chunks_exact(pair.rank).nth(row).unwrap_or_default();
            for (weight, a) in weights.iter().zip(pair.a.chunks_exact(pair.n_in)) {
                let weight = scale * weight;
                out.iter_mut().zip(a).for_each(|(x, a)| *x += weight * a);
            }
        }
    }
}

/// The matrix a pair is for.
fn find<'a>(tensors: &'a [Tensor], pair: &Pair) -> Result<(usize, &'a Tensor), Error> {
    let name = &pair.tensor;
    let found = tensors.iter().enumerate().find(|(_, tensor)| tensor.name == *name);
    let missing = || Error::adapter(format!("the model has no tensor {}", shown(name)));
    let (place, tensor) = found.ok_or_else(missing)?;
    if tensor.dims != [pair.n_in as u64, pair.n_out as u64] {
        let (dims, ours) = ([pair.n_in, pair.n_out], &tensor.dims);
        let reason = format!("{} has the sizes {ours:?}, the adapter's {dims:?}", shown(name));
        return Err(Error::adapter(reason));
    }
    if !tensor.ty.is_supported() {
        let reason = format!("{} has the type {}, which cannot be read", shown(name), tensor.ty);
        return Err(Error::adapter(reason));
    }
    Ok((place, tensor))
}

fn merged_type(base: TensorType, precision: Precision) -> TensorType {
    match (precision, base) {
        (Precision::Full, _) => TensorType::F32,
        (_, TensorType::F32 | TensorType::F16 | TensorType::BF16) => base,
        _ => TensorType::F16,
    }
}

impl Source for Merged {
    fn metadata(&self) -> &Metadata {
        self.base.metadata()
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn read_rows(&self, index: usize, first_row: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let changes = self.changes.get(index).map(Vec::as_slice).unwrap_or_default();
        let (Some(tensor), Some(base), false) =
            (self.tensors.get(index), self.base.tensors().get(index), changes.is_empty())
        else {
            return self.base.read_rows(index, first_row, out);
        };
        let n_rows = rows_within(tensor, first_row, out.len())? as usize;
        let n_cols = tensor.row_len() as usize;
        let row_bytes = base.row_bytes().unwrap_or(0) as usize;
        let mut bytes = vec![0; n_rows * row_bytes];
        self.base.read_rows(index, first_row, &mut bytes)?;
        let mut numbers = vec![0.0; n_rows * n_cols];
        quant::decode(base.ty, &bytes, &mut numbers)
            .map_err(|error| SourceError::new(format!("{}: {error}", base.name)))?;
        for (row, numbers) in (first_row as usize..).zip(numbers.chunks_exact_mut(n_cols.max(1))) {
            self.add(changes, row, numbers);
        }
        from_f32(tensor.ty, &numbers, out);
        Ok(())
    }
}
