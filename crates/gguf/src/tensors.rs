//! Tensor descriptions, and where their data lie.
//!
//! Two passes over the places: first the running sum of all sizes, where an impossible sum is an
//! overflow, then every end against the file's. Offsets must be that running sum exactly, so that
//! no two tensors share bytes and no bytes hide between them.

use quant::TensorType;

use crate::cursor::{Cursor, push_within, vec_of};
use crate::error::Error;
use crate::layout::{Layout, MAX_EXTENT, ShapeError, checked_bytes};
use crate::limits::Limit;

/// One tensor of the file: what it is called, how large it is and where its bytes lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name, 1 to 63 bytes.
    pub name: String,
    /// Type of the elements.
    pub ty: TensorType,
    /// Elements per dimension in ggml's order: `dims[0]` is contiguous. Empty for a scalar.
    pub dims: Vec<u64>,
    /// Index of the file it lies in; 0 unless the model is split.
    pub shard: usize,
    /// First byte, from the beginning of that file.
    pub offset: u64,
    /// Bytes without padding.
    pub n_bytes: u64,
}

impl TensorInfo {
    /// Number of elements: 1 for a scalar.
    pub fn n_elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

/// Memory of a description without its name, as on a 64-bit machine.
const TENSOR_HEAP: u64 = 128;

/// Bytes of the shortest possible description (length, one name byte, 0 dimensions, type, offset).
const MIN_INFO_BYTES: u64 = 25;

const WHAT: &str = "a tensor description";

/// A tensor with where it was described and where it says its data lie.
pub(crate) struct Described {
    pub tensor: TensorInfo,
    pub at: u64,
    relative: u64,
}

/// All descriptions; their data are not placed yet.
pub(crate) fn read(cursor: &mut Cursor<'_>, n_tensors: u64) -> Result<Vec<Described>, Error> {
    cursor.room(n_tensors.saturating_mul(MIN_INFO_BYTES), "tensor descriptions")?;
    let mut out = Vec::new();
    for _ in 0..n_tensors {
        let described = tensor(cursor)?;
        let name_bytes = described.tensor.name.len() as u64;
        cursor.charge(TENSOR_HEAP.saturating_add(name_bytes))?;
        push_within(&mut out, described, n_tensors);
    }
    Ok(out)
}

fn tensor(cursor: &mut Cursor<'_>) -> Result<Described, Error> {
    let at = cursor.pos();
    let name = name(cursor)?;
    let offset = cursor.pos();
    let n_dims = cursor.u32(WHAT)?;
    let max = cursor.limits().n_dims;
    if n_dims > max {
        return Err(Error::Dims { tensor: name, n_dims, max, offset });
    }
    let mut dims = vec_of(n_dims.into());
    for _ in 0..n_dims {
        dims.push(cursor.u64(WHAT)?);
    }
    let offset = cursor.pos();
    let id = cursor.u32(WHAT)?;
    let Some(ty) = TensorType::from_id(id) else {
        return Err(Error::TensorType { tensor: name, id, offset });
    };
    let relative = cursor.u64(WHAT)?;
    match checked_bytes(ty, &dims) {
        Ok(n_bytes) => {
            let tensor = TensorInfo { name, ty, dims, shard: 0, offset: relative, n_bytes };
            Ok(Described { tensor, at, relative })
        }
        Err(ShapeError::Overflow(what)) => Err(Error::Overflow { tensor: name, what, offset: at }),
        Err(ShapeError::BlockSize(ne0)) => {
            Err(Error::BlockSize { tensor: name, ty, ne0, offset: at })
        }
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    const WHAT: &str = "a tensor name";
    let offset = cursor.pos();
    let n = cursor.string_len(Limit::Name, cursor.limits().name_bytes, WHAT)?;
    let name = String::from_utf8(cursor.bytes(n, WHAT)?)
        .map_err(|_| Error::Utf8 { what: WHAT, offset })?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::BadName { name, offset });
    }
    Ok(name)
}

/// Turns relative offsets into positions in the file; bytes of all data with padding.
pub(crate) fn place(
    infos: &mut [Described],
    data_start: u64,
    alignment: u64,
    len: u64,
) -> Result<u64, Error> {
    let mut layout = Layout::new(alignment);
    for Described { tensor, at, relative } in infos.iter_mut() {
        let overflow = |what| Error::Overflow { tensor: tensor.name.clone(), what, offset: *at };
        let start = data_start.checked_add(*relative).filter(|start| *start <= MAX_EXTENT);
        let start = start.ok_or_else(|| overflow("offset"))?;
        if *relative != layout.end() {
            let (tensor, found, want) = (tensor.name.clone(), *relative, layout.end());
            return Err(Error::Offset { tensor, found, want, offset: *at });
        }
        layout.push(tensor.n_bytes).ok_or_else(|| overflow("padded size"))?;
        if data_start.checked_add(layout.end()).is_none_or(|end| end > MAX_EXTENT) {
            return Err(overflow("end"));
        }
        tensor.offset = start;
    }
    for Described { tensor, .. } in infos.iter() {
        let end = tensor.offset.saturating_add(tensor.n_bytes);
        if end > len {
            return Err(Error::OutOfFile { tensor: tensor.name.clone(), end, len });
        }
    }
    Ok(layout.end())
}
