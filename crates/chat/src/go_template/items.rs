//! `len`, `index` and `slice`, with Go's words where they refuse.

use super::funcs::fail;
use super::meter::Meter;
use super::value::Value;
use crate::error::Error;

pub(super) fn length(value: &Value) -> Result<i64, Error> {
    let n = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Object(object) if object.type_name.is_none() => object.fields.len(),
        Value::Nil => return fail("len of nil pointer"),
        other => return fail(format!("len of type {}", other.type_name())),
    };
    Ok(i64::try_from(n).unwrap_or(i64::MAX))
}

/// A position in a list or text, at most `max`.
fn position(value: &Value, max: usize) -> Result<usize, Error> {
    match value {
        Value::Int(n) => match usize::try_from(*n) {
            Ok(at) if at <= max => Ok(at),
            _ => fail(format!("index out of range: {n}")),
        },
        Value::Nil => fail("cannot index slice/array with nil"),
        other => fail(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

pub(super) fn index(item: Value, indexes: &[Value], meter: &mut Meter) -> Result<Value, Error> {
    if matches!(item, Value::Nil) {
        return fail("index of untyped nil");
    }
    let mut item = item;
    for index in indexes {
        item = match (&item, index) {
            (Value::List(list), _) => {
                let at = position(index, list.items.len().saturating_sub(1))?;
                let found = list.items.get(at).cloned();
                found.map_or_else(|| fail(format!("index out of range: {at}")), Ok)?
            }
            (Value::Text(text), _) => {
                let at = position(index, text.len().saturating_sub(1))?;
                let found = text.as_bytes().get(at).map(|b| Value::Int(i64::from(*b)));
                found.map_or_else(|| fail(format!("index out of range: {at}")), Ok)?
            }
            (Value::Object(map), Value::Text(key)) if map.type_name.is_none() => {
                meter.search(map)?;
                map.get(key).cloned().unwrap_or(Value::Nil)
            }
            (Value::Object(map), other) if map.type_name.is_none() => {
                return fail(format!("value has type {}; should be string", other.type_name()));
            }
            (Value::Nil, _) => return fail("index of nil pointer"),
            (other, _) => return fail(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

pub(super) fn slice(item: &Value, bounds: &[Value], meter: &mut Meter) -> Result<Value, Error> {
    let len = match item {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Nil => return fail("slice of untyped nil"),
        other => return fail(format!("can't slice item of type {}", other.type_name())),
    };
    if bounds.len() > 3 {
        return fail(format!("too many slice indexes: {}", bounds.len()));
    }
    if bounds.len() == 3 && matches!(item, Value::Text(_)) {
        return fail("cannot 3-index slice a string");
    }
    let at = |n: usize, default| bounds.get(n).map_or(Ok(default), |bound| position(bound, len));
    let (from, to, cap) = (at(0, 0)?, at(1, len)?, at(2, len)?);
    if from > to || to > cap {
        return fail(format!("invalid slice index: {} > {}", from.max(to), from.min(to).min(cap)));
    }
    Ok(match item {
        Value::List(list) => {
            let items = list.items.get(from..to).unwrap_or_default().to_vec();
            meter.make(items.len() * crate::limits::NODE_BYTES)?;
            Value::list(items)
        }
        Value::Text(text) => {
            // Positions are bytes, as in Go; half a character shows as U+FFFD.
            let bytes = text.as_bytes().get(from..to).unwrap_or_default();
            meter.make(bytes.len())?;
            Value::text(String::from_utf8_lossy(bytes))
        }
        _ => Value::Nil,
    })
}
