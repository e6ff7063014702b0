//! From the magic to the last tensor description of one file.
//!
//! Straight down the file, one function per part of the format, no recursion: this file has the
//! order of the parts and the small ones, [`crate::fields`] the metadata, [`crate::tensors`] the
//! tensor descriptions.

use crate::cursor::Cursor;
use crate::error::Error;
use crate::fields;
use crate::layout::align_up;
use crate::limits::{Limit, Limits};
use crate::metadata::{Metadata, sorted_positions};
use crate::source::ByteSource;
use crate::tensors::{self, TensorInfo};
use crate::value::Value;
use crate::{DEFAULT_ALIGNMENT, KEY_ALIGNMENT, MAGIC};

/// What one file says.
#[derive(Debug)]
pub(crate) struct Header {
    pub version: u32,
    pub metadata: Metadata,
    pub tensors: Vec<TensorInfo>,
    /// Positions in `tensors` by ascending name.
    pub by_name: Vec<u32>,
    pub alignment: u64,
    /// First byte of tensor data.
    pub data_start: u64,
    /// Bytes after the last tensor and its padding.
    pub trailing_bytes: u64,
}

pub(crate) fn parse(source: &dyn ByteSource, limits: &Limits) -> Result<Header, Error> {
    parse_with(&mut Cursor::new(source, limits))
}

/// The same without arrays, which are most of a header: vocabularies.
pub(crate) fn parse_outline(source: &dyn ByteSource, limits: &Limits) -> Result<Header, Error> {
    parse_with(&mut Cursor::new(source, limits).without_arrays())
}

/// The same, fetching `read_ahead` bytes at a time.
#[cfg(test)]
pub(crate) fn parse_in_pieces(
    source: &dyn ByteSource,
    limits: &Limits,
    read_ahead: u64,
) -> Result<Header, Error> {
    parse_with(&mut Cursor::with_read_ahead(source, limits, read_ahead))
}

fn parse_with(cursor: &mut Cursor<'_>) -> Result<Header, Error> {
    magic(cursor)?;
    let version = version(cursor)?;
    let n_tensors = cursor.count(Limit::TensorCount, cursor.limits().n_tensors)?;
    let n_kv = cursor.count(Limit::KvCount, cursor.limits().n_kv)?;
    let metadata = fields::metadata(cursor, n_kv)?;
    let alignment = alignment(&metadata, cursor.limits())?;
    let mut found = tensors::read(cursor, n_tensors)?;
    let header_end = cursor.pos();
    let data_start = align_up(header_end, alignment).unwrap_or(header_end);
    let data_bytes = tensors::place(&mut found, data_start, alignment, cursor.len())?;
    let offsets: Vec<u64> = found.iter().map(|described| described.at).collect();
    let tensors: Vec<TensorInfo> = found.into_iter().map(|described| described.tensor).collect();
    let by_name = sorted_positions(&tensors, |tensor| &tensor.name).map_err(|twice| {
        let name = tensors.get(twice).map(|tensor| tensor.name.clone()).unwrap_or_default();
        let offset = offsets.get(twice).copied().unwrap_or(0);
        Error::DuplicateTensor { name, offset }
    })?;
    let data_end = data_start.saturating_add(data_bytes);
    let trailing_bytes = cursor.len().saturating_sub(data_end);
    Ok(Header { version, metadata, tensors, by_name, alignment, data_start, trailing_bytes })
}

fn magic(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    let found: [u8; 4] = cursor.array("the magic")?;
    if found == MAGIC {
        return Ok(());
    }
    let hint = match &found {
        b"FUGG" => "this is GGUF with its bytes swapped, convert the model again",
        b"gguf" => "the magic is in lower case, the file is damaged, get it again",
        b"lmgg" | b"fmgg" | b"tjgg" | b"algg" | b"GGML" | b"ggml" | b"ggmf" | b"ggjt" | b"ggla" => {
            "this is a model in llama.cpp's format from before GGUF, get the GGUF of this model"
        }
        [b'P', b'K', 3, 4] => "this is a ZIP archive or a PyTorch checkpoint, get the GGUF instead",
        b"vers" => "this looks like a Git LFS pointer, download the file itself",
        b"<!DO" | b"<!do" | b"<htm" | b"<HTM" => {
            "this is a web page, download the file and not the page about it"
        }
        [_, _, _, 0] => "it may be a safetensors or another binary file, get the GGUF instead",
        _ => "get the GGUF of the model you want to use",
    };
    Err(Error::BadMagic { found, hint })
}

fn version(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let version = cursor.u32("the version")?;
    match version {
        2 | 3 => Ok(version),
        1 => Err(Error::Version { version, hint: "version 1 is from 2023, convert it again" }),
        _ if matches!(version.swap_bytes(), 1..=3) => {
            Err(Error::BigEndian { version: version.swap_bytes() })
        }
        0 => Err(Error::Version { version, hint: "the file is damaged, get it again" }),
        _ => Err(Error::Version { version, hint: "it is damaged or newer than this program" }),
    }
}

fn alignment(metadata: &Metadata, limits: &Limits) -> Result<u64, Error> {
    let value = match metadata.get(KEY_ALIGNMENT) {
        None => return Ok(DEFAULT_ALIGNMENT),
        Some(Value::U32(value)) => u64::from(*value),
        Some(other) => {
            let (key, got) = (KEY_ALIGNMENT.to_owned(), other.type_name());
            return Err(Error::KeyType { key, want: "a uint32", got });
        }
    };
    if !value.is_power_of_two() || value > limits.alignment {
        return Err(Error::Alignment { value, max: limits.alignment });
    }
    Ok(value)
}
