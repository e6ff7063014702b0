//! A written file, read again: is it what was meant, and can one calculate with it?
//!
//! Storage lies sometimes, and so does memory. The file is opened as any reader would, compared
//! with the plan, and every tensor's bytes with the sum that was taken while they were written;
//! scales that are no numbers would be found once more. It costs a second per gigabyte.

use std::hash::{DefaultHasher, Hasher};

use gguf::{Gguf, TensorInfo};
use quant::first_not_finite;

use crate::recipe::Step;
use crate::{Error, Plan, Progress, Written};

/// Bytes looked at at a time, about.
const PIECE: usize = 1 << 20;

/// Compares the file with what was written into it. `watch` as for [`crate::write`], in bytes of
/// this file.
///
/// # Errors
/// [`Error::Verify`] with the first difference, [`Error::Scale`] for a block that is none.
pub fn verify(
    gguf: &Gguf,
    plan: &Plan,
    written: &Written,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<(), Error> {
    if gguf.metadata != plan.metadata {
        return Err(differs("its metadata are others"));
    }
    if gguf.tensors.len() != plan.steps.len() {
        return Err(differs("it has another number of tensors"));
    }
    let mut progress = Progress { step: 0, done: 0, total: gguf.tensor_bytes() };
    let mut piece = Vec::new();
    for (i, ((info, step), sum)) in
        gguf.tensors.iter().zip(&plan.steps).zip(&written.sums).enumerate()
    {
        if info.name != step.name || info.ty != step.to || info.dims != step.dims {
            let name = step.name.escape_debug();
            return Err(differs(&format!("tensor \"{name}\" is described in another way")));
        }
        progress.step = i;
        let found = sum_of(gguf, info, step, &mut piece, &mut |n| {
            progress.done = progress.done.saturating_add(n);
            watch(progress)
        })?;
        if found != *sum {
            let name = step.name.escape_debug();
            return Err(differs(&format!("the bytes of tensor \"{name}\" are others")));
        }
    }
    Ok(())
}

fn sum_of(
    gguf: &Gguf,
    info: &TensorInfo,
    step: &Step,
    piece: &mut Vec<u8>,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, Error> {
    let block = info.ty.block_bytes();
    let whole = PIECE / block * block;
    let mut sum = DefaultHasher::new();
    let mut at = 0;
    while at < info.n_bytes {
        let n = usize::try_from(info.n_bytes - at).map_or(whole, |left| left.min(whole));
        piece.resize(n, 0);
        gguf.read_tensor(info, at, piece).map_err(|error| differs(&error.to_string()))?;
        if let Some(bad) = first_not_finite(info.ty, piece) {
            let values = (at / block as u64 + bad as u64) * info.ty.block_len() as u64;
            let row = values / step.dims.first().copied().unwrap_or(1).max(1);
            return Err(Error::Scale { tensor: step.name.clone(), row, ty: info.ty });
        }
        sum.write(piece);
        at += n as u64;
        if !watch(n as u64) {
            return Err(Error::Cancelled);
        }
    }
    Ok(sum.finish())
}

fn differs(reason: &str) -> Error {
    Error::Verify { reason: reason.to_owned() }
}
