//! The header of a safetensors file.
//!
//! The `safetensors` crate checks it: no hole between tensors, no overlap, sizes that fit their
//! types. It wants the whole file in memory to begin with, though, so the frame around the header
//! is read here: its length, and that the data end where the file does.

use gguf::ByteSource;
use safetensors::tensor::{Dtype, Metadata};

use super::Stored;
use crate::bytes::Float;
use crate::error::Error;

/// Bytes of a header: a model of 10,000 tensors has one of 1.2 MB. (The format allows 100 MB.)
const MAX_HEADER: u64 = 16 << 20;
/// Bytes before the header: its length.
const FRAME: u64 = 8;

pub(super) fn tensors(file: &str, bytes: &dyn ByteSource) -> Result<Vec<(String, Stored)>, Error> {
    let (metadata, start) = header(file, bytes)?;
    let mut out = Vec::new();
    for (name, info) in metadata.tensors() {
        let shape = info.shape.iter().map(|dim| *dim as u64).collect();
        let offset = start + info.data_offsets.0 as u64;
        out.push((name, Stored { dtype: float(info.dtype), shape, offset, file: 0 }));
    }
    Ok(out)
}

/// What the header says, and where the data begin.
fn header(file: &str, bytes: &dyn ByteSource) -> Result<(Metadata, u64), Error> {
    let have = bytes.len();
    let ends = |need| {
        let what = "the header";
        Error::Truncated { file: file.to_owned(), what, need, have }
    };
    let read = |offset, out: &mut [u8]| {
        let failed = |source| Error::Read { file: file.to_owned(), source };
        bytes.read_at(offset, out).map_err(failed)
    };
    if have < FRAME {
        return Err(ends(FRAME));
    }
    let mut frame = [0; 8];
    read(0, &mut frame)?;
    let n = u64::from_le_bytes(frame);
    if n > MAX_HEADER {
        let (file, what, advice) = (file.to_owned(), "a header", "it is no safetensors file");
        return Err(Error::TooLarge { file, what, need: n, max: MAX_HEADER, advice });
    }
    let start = FRAME + n;
    if have < start {
        return Err(ends(start));
    }
    let mut text = vec![0; usize::try_from(n).unwrap_or(0)];
    read(FRAME, &mut text)?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| Error::malformed(file, format!("its header is wrong ({error})")))?;
    let end = start.saturating_add(metadata.data_len() as u64);
    match end.cmp(&have) {
        std::cmp::Ordering::Equal => Ok((metadata, start)),
        std::cmp::Ordering::Greater => {
            let what = "the data";
            Err(Error::Truncated { file: file.to_owned(), what, need: end, have })
        }
        std::cmp::Ordering::Less => {
            let reason = format!("{} bytes follow behind its last tensor", have - end);
            Err(Error::malformed(file, reason))
        }
    }
}

fn float(dtype: Dtype) -> Result<Float, String> {
    match dtype {
        Dtype::F64 => Ok(Float::F64),
        Dtype::F32 => Ok(Float::F32),
        Dtype::F16 => Ok(Float::F16),
        Dtype::BF16 => Ok(Float::BF16),
        other => Err(other.to_string()),
    }
}
