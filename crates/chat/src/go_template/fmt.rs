//! Go's `fmt`: how values print, and `printf`.
//!
//! What does not fit its verb is printed with a mark (`%!d(string=x)`), as in Go, and is no error:
//! templates rely on text coming out.

use super::json;
use super::meter::fits;
use super::number::{float, integer};
use super::spec::Spec;
use super::value::Value;
use crate::error::Error;
use crate::limits::MAX_VALUE_DEPTH;

/// The value as `{{ . }}` and `%v` print it.
///
/// # Errors
/// [`Error::TemplateDepth`].
pub(crate) fn display(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write(value, Spec::new('v'), &mut out, 0)?;
    Ok(out)
}

/// `print`: operands that are no strings are separated.
pub(crate) fn print(args: &[Value]) -> Result<String, Error> {
    let mut out = String::new();
    let mut before = true;
    for (n, arg) in args.iter().enumerate() {
        let is_text = matches!(arg, Value::Text(_));
        if n > 0 && !is_text && !before {
            out.push(' ');
        }
        write(arg, Spec::new('v'), &mut out, 0)?;
        before = is_text;
    }
    Ok(out)
}

/// `println`: all operands are separated, and a line ends.
pub(crate) fn println(args: &[Value]) -> Result<String, Error> {
    let mut out = String::new();
    for (n, arg) in args.iter().enumerate() {
        out.push_str(if n > 0 { " " } else { "" });
        write(arg, Spec::new('v'), &mut out, 0)?;
    }
    out.push('\n');
    Ok(out)
}

/// `printf`.
///
/// # Errors
/// [`Error::OutputLimit`] for a width nobody needs, [`Error::Failed`] for widths and arguments by
/// number (`%*d`, `%[1]d`), which are not available.
pub(crate) fn printf(format: &str, args: &[Value]) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = args.iter();
    while let Some((before, field)) = rest.split_once('%') {
        out.push_str(before);
        let (spec, tail) = Spec::read(field)?;
        rest = tail;
        let Some(spec) = spec else {
            out.push_str("%!(NOVERB)");
            continue;
        };
        if spec.verb == '%' {
            out.push('%');
            continue;
        }
        match next.next() {
            Some(arg) => write(arg, spec, &mut out, 0)?,
            None => out.push_str(&format!("%!{}(MISSING)", spec.verb)),
        }
    }
    out.push_str(rest);
    let extra: Vec<&Value> = next.collect();
    if !extra.is_empty() {
        let mut texts = Vec::new();
        for value in extra {
            texts.push(match value {
                Value::Nil => "<nil>".to_owned(),
                _ => format!("{}={}", value.type_name(), display(value)?),
            });
        }
        out.push_str(&format!("%!(EXTRA {})", texts.join(", ")));
    }
    Ok(out)
}

/// Verbs for text, and so for values whose Go type has a `String` method.
const TEXT_VERBS: &str = "vsqxX";

/// Appends the value in the form the verb asks for.
fn write(value: &Value, spec: Spec, out: &mut String, depth: usize) -> Result<(), Error> {
    if depth > MAX_VALUE_DEPTH {
        return Err(Error::TemplateDepth);
    }
    fits(out.len())?;
    match value {
        Value::List(list) if !(list.prints_json && TEXT_VERBS.contains(spec.verb)) => {
            out.push('[');
            for (n, item) in list.items.iter().enumerate() {
                out.push_str(if n > 0 { " " } else { "" });
                write(item, spec, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(object) if !(object.prints_json && TEXT_VERBS.contains(spec.verb)) => {
            let is_map = object.type_name.is_none();
            out.push_str(if is_map { "map[" } else { "{" });
            let shown = object.sorted().into_iter().filter(|field| !field.name.is_empty());
            for (n, field) in shown.enumerate() {
                out.push_str(if n > 0 { " " } else { "" });
                if is_map {
                    spec.pad(&field.name, out);
                    out.push(':');
                }
                write(&field.value, spec, out, depth + 1)?;
            }
            out.push(if is_map { ']' } else { '}' });
        }
        Value::List(_) | Value::Object(_) => {
            write(&Value::text(json::marshal(value)?), spec, out, depth + 1)?;
        }
        scalar => match scalar_text(scalar, spec) {
            Some(text) => spec.pad(&text, out),
            None if matches!(scalar, Value::Nil) && depth > 0 => out.push_str("<nil>"),
            None if matches!(scalar, Value::Nil) => {
                out.push_str(&format!("%!{}(<nil>)", spec.verb));
            }
            None => {
                let (kind, text) = (scalar.type_name(), display(scalar)?);
                out.push_str(&format!("%!{}({kind}={text})", spec.verb));
            }
        },
    }
    Ok(())
}

/// The text of a scalar; `None` where the verb does not fit it.
fn scalar_text(value: &Value, spec: Spec) -> Option<String> {
    Some(match (value, spec.verb) {
        (Value::Nil, 'v') => "<nil>".to_owned(),
        (Value::Bool(b), 't' | 'v') => b.to_string(),
        (Value::Int(n), verb) => return integer(*n, verb, spec),
        (Value::Float(x), 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F') => {
            let upper = matches!(spec.verb, 'G' | 'E');
            let text = spec.signed(x.is_sign_negative(), &float(x.abs(), spec));
            if upper { text.to_uppercase() } else { text }
        }
        (Value::Text(text), verb) => return formatted(text, verb, spec),
        _ => return None,
    })
}

/// A text by its verb, cut to the precision: characters, and bytes for those in hexadecimal.
fn formatted(text: &str, verb: char, spec: Spec) -> Option<String> {
    let limit = spec.precision.unwrap_or(usize::MAX);
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    let cut = text.get(..end).unwrap_or_default();
    let bytes = || text.bytes().take(limit);
    Some(match verb {
        's' | 'v' => cut.to_owned(),
        'q' if spec.sharp && !cut.contains(['`', '\n']) => format!("`{cut}`"),
        'q' => quote(cut, spec.plus),
        'x' => bytes().map(|b| format!("{b:02x}")).collect(),
        'X' => bytes().map(|b| format!("{b:02X}")).collect(),
        _ => return None,
    })
}

/// `%q`: a Go string constant.
fn quote(text: &str, ascii: bool) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if fits(out.len()).is_err() {
            // Whoever takes it refuses it.
            break;
        }
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if (ascii && !c.is_ascii()) || crate::text::is_unprintable(c) || c.is_control() => {
                let code = u32::from(c);
                let long = code > 0xffff;
                out.push_str(&if long {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
