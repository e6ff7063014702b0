//! `json` as Go's `encoding/json` writes it: no spaces, and `<`, `>`, `&` escaped.
//!
//! Models with Ollama's templates saw exactly this text, escapes included. Keys keep their order:
//! Ollama's tool definitions and arguments do.

use super::meter::fits;
use super::value::{Field, Value};
use crate::error::Error;
use crate::limits::MAX_VALUE_DEPTH;

/// The value as JSON.
///
/// # Errors
/// [`Error::TemplateDepth`].
pub(crate) fn marshal(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write(value, &mut out, 0)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<(), Error> {
    if depth > MAX_VALUE_DEPTH {
        return Err(Error::TemplateDepth);
    }
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Float(n) => out.push_str(&number(*n)),
        Value::Text(text) => quote(text, out)?,
        Value::List(list) if list.is_nil => out.push_str("null"),
        Value::List(list) => {
            out.push('[');
            for (n, item) in list.items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            let shown = object.fields.iter().filter(|field| !field.omit);
            for (n, Field { key, value, .. }) in shown.enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                quote(key, out)?;
                out.push(':');
                write(value, out, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Plain digits from 1e-6 to 1e21, an exponent beyond.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    format!("{value}")
}

fn quote(text: &str, out: &mut String) -> Result<(), Error> {
    out.push('"');
    for c in text.chars() {
        fits(out.len())?;
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
