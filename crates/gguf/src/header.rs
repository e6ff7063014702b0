//! From the magic to the last tensor description of one file.
//!
//! Straight down the file, one function per part of the format, no recursion. Two passes where the
//! size in memory is not the size in the file: an array of strings is first walked over (its lengths
//! are checked and its memory counted), then read into a vector of the right size; tensors are first
//! summed up (an impossible sum is an overflow), then held against the file's end.

use quant::TensorType;

use crate::cursor::Cursor;
use crate::error::Error;
use crate::layout::{Layout, MAX_EXTENT, ShapeError, align_up, checked_bytes};
use crate::limits::{Limit, Limits};
use crate::metadata::{Metadata, sorted_positions};
use crate::source::ByteSource;
use crate::value::{Array, Value, ValueType};
use crate::{DEFAULT_ALIGNMENT, KEY_ALIGNMENT, MAGIC};

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

/// Memory of a string and of an entry or tensor, as on a 64-bit machine.
const STRING_HEAP: u64 = 24;
const ENTRY_HEAP: u64 = 64;
const TENSOR_HEAP: u64 = 128;

/// Bytes of the shortest possible pair (key length, one key byte, type, one byte).
const MIN_KV_BYTES: u64 = 14;

/// Bytes of the shortest possible description (length, one name byte, 0 dimensions, type, offset).
const MIN_INFO_BYTES: u64 = 25;

pub(crate) fn parse(source: &dyn ByteSource, limits: &Limits) -> Result<Header, Error> {
    parse_with(&mut Cursor::new(source, limits))
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
    let n_tensors = count(cursor, Limit::TensorCount, cursor.limits().n_tensors)?;
    let n_kv = count(cursor, Limit::KvCount, cursor.limits().n_kv)?;
    let metadata = metadata(cursor, n_kv)?;
    let alignment = alignment(&metadata, cursor.limits())?;
    let mut infos = Vec::new();
    cursor.room(
        n_tensors.saturating_mul(MIN_INFO_BYTES),
        "tensor descriptions",
    )?;
    for _ in 0..n_tensors {
        let info = tensor(cursor)?;
        cursor.charge(TENSOR_HEAP + info.tensor.name.len() as u64)?;
        push(&mut infos, info, n_tensors);
    }
    let header_end = cursor.pos();
    let data_start = align_up(header_end, alignment).unwrap_or(header_end);
    let data_bytes = place(&mut infos, data_start, alignment, cursor.len())?;
    let offsets: Vec<u64> = infos.iter().map(|info| info.at).collect();
    let tensors: Vec<TensorInfo> = infos.into_iter().map(|info| info.tensor).collect();
    let by_name = sorted_positions(&tensors, |tensor| &tensor.name).map_err(|twice| {
        let name = tensors
            .get(twice)
            .map(|tensor| tensor.name.clone())
            .unwrap_or_default();
        Error::DuplicateTensor {
            name,
            offset: offsets.get(twice).copied().unwrap_or(0),
        }
    })?;
    let data_end = data_start.saturating_add(data_bytes);
    let trailing_bytes = cursor.len().saturating_sub(data_end);
    Ok(Header {
        version,
        metadata,
        tensors,
        by_name,
        alignment,
        data_start,
        trailing_bytes,
    })
}

/// Grows by doubling, but never past what the file declared.
fn push<T>(items: &mut Vec<T>, item: T, declared: u64) {
    if items.len() == items.capacity() {
        let rest = usize::try_from(declared)
            .unwrap_or(usize::MAX)
            .saturating_sub(items.len());
        items.reserve_exact(items.len().max(64).min(rest));
    }
    items.push(item);
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
        1 => Err(Error::Version {
            version,
            hint: "version 1 is from 2023, convert it again",
        }),
        _ if matches!(version.swap_bytes(), 1..=3) => Err(Error::BigEndian {
            version: version.swap_bytes(),
        }),
        0 => Err(Error::Version {
            version,
            hint: "the file is damaged, get it again",
        }),
        _ => Err(Error::Version {
            version,
            hint: "it is damaged or newer than this program",
        }),
    }
}

fn count(cursor: &mut Cursor<'_>, limit: Limit, max: u64) -> Result<u64, Error> {
    let offset = cursor.pos();
    let need = cursor.u64("a count")?;
    if need > max {
        return Err(Error::Limit {
            limit,
            need,
            max,
            offset,
        });
    }
    Ok(need)
}

fn metadata(cursor: &mut Cursor<'_>, n_kv: u64) -> Result<Metadata, Error> {
    cursor.room(n_kv.saturating_mul(MIN_KV_BYTES), "metadata")?;
    let mut entries = Vec::new();
    let mut offsets: Vec<u64> = Vec::new();
    for _ in 0..n_kv {
        let offset = cursor.pos();
        let key = key(cursor)?;
        cursor.charge(ENTRY_HEAP + key.len() as u64)?;
        let type_offset = cursor.pos();
        let value = match value_type(cursor)? {
            ValueType::Array => Value::Array(array(cursor, type_offset)?),
            other => scalar(cursor, other)?,
        };
        push(&mut entries, (key, value), n_kv);
        push(&mut offsets, offset, n_kv);
    }
    Metadata::from_entries(entries).map_err(|(key, twice)| Error::DuplicateKey {
        key,
        offset: offsets.get(twice).copied().unwrap_or(0),
    })
}

fn key(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let offset = cursor.pos();
    let n = cursor.string_len(Limit::Key, cursor.limits().key_bytes, "a metadata key")?;
    if n == 0 {
        return Err(Error::EmptyKey { offset });
    }
    let key = String::from_utf8(cursor.bytes(n, "a metadata key")?).map_err(|_| Error::Utf8 {
        what: "a metadata key",
        offset,
    })?;
    if key.chars().any(char::is_control) {
        return Err(Error::BadKey { key, offset });
    }
    Ok(key)
}

fn value_type(cursor: &mut Cursor<'_>) -> Result<ValueType, Error> {
    let offset = cursor.pos();
    let id = cursor.u32("a value type")?;
    ValueType::from_id(id).ok_or(Error::ValueType { id, offset })
}

const VALUE: &str = "a metadata value";

fn scalar(cursor: &mut Cursor<'_>, ty: ValueType) -> Result<Value, Error> {
    Ok(match ty {
        ValueType::U8 => Value::U8(cursor.u8(VALUE)?),
        ValueType::I8 => Value::I8(i8::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::U16 => Value::U16(u16::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::I16 => Value::I16(i16::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::U32 => Value::U32(cursor.u32(VALUE)?),
        ValueType::I32 => Value::I32(i32::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::U64 => Value::U64(cursor.u64(VALUE)?),
        ValueType::I64 => Value::I64(i64::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::F32 => Value::F32(f32::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::F64 => Value::F64(f64::from_le_bytes(cursor.array(VALUE)?)),
        ValueType::Bool => Value::Bool(boolean(cursor)?),
        ValueType::String | ValueType::Array => {
            let n = cursor.string_len(Limit::String, cursor.limits().string_bytes, VALUE)?;
            cursor.charge(n)?;
            match String::from_utf8(cursor.bytes(n, VALUE)?) {
                Ok(text) => Value::String(text),
                Err(error) => Value::Bytes(error.into_bytes()),
            }
        }
    })
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool, Error> {
    let offset = cursor.pos();
    match cursor.u8(VALUE)? {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(Error::BadBool { value, offset }),
    }
}

fn array(cursor: &mut Cursor<'_>, offset: u64) -> Result<Array, Error> {
    let ty = value_type(cursor)?;
    if ty == ValueType::Array {
        return Err(Error::NestedArray { offset });
    }
    let n = count(cursor, Limit::Array, cursor.limits().array_len)?;
    // The elements exist in the file and are counted, so their vector may be made at once.
    cursor.room(n.saturating_mul(ty.min_bytes()), "a metadata array")?;
    if ty != ValueType::String {
        cursor.charge(n.saturating_mul(ty.min_bytes()))?;
    }
    Ok(match ty {
        ValueType::U8 => Array::U8(cursor.bytes(n, VALUE)?),
        ValueType::I8 => Array::I8(numbers(cursor, n, i8::from_le_bytes)?),
        ValueType::U16 => Array::U16(numbers(cursor, n, u16::from_le_bytes)?),
        ValueType::I16 => Array::I16(numbers(cursor, n, i16::from_le_bytes)?),
        ValueType::U32 => Array::U32(numbers(cursor, n, u32::from_le_bytes)?),
        ValueType::I32 => Array::I32(numbers(cursor, n, i32::from_le_bytes)?),
        ValueType::U64 => Array::U64(numbers(cursor, n, u64::from_le_bytes)?),
        ValueType::I64 => Array::I64(numbers(cursor, n, i64::from_le_bytes)?),
        ValueType::F32 => Array::F32(numbers(cursor, n, f32::from_le_bytes)?),
        ValueType::F64 => Array::F64(numbers(cursor, n, f64::from_le_bytes)?),
        ValueType::Bool => {
            let mut out = vec_of(n);
            for _ in 0..n {
                out.push(boolean(cursor)?);
            }
            Array::Bool(out)
        }
        ValueType::String | ValueType::Array => strings(cursor, n)?,
    })
}

/// Room for `n` elements, which exist in the file and are within the limits.
fn vec_of<T>(n: u64) -> Vec<T> {
    Vec::with_capacity(usize::try_from(n).unwrap_or(0))
}

fn numbers<T, const N: usize>(
    cursor: &mut Cursor<'_>,
    n: u64,
    from_le_bytes: fn([u8; N]) -> T,
) -> Result<Vec<T>, Error> {
    let mut out = vec_of(n);
    for _ in 0..n {
        out.push(from_le_bytes(cursor.array(VALUE)?));
    }
    Ok(out)
}

fn strings(cursor: &mut Cursor<'_>, n: u64) -> Result<Array, Error> {
    let max = cursor.limits().string_bytes;
    let start = cursor.pos();
    for _ in 0..n {
        let n_bytes = cursor.string_len(Limit::String, max, VALUE)?;
        cursor.charge(STRING_HEAP + n_bytes)?;
        cursor.skip(n_bytes, VALUE)?;
    }
    cursor.rewind(start);
    let mut texts: Vec<String> = vec_of(n);
    for i in 0..n {
        let n_bytes = cursor.string_len(Limit::String, max, VALUE)?;
        match String::from_utf8(cursor.bytes(n_bytes, VALUE)?) {
            Ok(text) => texts.push(text),
            Err(error) => return byte_strings(cursor, texts, error.into_bytes(), n - i - 1),
        }
    }
    Ok(Array::String(texts))
}

/// The rest of an array in which `found` is the first string that is not UTF-8.
fn byte_strings(
    cursor: &mut Cursor<'_>,
    texts: Vec<String>,
    found: Vec<u8>,
    n_rest: u64,
) -> Result<Array, Error> {
    // A String is a Vec<u8>: the vector is reused in place.
    let mut out: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    out.push(found);
    for _ in 0..n_rest {
        let n_bytes = cursor.string_len(Limit::String, cursor.limits().string_bytes, VALUE)?;
        out.push(cursor.bytes(n_bytes, VALUE)?);
    }
    Ok(Array::Bytes(out))
}

fn alignment(metadata: &Metadata, limits: &Limits) -> Result<u64, Error> {
    let value = match metadata.get(KEY_ALIGNMENT) {
        None => return Ok(DEFAULT_ALIGNMENT),
        Some(Value::U32(value)) => u64::from(*value),
        Some(other) => {
            let (key, got) = (KEY_ALIGNMENT.to_owned(), other.type_name());
            return Err(Error::KeyType {
                key,
                want: "a uint32",
                got,
            });
        }
    };
    if !value.is_power_of_two() || value > limits.alignment {
        return Err(Error::Alignment {
            value,
            max: limits.alignment,
        });
    }
    Ok(value)
}

/// A tensor with where it was described and where it says its data lie.
struct Described {
    tensor: TensorInfo,
    at: u64,
    relative: u64,
}

fn tensor(cursor: &mut Cursor<'_>) -> Result<Described, Error> {
    const WHAT: &str = "a tensor description";
    let at = cursor.pos();
    let n = cursor.string_len(Limit::Name, cursor.limits().name_bytes, "a tensor name")?;
    let name = String::from_utf8(cursor.bytes(n, "a tensor name")?).map_err(|_| Error::Utf8 {
        what: "a tensor name",
        offset: at,
    })?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::BadName { name, offset: at });
    }
    let offset = cursor.pos();
    let n_dims = cursor.u32(WHAT)?;
    let max = cursor.limits().n_dims;
    if n_dims > max {
        return Err(Error::Dims {
            tensor: name,
            n_dims,
            max,
            offset,
        });
    }
    let mut dims = vec_of(n_dims.into());
    for _ in 0..n_dims {
        dims.push(cursor.u64(WHAT)?);
    }
    let offset = cursor.pos();
    let id = cursor.u32(WHAT)?;
    let Some(ty) = TensorType::from_id(id) else {
        return Err(Error::TensorType {
            tensor: name,
            id,
            offset,
        });
    };
    let relative = cursor.u64(WHAT)?;
    let n_bytes = match checked_bytes(ty, &dims) {
        Ok(n_bytes) => n_bytes,
        Err(ShapeError::Overflow(what)) => {
            return Err(Error::Overflow {
                tensor: name,
                what,
                offset: at,
            });
        }
        Err(ShapeError::BlockSize(ne0)) => {
            return Err(Error::BlockSize {
                tensor: name,
                ty,
                ne0,
                offset: at,
            });
        }
    };
    let tensor = TensorInfo {
        name,
        ty,
        dims,
        shard: 0,
        offset: relative,
        n_bytes,
    };
    Ok(Described {
        tensor,
        at,
        relative,
    })
}

/// Turns relative offsets into positions in the file; bytes of all data with padding.
fn place(infos: &mut [Described], data_start: u64, alignment: u64, len: u64) -> Result<u64, Error> {
    let mut layout = Layout::new(alignment);
    for Described {
        tensor,
        at,
        relative,
    } in infos.iter_mut()
    {
        let overflow = |what| Error::Overflow {
            tensor: tensor.name.clone(),
            what,
            offset: *at,
        };
        let start = data_start
            .checked_add(*relative)
            .filter(|start| *start <= MAX_EXTENT);
        let start = start.ok_or_else(|| overflow("offset"))?;
        if *relative != layout.end() {
            let (tensor, found, want) = (tensor.name.clone(), *relative, layout.end());
            return Err(Error::Offset {
                tensor,
                found,
                want,
                offset: *at,
            });
        }
        layout
            .push(tensor.n_bytes)
            .ok_or_else(|| overflow("padded size"))?;
        if data_start
            .checked_add(layout.end())
            .is_none_or(|end| end > MAX_EXTENT)
        {
            return Err(overflow("end"));
        }
        tensor.offset = start;
    }
    for Described { tensor, .. } in infos.iter() {
        let end = tensor.offset.saturating_add(tensor.n_bytes);
        if end > len {
            return Err(Error::OutOfFile {
                tensor: tensor.name.clone(),
                end,
                len,
            });
        }
    }
    Ok(layout.end())
}
