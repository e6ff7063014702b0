//! Jinja2's filters where the interpreter's differ or do not charge for what they make.
//!
//! Filters over lists (`map`, `selectattr`, `groupby`, `sort` …) are the interpreter's: what they
//! return is counted by `__keep`. Filters over text are ours, because their results can be larger
//! than their input.

use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::limits::NODE_BYTES;
use crate::strings;
use crate::{args, json, meter, ops, text as py};

mod text;

pub(crate) use text::escape_html;

type Args = args::Given;
type Outcome = Result<Value, Error>;

fn tojson(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound =
        args::bind(&args::plain(rest), &["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let options = json::Options::from_args(&bound)?;
    if value.is_undefined() {
        return Err(ops::type_error("tojson", &value, &value));
    }
    json::dumps(state, &value, &options).map(Value::from)
}

fn length(state: &mut State<'_, '_>, value: Value) -> Result<usize, Error> {
    if let Some(text) = value.as_str() {
        meter::read(state, text.len())?;
        return Ok(text.chars().count());
    }
    match value.kind() {
        ValueKind::Undefined => Ok(0),
        _ => value.len().ok_or_else(|| {
            let kind = value.kind();
            Error::new(ErrorKind::InvalidOperation, format!("a value of type {kind} has no length"))
        }),
    }
}

fn join(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["d", "attribute"])?;
    let separator = match args::given(&bound, 0) {
        Some(value) => py::py_str(state, value)?,
        None => String::new(),
    };
    let mut out = String::new();
    let list = strings::characters(state, &value)?;
    for (n, item) in list.try_iter()?.checked().enumerate() {
        let mut item = item?;
        if let Some(path) = args::given(&bound, 1) {
            item = attribute(&item, path);
        }
        if n > 0 {
            meter::make(state, separator.len())?;
            out.push_str(&separator);
        }
        py::write_str(state, &item, &mut out)?;
    }
    Ok(Value::from(out))
}

fn default(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default_value", "boolean"])?;
    let missing = value.is_undefined() || (args::flag(&bound, 1) && !value.is_true());
    let default = || bound.first().cloned().flatten().unwrap_or_else(|| Value::from(""));
    Ok(if missing { default() } else { value })
}

fn first(value: Value) -> Outcome {
    Ok(match value.as_str() {
        Some(text) => text.chars().next().map_or(Value::UNDEFINED, |c| Value::from(c.to_string())),
        None => value.try_iter()?.next().unwrap_or_default(),
    })
}

fn last(value: Value) -> Outcome {
    Ok(match value.as_str() {
        Some(text) => text.chars().last().map_or(Value::UNDEFINED, |c| Value::from(c.to_string())),
        None => value.try_iter()?.last().unwrap_or_default(),
    })
}

/// `attribute='a.b.0'` as filters take it.
fn attribute(value: &Value, path: &Value) -> Value {
    let Some(path) = path.as_str() else {
        return value.get_item(path).unwrap_or_default();
    };
    path.split('.').fold(value.clone(), |value, part| match part.parse::<usize>() {
        Ok(index) => value.get_item_by_index(index).unwrap_or_default(),
        Err(_) => value.get_attr(part).unwrap_or_default(),
    })
}

fn list(state: &mut State<'_, '_>, value: Value) -> Outcome {
    let value = strings::characters(state, &value)?;
    if value.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    ops::elements(state, &value).map(Value::from)
}

fn items(state: &mut State<'_, '_>, value: Value) -> Outcome {
    if value.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    let object = value.as_object().filter(|_| value.kind() == ValueKind::Map);
    let Some(object) = object else {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "can only get item pairs from a mapping",
        ));
    };
    meter::make(state, NODE_BYTES.saturating_mul(3 * (1 + value.len().unwrap_or(0))))?;
    let pairs = object.try_iter_pairs().into_iter().flatten();
    Ok(pairs.map(|(k, v)| Value::from(Tuple::from([k, v]))).collect())
}

/// `int(default=0, base=10)`: the default where there is no number.
fn int(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default", "base"])?;
    let default = bound.first().cloned().flatten().unwrap_or_else(|| Value::from(0));
    let base = args::integer(&bound, 1)?.and_then(|b| u32::try_from(b).ok()).unwrap_or(10);
    if let Some(text) = value.as_str() {
        let digits = text.trim().replace('_', "");
        let digits = match base {
            16 => digits.trim_start_matches("0x").trim_start_matches("0X"),
            8 => digits.trim_start_matches("0o"),
            2 => digits.trim_start_matches("0b"),
            _ => &digits,
        };
        let whole =
            if (2..=36).contains(&base) { i64::from_str_radix(digits, base).ok() } else { None };
        let parsed = whole.map(Value::from);
        return Ok(parsed
            .or_else(|| text.trim().parse().ok().and_then(truncated))
            .unwrap_or(default));
    }
    Ok(whole_number(&value).unwrap_or(default))
}

/// `int(value)` of a number or boolean.
pub(crate) fn whole_number(value: &Value) -> Option<Value> {
    match value.kind() {
        ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value.clone()),
        ValueKind::Number => f64::try_from(value.clone()).ok().and_then(truncated),
        _ => None,
    }
}

/// A float as an integer, if it has one.
fn truncated(number: f64) -> Option<Value> {
    // 2^63: beyond it an `i64` does not hold the value.
    let whole = number.trunc();
    if whole.abs() >= 9_223_372_036_854_775_808.0 || whole.is_nan() {
        return None;
    }
    format!("{whole:.0}").parse::<i64>().ok().map(Value::from)
}

fn float(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default"])?;
    let default = bound.first().cloned().flatten().unwrap_or_else(|| Value::from(0.0));
    let parsed = match value.as_str() {
        Some(text) => text.trim().parse::<f64>().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value).ok(),
    };
    Ok(parsed.map_or(default, Value::from))
}

/// `dictsort(case_sensitive=False, by='key', reverse=False)`.
fn dictsort(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["case_sensitive", "by", "reverse"])?;
    let by_value = args::text(&bound, 1)? == Some("value");
    let pairs = items(state, value)?;
    meter::weigh(state, &pairs, 0)?;
    let fold = |v: Value| match v.as_str() {
        Some(text) if !args::flag(&bound, 0) => Value::from(text.to_lowercase()),
        _ => v,
    };
    let mut keyed = Vec::new();
    for pair in ops::elements(state, &pairs)? {
        let key = fold(pair.get_item_by_index(usize::from(by_value))?);
        keyed.push((key, pair));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    if args::flag(&bound, 2) {
        keyed.reverse();
    }
    Ok(keyed.into_iter().map(|(_, pair)| pair).collect())
}

/// Registers the filters.
pub(crate) fn register(env: &mut Environment<'_>) {
    text::register(env);
    env.add_filter("tojson", tojson);
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("join", join);
    env.add_filter("list", list);
    env.add_filter("items", items);
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("dictsort", dictsort);
    env.add_filter("first", first);
    env.add_filter("last", last);
}
