//! Python's subscripts, slices and iteration, charged.
//!
//! The interpreter slices lazily, treats missing bounds of negative steps differently and does not
//! iterate text; a chat template does all three (`messages[::-1]`, `content[:-1]`).

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::error::Stop;
use crate::limits::NODE_BYTES;
use crate::meter;
use crate::ops::{elements, sequence, type_error};

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

/// What a `for` runs over.
fn iterate(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            meter::make(state, NODE_BYTES.saturating_mul(text.len()))?;
            Ok(text.chars().map(|c| Value::from(c.to_string())).collect())
        }
        ValueKind::Undefined | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value),
        kind => Err(failed(&format!("a value of type {kind} is not iterable"))),
    }
}

/// A value put into a `namespace()` attribute.
fn store(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if meter::is_namespace(&value) {
        return Err(Stop::Depth.wrap());
    }
    meter::weigh(state, &value, 0)?;
    Ok(value)
}

fn item(state: &mut State<'_, '_>, value: Value, key: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(type_error("[]", &value, &key));
    }
    let index = integer(&key);
    if let (Some(text), Some(at)) = (value.as_str(), index) {
        meter::read(state, text.len())?;
        let n = i128::try_from(text.chars().count()).unwrap_or(i128::MAX);
        let at = usize::try_from(if at < 0 { at + n } else { at }).ok();
        let c = at.and_then(|at| text.chars().nth(at));
        return Ok(c.map_or(Value::UNDEFINED, |c| Value::from(c.to_string())));
    }
    if index.is_none() && key.is_number() && value.kind() != ValueKind::Map {
        return Ok(Value::UNDEFINED);
    }
    Ok(value.get_item(&key).unwrap_or(Value::UNDEFINED))
}

/// An integer or boolean, as an index.
fn integer(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// The bounds of `x[start:stop:step]` over `n` elements: Python's `slice.indices`.
fn slice_indices(n: i128, start: Option<i128>, stop: Option<i128>, step: i128) -> Vec<usize> {
    let clamp = |at: i128, low: i128, high: i128| {
        (if at < 0 { at.saturating_add(n) } else { at }).clamp(low, high)
    };
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let from = start.map_or(if step > 0 { 0 } else { n - 1 }, |at| clamp(at, low, high));
    let to = stop.map_or(if step > 0 { n } else { -1 }, |at| clamp(at, low, high));
    let mut at = from;
    let mut indices = Vec::new();
    while (step > 0 && at < to) || (step < 0 && at > to) {
        indices.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    indices
}

fn slice(
    state: &mut State<'_, '_>,
    value: Value,
    start: Value,
    stop: Value,
    step: Value,
) -> Result<Value, Error> {
    let bound = |v: &Value| match integer(v) {
        Some(n) => Ok(Some(n)),
        None if v.is_none() => Ok(None),
        None => Err(failed("slice indices must be integers or None")),
    };
    let (start, stop, step) = (bound(&start)?, bound(&stop)?, bound(&step)?.unwrap_or(1));
    if step == 0 {
        return Err(failed("slice step cannot be zero"));
    }
    let length = |n: usize| i128::try_from(n).unwrap_or(i128::MAX);
    if let Some(text) = value.as_str() {
        meter::make(state, text.len().saturating_mul(12))?;
        let chars: Vec<char> = text.chars().collect();
        let indices = slice_indices(length(chars.len()), start, stop, step);
        return Ok(Value::from(indices.iter().filter_map(|&i| chars.get(i)).collect::<String>()));
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {}
        // Python looks a slice up as a key, which it cannot be.
        ValueKind::Undefined | ValueKind::Map => {
            return Err(type_error("[:]", &value, &value));
        }
        // Jinja2 answers a subscript that fails with an undefined value.
        _ => return Ok(Value::UNDEFINED),
    }
    let items = elements(state, &value)?;
    let indices = slice_indices(length(items.len()), start, stop, step);
    let part = indices.iter().filter_map(|&i| items.get(i).cloned()).collect();
    Ok(sequence(part, value.is_tuple()))
}

/// Registers these under the names `lower` prints.
pub(crate) fn register(env: &mut Environment<'_>) {
    env.add_function("__iter", iterate);
    env.add_function("__store", store);
    env.add_function("__item", item);
    env.add_function("__slice", slice);
    env.add_function("__keep", meter::keep);
}
