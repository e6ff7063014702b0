//! What happens to the rows of one piece: copied as they are, or made into numbers and encoded.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use quant::{TensorType, encode_row, first_not_finite};

use super::chunk::{Chunk, Rows};
use crate::recipe::{Role, Step};
use crate::{Error, Imatrix};

/// A piece with its buffers, which go round.
#[derive(Debug)]
pub(super) struct Job {
    /// Its place among all pieces.
    pub number: usize,
    pub chunk: Chunk,
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

/// Fills `job.new`; `row` is room for a row's numbers.
pub(super) fn encode(
    step: &Step,
    imatrix: Option<&Imatrix>,
    job: &mut Job,
    row: &mut Vec<f32>,
) -> Result<(), Error> {
    if step.from == step.to {
        check(step, job)?;
        std::mem::swap(&mut job.old, &mut job.new);
        return Ok(());
    }
    let rows = Rows::of(step);
    let importances = importances(step, imatrix);
    job.new.resize(job.chunk.new_bytes, 0);
    row.resize(usize::try_from(rows.len).unwrap_or(0), 0.0);
    let (old_bytes, new_bytes) = (as_usize(rows.old_bytes), as_usize(rows.new_bytes));
    let pieces = job.old.chunks_exact(old_bytes).zip(job.new.chunks_exact_mut(new_bytes));
    for ((old, new), at) in pieces.zip(job.chunk.first_row..) {
        let refuse = |source| Error::Row { tensor: step.old_name.clone(), row: at, source };
        decode(step, old, row)?;
        // Experts are the third dimension: each has importances of its own.
        let expert = at.checked_div(step.dims.get(1).copied().unwrap_or(1)).unwrap_or(0);
        let importance =
            importances.and_then(|all| all.chunks_exact(row.len()).nth(as_usize(expert)));
        encode_row(step.to, row, importance, new).map_err(refuse)?;
    }
    Ok(())
}

fn as_usize(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Those of this tensor, where they fit it: token embeddings are looked up, not multiplied with, so
/// that numbers for them may be others'.
fn importances<'a>(step: &Step, imatrix: Option<&'a Imatrix>) -> Option<&'a [f32]> {
    let found = imatrix?.get(&step.old_name)?;
    let fits = found.len() as u64 == step.n_importances();
    debug_assert!(fits || Role::of(&step.name) == Role::TokenEmbedding, "checked by the plan");
    fits.then_some(found)
}

/// Copies are looked at too: one bad number is in every answer.
fn check(step: &Step, job: &Job) -> Result<(), Error> {
    let Some(block) = first_not_finite(step.from, &job.old) else { return Ok(()) };
    let ty = step.from;
    let (tensor, rows) = (step.old_name.clone(), Rows::of(step));
    let row = (block * ty.block_bytes()) as u64 / rows.old_bytes.max(1) + job.chunk.first_row;
    let start = block * ty.block_bytes();
    let bytes = job.old.get(start..start + ty.block_bytes()).unwrap_or_default();
    let mut value = [f32::NAN];
    if ty.block_len() > 1 || quant::decode(ty, bytes, &mut value).is_err() {
        return Err(Error::Scale { tensor, row, ty });
    }
    let [value] = value;
    Err(Error::NotFinite { tensor, row, value })
}

/// As [`quant::decode`], but the floats by vectors: they are what models are quantized from.
fn decode(step: &Step, bytes: &[u8], out: &mut [f32]) -> Result<(), Error> {
    match (step.from, bytemuck::try_cast_slice::<u8, u16>(bytes)) {
        (TensorType::F16, Ok(bits)) => {
            bytemuck::cast_slice::<u16, f16>(bits).convert_to_f32_slice(out);
            Ok(())
        }
        (TensorType::BF16, Ok(bits)) => {
            bytemuck::cast_slice::<u16, bf16>(bits).convert_to_f32_slice(out);
            Ok(())
        }
        _ => quant::decode(step.from, bytes, out)
            .map_err(|_| Error::Undecodable { tensor: step.old_name.clone(), from: step.from }),
    }
}
