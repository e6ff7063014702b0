//! The functions of Ollama's templates: Go's own that chat templates use, and Ollama's.
//!
//! Go's `html`, `js`, `urlquery` and `call` are not among them: prompts are no web pages, and data
//! here holds no functions.

use std::cmp::Ordering;

use super::fmt;
use super::items::{index, length, slice};
use super::json;
use super::meter::Meter;
use super::value::Value;
use crate::clock::Moment;
use crate::error::Error;

/// A function by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Func {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Len,
    Index,
    Slice,
    Print,
    Printf,
    Println,
    Json,
    CurrentDate,
    YesterdayDate,
    Lower,
    Upper,
    ToTypeScriptType,
}

/// Name, function, and how many arguments it takes at least and at most.
const TABLE: &[(&str, Func, usize, usize)] = &[
    ("and", Func::And, 1, usize::MAX),
    ("or", Func::Or, 1, usize::MAX),
    ("not", Func::Not, 1, 1),
    ("eq", Func::Eq, 1, usize::MAX),
    ("ne", Func::Ne, 2, 2),
    ("lt", Func::Lt, 2, 2),
    ("le", Func::Le, 2, 2),
    ("gt", Func::Gt, 2, 2),
    ("ge", Func::Ge, 2, 2),
    ("len", Func::Len, 1, 1),
    ("index", Func::Index, 1, usize::MAX),
    ("slice", Func::Slice, 1, usize::MAX),
    ("print", Func::Print, 0, usize::MAX),
    ("printf", Func::Printf, 1, usize::MAX),
    ("println", Func::Println, 0, usize::MAX),
    ("json", Func::Json, 1, 1),
    // The format they may be given is not looked at, in Ollama neither.
    ("currentDate", Func::CurrentDate, 0, usize::MAX),
    ("yesterdayDate", Func::YesterdayDate, 0, usize::MAX),
    ("lower", Func::Lower, 1, 1),
    ("upper", Func::Upper, 1, 1),
    ("toTypeScriptType", Func::ToTypeScriptType, 1, 1),
];

impl Func {
    /// The function of this name.
    pub fn of_name(name: &str) -> Option<Func> {
        TABLE.iter().find(|(known, ..)| *known == name).map(|(_, func, ..)| *func)
    }

    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, func, ..)| *func == self).map_or("", |(name, ..)| name)
    }

    /// Whether this argument alone is the result of `and` or `or`.
    pub fn is_decided_by(self, arg: &Value) -> bool {
        match self {
            Func::And => !arg.is_true(),
            Func::Or => arg.is_true(),
            _ => false,
        }
    }
}

pub(super) fn fail<T>(detail: impl Into<String>) -> Result<T, Error> {
    Err(Error::Failed { detail: detail.into() })
}

/// The function's value.
///
/// # Errors
/// [`Error::Failed`] with Go's words where it refuses its arguments; the bounds of `meter`.
pub(crate) fn call(
    func: Func,
    args: &[Value],
    now: Option<Moment>,
    meter: &mut Meter,
) -> Result<Value, Error> {
    let (min, max) = TABLE
        .iter()
        .find(|(_, known, ..)| *known == func)
        .map_or((0, 0), |(_, _, min, max)| (*min, *max));
    if args.len() < min || args.len() > max {
        let at_least = if max == usize::MAX { "at least " } else { "" };
        return fail(format!("wrong number of args: want {at_least}{min} got {}", args.len()));
    }
    let first = args.first().cloned().unwrap_or(Value::Nil);
    let second = args.get(1).cloned().unwrap_or(Value::Nil);
    let text = |text: String, meter: &mut Meter| {
        meter.make(text.len())?;
        Ok(Value::text(text))
    };
    Ok(match func {
        // Those that decide were taken before; the last argument is the value.
        Func::And | Func::Or => args.last().cloned().unwrap_or(Value::Nil),
        Func::Not => Value::Bool(!first.is_true()),
        Func::Eq => Value::Bool(equals_any(&first, args.get(1..).unwrap_or_default(), meter)?),
        Func::Ne => Value::Bool(!equals(&first, &second, meter)?),
        Func::Lt => Value::Bool(order(&first, &second, meter)?.is_some_and(Ordering::is_lt)),
        Func::Le => Value::Bool(order(&first, &second, meter)?.is_some_and(Ordering::is_le)),
        Func::Gt => Value::Bool(order(&first, &second, meter)?.is_some_and(Ordering::is_gt)),
        Func::Ge => Value::Bool(order(&first, &second, meter)?.is_some_and(Ordering::is_ge)),
        Func::Len => Value::Int(length(&first)?),
        Func::Index => index(first, args.get(1..).unwrap_or_default(), meter)?,
        Func::Slice => slice(&first, args.get(1..).unwrap_or_default(), meter)?,
        Func::Print => text(fmt::print(args)?, meter)?,
        Func::Println => text(fmt::println(args)?, meter)?,
        Func::Printf => match &first {
            Value::Text(format) => {
                text(fmt::printf(format, args.get(1..).unwrap_or_default())?, meter)?
            }
            other => return fail(format!("expected string; found {}", other.type_name())),
        },
        Func::Json => text(json::marshal(&first)?, meter)?,
        Func::CurrentDate => text(date(now)?.strftime("%Y-%m-%d"), meter)?,
        Func::YesterdayDate => text(date(now)?.day_before().strftime("%Y-%m-%d"), meter)?,
        Func::Lower | Func::Upper => match &first {
            Value::Text(t) if func == Func::Lower => text(t.to_lowercase(), meter)?,
            Value::Text(t) => text(t.to_uppercase(), meter)?,
            other => return fail(format!("expected string; found {}", other.type_name())),
        },
        Func::ToTypeScriptType => text(type_script(&first), meter)?,
    })
}

fn date(now: Option<Moment>) -> Result<Moment, Error> {
    now.map_or_else(|| fail("the date is not known here"), Ok)
}

fn equals_any(first: &Value, others: &[Value], meter: &mut Meter) -> Result<bool, Error> {
    if others.is_empty() {
        return fail("missing argument for comparison");
    }
    for other in others {
        if equals(first, other, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equals(a: &Value, b: &Value, meter: &mut Meter) -> Result<bool, Error> {
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(_), Value::List(_)) | (Value::Object(_), Value::Object(_)) => {
            return fail(format!("non-comparable type {}", a.type_name()));
        }
        _ => return fail("incompatible types for comparison"),
    })
}

fn order(a: &Value, b: &Value, meter: &mut Meter) -> Result<Option<Ordering>, Error> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (
            Value::Int(_) | Value::Float(_) | Value::Text(_),
            Value::Int(_) | Value::Float(_) | Value::Text(_),
        ) => {
            return fail("incompatible types for comparison");
        }
        _ => return fail("invalid type for comparison"),
    })
}

/// The TypeScript type of a tool's parameter, as Ollama writes it.
fn type_script(value: &Value) -> String {
    let Value::Object(property) = value else {
        return "any".to_owned();
    };
    let join = |items: &[Value], of: &dyn Fn(&Value) -> String| {
        items.iter().map(of).collect::<Vec<_>>().join(" | ")
    };
    let plain = |value: &Value| match value {
        Value::Text(name) => match name.as_ref() {
            "string" | "boolean" | "null" => name.to_string(),
            "number" | "integer" => "number".to_owned(),
            "array" => "any[]".to_owned(),
            "object" => "Record<string, any>".to_owned(),
            _ => "any".to_owned(),
        },
        _ => "any".to_owned(),
    };
    match (property.get("AnyOf"), property.get("Type")) {
        (Some(Value::List(any)), _) if !any.items.is_empty() => join(&any.items, &type_script),
        (_, Some(Value::List(types))) if !types.items.is_empty() => join(&types.items, &plain),
        (_, Some(one)) => plain(one),
        _ => "any".to_owned(),
    }
}
