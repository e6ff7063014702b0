//! Python's format strings: `'%s' % x` and `'{}'.format(x)`.
//!
//! Patterns are taken apart here, one field at a time, because the interpreter's formatter has no
//! `repr` conversions (`%r`, `{!r}`), refuses floats for `%d`, and allocates a field of any width.
//! Each field alone is then its business.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use crate::error::Stop;
use crate::limits::MAX_FORMAT_WIDTH;
use crate::{meter, ops, text};

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("format string: {what}"))
}

/// `pattern % args`.
pub(crate) fn printf(
    state: &mut State<'_, '_>,
    pattern: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut next = args.iter();
    while let Some((before, field)) = rest.split_once('%') {
        out.push_str(before);
        let (key, spec) = match field.strip_prefix('(').and_then(|f| f.split_once(')')) {
            Some((key, spec)) => (Some(key), spec),
            None => (None, field),
        };
        let end =
            spec.find(|c: char| c.is_alphabetic() || c == '%').ok_or_else(|| bad("incomplete"))?;
        let (flags, tail) = spec.split_at(end);
        let kind = tail.chars().next().unwrap_or('%');
        rest = tail.get(kind.len_utf8()..).unwrap_or_default();
        if kind == '%' {
            out.push('%');
            continue;
        }
        check_width(flags)?;
        let value = match (key, args) {
            (Some(key), [map, ..]) => map.get_attr(key).unwrap_or_default(),
            (Some(_), []) => return Err(bad("a mapping is required")),
            (None, _) => next.next().cloned().ok_or_else(|| bad("not enough arguments"))?,
        };
        let (kind, value) = printf_value(state, kind, value)?;
        let text = format(FormatStyle::Printf, &format!("%{flags}{kind}"), &[value])?;
        meter::make(state, text.len())?;
        out.push_str(&text);
    }
    let by_name = args.first().is_some_and(|v| v.kind() == ValueKind::Map);
    if next.next().is_some() && !by_name {
        return Err(bad("not all arguments converted"));
    }
    meter::make(state, pattern.len())?;
    Ok(Value::from(out + rest))
}

/// The conversion and value that print what Python prints.
fn printf_value(
    state: &mut State<'_, '_>,
    kind: char,
    value: Value,
) -> Result<(char, Value), Error> {
    Ok(match kind {
        's' => ('s', Value::from(text::py_str(state, &value)?)),
        'r' | 'a' => ('s', Value::from(text::py_repr(state, &value)?)),
        'd' | 'i' | 'u' => {
            let number = crate::filters::whole_number(&value);
            ('d', number.ok_or_else(|| ops::type_error("%d", &value, &value))?)
        }
        kind => (kind, value),
    })
}

/// `pattern.format(*args)`.
pub(crate) fn str_format(
    state: &mut State<'_, '_>,
    pattern: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let (positional, keywords) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (rest, Some(Kwargs::try_from(last.clone())?)),
        _ => (args, None),
    };
    let mut out = String::new();
    let mut rest = pattern;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(tail) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            out.push_str(from.get(..1).unwrap_or_default());
            rest = tail;
            continue;
        }
        let inner = from.strip_prefix('{').ok_or_else(|| bad("single '}'"))?;
        let (field, tail) = inner.split_once('}').ok_or_else(|| bad("single '{'"))?;
        rest = tail;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
        check_width(spec)?;
        let value = if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) {
            let index = if name.is_empty() { next } else { name.parse().unwrap_or(usize::MAX) };
            next += usize::from(name.is_empty());
            positional.get(index).cloned().ok_or_else(|| bad("not enough arguments"))?
        } else if name.contains(['.', '[']) {
            return Err(bad("attributes of arguments are not available"));
        } else {
            let found = keywords.as_ref().and_then(|k| k.peek::<Value>(name).ok());
            found.ok_or_else(|| bad("no such argument"))?
        };
        let text = str_field(state, &value, conversion, spec)?;
        meter::make(state, text.len())?;
        out.push_str(&text);
    }
    meter::make(state, pattern.len())?;
    Ok(Value::from(out + rest))
}

fn str_field(
    state: &mut State<'_, '_>,
    value: &Value,
    conversion: &str,
    spec: &str,
) -> Result<String, Error> {
    let text = match conversion {
        "r" | "a" => text::py_repr(state, value)?,
        "" if value.is_number() && !spec.is_empty() => {
            return format(
                FormatStyle::StrFormat,
                &format!("{{:{spec}}}"),
                std::slice::from_ref(value),
            );
        }
        "" | "s" => text::py_str(state, value)?,
        _ => return Err(bad("unknown conversion")),
    };
    if spec.is_empty() {
        return Ok(text);
    }
    format(FormatStyle::StrFormat, &format!("{{:{spec}}}"), &[Value::from(text)])
}

/// Refuses widths and precisions of more digits than anyone needs, and computed ones.
fn check_width(spec: &str) -> Result<(), Error> {
    if spec.contains(['*', '{']) {
        return Err(bad("computed widths are not available"));
    }
    let mut numbers = spec.split(|c: char| !c.is_ascii_digit());
    let limit = MAX_FORMAT_WIDTH.to_string().len();
    if numbers.any(|digits| digits.trim_start_matches('0').len() > limit) {
        return Err(Stop::Output.wrap());
    }
    Ok(())
}
