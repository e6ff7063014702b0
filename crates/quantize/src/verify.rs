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
/// [`Error::Verify`] with the first difference, [`Error::Scale`] for a block that is none,
/// [`Error::Cancelled`].
pub fn verify(
    gguf: &Gguf,
    plan: &Plan,
    written: &Written,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<(), Error> {
    let mut check = Verification::new(gguf, plan, written)?;
    while let Some(progress) = check.step()? {
        if !watch(progress) {
            return Err(Error::Cancelled);
        }
    }
    Ok(())
}

/// The same a piece at a time, as [`crate::Steps`] writes.
pub struct Verification<'a> {
    gguf: &'a Gguf,
    plan: &'a Plan,
    written: &'a Written,
    progress: Progress,
    /// Bytes of the tensor that were read, and their sum.
    at: u64,
    sum: DefaultHasher,
    piece: Vec<u8>,
}

impl<'a> Verification<'a> {
    /// Compares what the file says of itself.
    ///
    /// # Errors
    /// [`Error::Verify`].
    pub fn new(gguf: &'a Gguf, plan: &'a Plan, written: &'a Written) -> Result<Self, Error> {
        if gguf.metadata != plan.metadata {
            return Err(differs("its metadata are others"));
        }
        if gguf.tensors.len() != plan.steps.len() {
            return Err(differs("it has another number of tensors"));
        }
        for (info, step) in gguf.tensors.iter().zip(&plan.steps) {
            if info.name != step.name || info.ty != step.to || info.dims != step.dims {
                let name = step.name.escape_debug();
                return Err(differs(&format!("tensor \"{name}\" is described in another way")));
            }
        }
        let progress = Progress { step: 0, done: 0, total: gguf.tensor_bytes() };
        let (sum, piece) = (DefaultHasher::new(), Vec::new());
        Ok(Verification { gguf, plan, written, progress, at: 0, sum, piece })
    }

    /// Reads a piece; how far it is then, in bytes of this file. `None` if all of it is right.
    ///
    /// # Errors
    /// [`Error::Verify`], [`Error::Scale`].
    pub fn step(&mut self) -> Result<Option<Progress>, Error> {
        while let (Some(info), Some(step)) =
            (self.gguf.tensors.get(self.progress.step), self.plan.steps.get(self.progress.step))
        {
            if self.at < info.n_bytes {
                let n = self.read(info, step)?;
                self.at += n;
                self.progress.done = self.progress.done.saturating_add(n);
                return Ok(Some(self.progress));
            }
            let sum = std::mem::take(&mut self.sum).finish();
            if self.written.sums.get(self.progress.step) != Some(&sum) {
                let name = step.name.escape_debug();
                return Err(differs(&format!("the bytes of tensor \"{name}\" are others")));
            }
            self.progress.step += 1;
            self.at = 0;
        }
        Ok(None)
    }

    /// Bytes that were read.
    fn read(&mut self, info: &TensorInfo, step: &Step) -> Result<u64, Error> {
        let block = info.ty.block_bytes();
        let whole = PIECE / block * block;
        let n = usize::try_from(info.n_bytes - self.at).map_or(whole, |left| left.min(whole));
        self.piece.resize(n, 0);
        let read = self.gguf.read_tensor(info, self.at, &mut self.piece);
        read.map_err(|error| differs(&error.to_string()))?;
        if let Some(bad) = first_not_finite(info.ty, &self.piece) {
            let values = (self.at / block as u64 + bad as u64) * info.ty.block_len() as u64;
            let row = values / step.dims.first().copied().unwrap_or(1).max(1);
            return Err(Error::Scale { tensor: step.name.clone(), row, ty: info.ty });
        }
        self.sum.write(&self.piece);
        Ok(n as u64)
    }
}

fn differs(reason: &str) -> Error {
    Error::Verify { reason: reason.to_owned() }
}
