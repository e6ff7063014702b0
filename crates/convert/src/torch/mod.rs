//! Files of `torch.save`: a pickle that describes tensors, and their numbers beside it.
//!
//! A pickle is a program for a small machine whose full form can call anything. This reader's
//! machine builds lists, dictionaries and descriptions of tensors and has nothing to call; the
//! names that such files need are a list of a dozen, and any other name ends the reading. Since
//! 2020 files are zip archives, stored without compression, so that numbers are read where they
//! lie; the form before that is one stream of pickles with the numbers behind them.

mod archive;
mod globals;
mod legacy;
mod objects;
mod pickle;
mod state;
#[cfg(test)]
mod tests;

use gguf::ByteSource;

use crate::checkpoint::Stored;
use crate::error::Error;

/// Bytes of a pickle: 10,000 tensors are described in 2 MB.
const MAX_PICKLE: u64 = 16 << 20;

/// The tensors of a file.
pub(crate) fn tensors(file: &str, bytes: &dyn ByteSource) -> Result<Vec<(String, Stored)>, Error> {
    let mut start = [0; 4];
    let what = "the file";
    if bytes.len() < start.len() as u64 {
        let (need, have) = (start.len() as u64, bytes.len());
        return Err(Error::Truncated { file: file.to_owned(), what, need, have });
    }
    read(file, bytes, 0, &mut start)?;
    match start {
        [b'P', b'K', ..] => archive::tensors(file, bytes),
        [0x80, 2..=5, ..] => legacy::tensors(file, bytes),
        _ => Err(Error::malformed(file, "it is neither a zip archive nor a pickle of PyTorch")),
    }
}

fn read(file: &str, bytes: &dyn ByteSource, at: u64, out: &mut [u8]) -> Result<(), Error> {
    bytes.read_at(at, out).map_err(|source| Error::Read { file: file.to_owned(), source })
}
