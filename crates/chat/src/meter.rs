//! What one rendering has used, and the refusal when it is too much.
//!
//! The interpreter counts steps but not bytes. Every function of ours charges here for what it
//! makes and for what it reads, before it makes or reads it. Totals only grow: the heap a rendering
//! holds can then never exceed what it was charged, whichever values are still alive.

use minijinja::value::{Enumerator, ObjectRepr, Value, ValueKind};
use minijinja::{Error, State};

use crate::error::Stop;
use crate::limits::{MAX_READ_BYTES, MAX_VALUE_BYTES, MAX_VALUE_DEPTH, NODE_BYTES};

/// Bytes charged for visiting one element: as long as reading so much text takes.
const VISIT_BYTES: usize = 128;

/// Bytes made and read so far by one rendering.
#[derive(Default)]
pub(crate) struct Meter {
    made: usize,
    read: usize,
}

/// Charges for `bytes` about to be created.
pub(crate) fn make(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let meter = state.get_or_insert_extension_with(Meter::default);
    meter.made = meter.made.saturating_add(bytes);
    if meter.made > MAX_VALUE_BYTES { Err(Stop::Output.wrap()) } else { Ok(()) }
}

/// Charges for `bytes` about to be read.
pub(crate) fn read(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let meter = state.get_or_insert_extension_with(Meter::default);
    meter.read = meter.read.saturating_add(bytes);
    if meter.read > MAX_READ_BYTES { Err(Stop::Fuel.wrap()) } else { Ok(()) }
}

/// A new string, charged.
pub(crate) fn text(state: &mut State<'_, '_>, text: String) -> Result<Value, Error> {
    make(state, text.len())?;
    Ok(Value::from(text))
}

/// Whether `value` is a `namespace()`: the only value a template can change, hence the only one
/// that could contain itself.
pub(crate) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|o| o.type_name().ends_with("Namespace"))
}

/// Bytes of `value` written out as a tree, refusing what is too deep or contains a namespace.
///
/// Shared parts count each time they occur: comparing or printing visits them each time.
pub(crate) fn weigh(
    state: &mut State<'_, '_>,
    value: &Value,
    depth: usize,
) -> Result<usize, Error> {
    let Some(object) = value.as_object() else {
        return Ok(value.as_str().map_or(0, str::len) / 16 + NODE_BYTES);
    };
    if depth > MAX_VALUE_DEPTH || (depth > 0 && is_namespace(value)) {
        return Err(Stop::Depth.wrap());
    }
    let mut total = NODE_BYTES;
    match object.repr() {
        ObjectRepr::Seq | ObjectRepr::Iterable => {
            for item in value.try_iter()?.checked() {
                read(state, VISIT_BYTES)?;
                total += weigh(state, &item?, depth + 1)?;
            }
        }
        ObjectRepr::Map if matches!(object.enumerate(), Enumerator::NonEnumerable) => {}
        ObjectRepr::Map if !is_namespace(value) => {
            if let Some(pairs) = object.try_iter_pairs() {
                for (key, item) in pairs {
                    read(state, 2 * VISIT_BYTES)?;
                    total += weigh(state, &key, depth + 1)? + weigh(state, &item, depth + 1)?;
                }
            }
        }
        _ => {}
    }
    Ok(total)
}

/// The result of a literal, filter or call, counted; lazy sequences become lists.
pub(crate) fn keep(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        make(state, text.len())?;
        return Ok(value);
    }
    if value.as_object().is_none() {
        return Ok(value);
    }
    if value.kind() == ValueKind::Iterable {
        let mut items = Vec::new();
        for item in value.try_iter()?.checked() {
            make(state, NODE_BYTES)?;
            items.push(item?);
        }
        let list = Value::from(items);
        weigh(state, &list, 0)?;
        return Ok(list);
    }
    // What it shares with older values is counted as read, its own elements as made.
    weigh(state, &value, 0)?;
    make(state, NODE_BYTES * (1 + value.len().unwrap_or(0)))?;
    Ok(value)
}
