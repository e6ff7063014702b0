//! Values as Python writes them: `str()` and `repr()`.
//!
//! The interpreter's own `Display` is close, but it builds the whole text before anyone can refuse
//! it, and differs for floats (`1e+16`), for quotes inside strings and for control characters.

use minijinja::value::{ObjectRepr, Value, ValueKind};
use minijinja::{Error, State};

use crate::error::Stop;
use crate::limits::MAX_VALUE_DEPTH;
use crate::meter;

/// `str(value)`; undefined is empty, as Jinja2's is.
pub(crate) fn py_str(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_str(state, value, &mut out)?;
    Ok(out)
}

/// Appends `str(value)`, charging for it.
pub(crate) fn write_str(
    state: &mut State<'_, '_>,
    value: &Value,
    out: &mut String,
) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        meter::make(state, text.len())?;
        out.push_str(text);
        return Ok(());
    }
    if value.is_undefined() {
        return Ok(());
    }
    write_repr(state, value, out, 0)
}

/// `repr(value)`.
pub(crate) fn py_repr(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_repr(state, value, &mut out, 0)?;
    Ok(out)
}

/// Appends `repr(value)`, charging for it.
fn write_repr(
    state: &mut State<'_, '_>,
    value: &Value,
    out: &mut String,
    depth: usize,
) -> Result<(), Error> {
    if depth > MAX_VALUE_DEPTH {
        return Err(Stop::Depth.wrap());
    }
    let before = out.len();
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::String => repr_string(value.as_str().unwrap_or_default(), out),
        ValueKind::Number if !value.is_integer() => {
            out.push_str(&py_float(f64::try_from(value.clone()).unwrap_or_default()));
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map if !meter::is_namespace(value) => {
            return write_container(state, value, out, depth);
        }
        _ => out.push_str(&value.to_string()),
    }
    meter::make(state, out.len() - before)
}

fn write_container(
    state: &mut State<'_, '_>,
    value: &Value,
    out: &mut String,
    depth: usize,
) -> Result<(), Error> {
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    if object.repr() == ObjectRepr::Map {
        out.push('{');
        for (n, (key, item)) in object.try_iter_pairs().into_iter().flatten().enumerate() {
            out.push_str(if n > 0 { ", " } else { "" });
            write_repr(state, &key, out, depth + 1)?;
            out.push_str(": ");
            write_repr(state, &item, out, depth + 1)?;
            meter::make(state, 4)?;
        }
        out.push('}');
        return Ok(());
    }
    let tuple = value.is_tuple();
    out.push(if tuple { '(' } else { '[' });
    let mut n = 0;
    for item in value.try_iter()?.checked() {
        out.push_str(if n > 0 { ", " } else { "" });
        write_repr(state, &item?, out, depth + 1)?;
        meter::make(state, 2)?;
        n += 1;
    }
    if tuple && n == 1 {
        out.push(',');
    }
    out.push(if tuple { ')' } else { ']' });
    Ok(())
}

/// Python prefers single quotes and escapes what does not print.
fn repr_string(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c < ' ' || ('\x7f'..='\u{a0}').contains(&c) || c == '\u{ad}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if is_unprintable(c) => {
                let code = u32::from(c);
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// Separators, format characters and private use, which `repr` escapes.
pub(crate) fn is_unprintable(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{1680}' | '\u{180e}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
}

/// `repr(float)`: the shortest digits that read back, exponents from 1e16 and below 1e-4.
pub(crate) fn py_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // Rust's `Debug` has Python's thresholds and digits, but writes `1e16` for `1e+16`.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
    }
}

/// What Python's `str.isspace` and `str.strip` take for white space.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.5e-7, "1.5e-07"),
            (1e-4, "0.0001"),
            (-0.0, "-0.0"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(py_float(value), text);
        }
    }

    #[test]
    fn strings_are_quoted_as_in_python() {
        for (text, want) in [
            ("it's", "\"it's\""),
            ("a\"b", "'a\"b'"),
            ("a'b\"", "'a\\'b\"'"),
            ("\n\t\\\x00", "'\\n\\t\\\\\\x00'"),
            ("Zürich \u{200b}", "'Zürich \\u200b'"),
        ] {
            let mut out = String::new();
            repr_string(text, &mut out);
            assert_eq!(out, want);
        }
    }
}
