//! Metadata: keys and values, in file order.
//!
//! No recursion: arrays of arrays are refused. Where the size in memory is not the size in the file
//! there are two passes: an array of strings is first walked over (its lengths are checked and its
//! memory is counted), then read into a vector of the right size.

use crate::cursor::{Cursor, push_within, vec_of};
use crate::error::Error;
use crate::limits::Limit;
use crate::metadata::Metadata;
use crate::value::{Array, Value, ValueType};

/// Memory of a string without its text, as on a 64-bit machine.
const STRING_HEAP: u64 = 24;

/// Memory of a pair without its texts, as on a 64-bit machine.
const ENTRY_HEAP: u64 = 64;

/// Bytes of the shortest possible pair (key length, one key byte, type, one byte).
const MIN_KV_BYTES: u64 = 14;

pub(crate) fn metadata(cursor: &mut Cursor<'_>, n_kv: u64) -> Result<Metadata, Error> {
    cursor.room(n_kv.saturating_mul(MIN_KV_BYTES), "metadata")?;
    let mut entries = Vec::new();
    let mut offsets: Vec<u64> = Vec::new();
    for _ in 0..n_kv {
        let offset = cursor.pos();
        let key = key(cursor)?;
        cursor.charge(ENTRY_HEAP.saturating_add(key.len() as u64))?;
        let type_offset = cursor.pos();
        let value = match value_type(cursor)? {
            ValueType::Array if cursor.leaves_arrays() => {
                pass_array(cursor, type_offset)?;
                continue;
            }
            ValueType::Array => Value::Array(array(cursor, type_offset)?),
            other => scalar(cursor, other)?,
        };
        push_within(&mut entries, (key, value), n_kv);
        push_within(&mut offsets, offset, n_kv);
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
    let key = String::from_utf8(cursor.bytes(n, "a metadata key")?)
        .map_err(|_| Error::Utf8 { what: "a metadata key", offset })?;
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

/// Type and number of an array's elements.
fn array_head(cursor: &mut Cursor<'_>, offset: u64) -> Result<(ValueType, u64), Error> {
    let ty = value_type(cursor)?;
    if ty == ValueType::Array {
        return Err(Error::NestedArray { offset });
    }
    Ok((ty, cursor.count(Limit::Array, cursor.limits().array_len)?))
}

/// Moves over an array: lengths are checked, elements are not looked at.
fn pass_array(cursor: &mut Cursor<'_>, offset: u64) -> Result<(), Error> {
    let (ty, n) = array_head(cursor, offset)?;
    cursor.room(n.saturating_mul(ty.min_bytes()), "a metadata array")?;
    if ty != ValueType::String {
        return cursor.skip(n.saturating_mul(ty.min_bytes()), VALUE);
    }
    for _ in 0..n {
        let n_bytes = cursor.string_len(Limit::String, cursor.limits().string_bytes, VALUE)?;
        cursor.skip(n_bytes, VALUE)?;
    }
    Ok(())
}

fn array(cursor: &mut Cursor<'_>, offset: u64) -> Result<Array, Error> {
    let (ty, n) = array_head(cursor, offset)?;
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
        cursor.charge(STRING_HEAP.saturating_add(n_bytes))?;
        cursor.skip(n_bytes, VALUE)?;
    }
    cursor.rewind(start);
    let mut texts: Vec<String> = vec_of(n);
    for n_rest in (0..n).rev() {
        let n_bytes = cursor.string_len(Limit::String, max, VALUE)?;
        match String::from_utf8(cursor.bytes(n_bytes, VALUE)?) {
            Ok(text) => texts.push(text),
            Err(error) => return byte_strings(cursor, texts, error.into_bytes(), n_rest),
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
