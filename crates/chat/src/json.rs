//! `tojson` as Hugging Face defines it: Python's `json.dumps`, without HTML escaping.
//!
//! Separators are `", "` and `": "` (`","` when indented), non-ASCII text stays as it is unless
//! asked, and floats print as Python prints them, because a model was trained on exactly that text.

use minijinja::value::{ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use crate::error::Stop;
use crate::limits::{MAX_FORMAT_WIDTH, MAX_VALUE_DEPTH};
use crate::meter;
use crate::text::py_float;

/// The arguments of `json.dumps` that templates use.
pub(crate) struct Options {
    pub ensure_ascii: bool,
    pub indent: Option<String>,
    pub item_separator: String,
    pub key_separator: String,
    pub sort_keys: bool,
}

impl Options {
    /// From the filter's arguments `ensure_ascii, indent, separators, sort_keys`.
    pub(crate) fn from_args(args: &[Option<Value>]) -> Result<Options, Error> {
        let get = |n: usize| args.get(n).cloned().flatten();
        let indent = match get(1).filter(|v| !v.is_none()) {
            None => None,
            Some(v) if v.as_str().is_some() => v.as_str().map(str::to_owned),
            Some(v) => {
                let width = v.as_usize().unwrap_or(0);
                if width > MAX_FORMAT_WIDTH {
                    return Err(Stop::Output.wrap());
                }
                Some(" ".repeat(width))
            }
        };
        let mut options = Options {
            ensure_ascii: get(0).is_some_and(|v| v.is_true()),
            item_separator: if indent.is_some() { "," } else { ", " }.to_owned(),
            key_separator: ": ".to_owned(),
            sort_keys: get(3).is_some_and(|v| v.is_true()),
            indent,
        };
        if let Some(pair) = get(2).filter(|v| !v.is_none()) {
            let part = |n| pair.get_item_by_index(n).map(|v| v.to_string());
            (options.item_separator, options.key_separator) = (part(0)?, part(1)?);
        }
        Ok(options)
    }
}

/// `json.dumps(value)`.
pub(crate) fn dumps(
    state: &mut State<'_, '_>,
    value: &Value,
    options: &Options,
) -> Result<String, Error> {
    let mut out = String::new();
    write(state, value, options, 0, &mut out)?;
    Ok(out)
}

fn write(
    state: &mut State<'_, '_>,
    value: &Value,
    options: &Options,
    depth: usize,
    out: &mut String,
) -> Result<(), Error> {
    if depth > MAX_VALUE_DEPTH {
        return Err(Stop::Depth.wrap());
    }
    let before = out.len();
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if !value.is_integer() => {
            let number = f64::try_from(value.clone()).unwrap_or_default();
            out.push_str(&match py_float(number).as_str() {
                "nan" => "NaN".to_owned(),
                "inf" => "Infinity".to_owned(),
                "-inf" => "-Infinity".to_owned(),
                finite => finite.to_owned(),
            });
        }
        ValueKind::Number => out.push_str(&value.to_string()),
        ValueKind::String => {
            string(value.as_str().unwrap_or_default(), options.ensure_ascii, out);
        }
        ValueKind::Seq | ValueKind::Map if !meter::is_namespace(value) => {
            return container(state, value, options, depth, out);
        }
        kind => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("a value of type {kind} is not JSON serializable"),
            ));
        }
    }
    meter::make(state, out.len() - before)
}

fn container(
    state: &mut State<'_, '_>,
    value: &Value,
    options: &Options,
    depth: usize,
    out: &mut String,
) -> Result<(), Error> {
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    let is_map = object.repr() == ObjectRepr::Map;
    let mut items: Vec<(Value, Value)> = if is_map {
        object.try_iter_pairs().into_iter().flatten().collect()
    } else {
        value.try_iter()?.map(|item| (Value::UNDEFINED, item)).collect()
    };
    if options.sort_keys && is_map {
        items.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let (open, close) = if is_map { ('{', '}') } else { ('[', ']') };
    out.push(open);
    let newline = |out: &mut String, depth: usize| {
        if let Some(indent) = &options.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
            indent.len() * depth + 1
        } else {
            0
        }
    };
    let empty = items.is_empty();
    for (n, (key, item)) in items.into_iter().enumerate() {
        if n > 0 {
            out.push_str(&options.item_separator);
        }
        let blank = newline(out, depth + 1);
        meter::make(state, blank + options.item_separator.len() + 2)?;
        if is_map {
            let name = match key.kind() {
                ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
                ValueKind::None => "null".to_owned(),
                ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
                _ => key.to_string(),
            };
            string(&name, options.ensure_ascii, out);
            out.push_str(&options.key_separator);
            meter::make(state, name.len() + options.key_separator.len() + 2)?;
        }
        write(state, &item, options, depth + 1, out)?;
    }
    if !empty {
        newline(out, depth);
    }
    out.push(close);
    Ok(())
}

fn string(text: &str, ensure_ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' || (ensure_ascii && c > '~') => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
