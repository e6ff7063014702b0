//! Python's string algorithms, on slices of characters rather than bytes.
//!
//! Kept apart from argument handling (`methods`, `filters`), which both call these.

use minijinja::value::{Tuple, Value};
use minijinja::{Error, ErrorKind, State};

use crate::error::Stop;
use crate::limits::{MAX_OUTPUT_BYTES, NODE_BYTES};
use crate::meter;
use crate::text::is_space;

/// Which end of a string.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
    Both,
}

/// `strip(chars)`; white space where `chars` is not given.
pub(crate) fn strip<'s>(s: &'s str, chars: Option<&str>, side: Side) -> &'s str {
    let drop = |c: char| chars.map_or_else(|| is_space(c), |set| set.contains(c));
    let s = if side == Side::Right { s } else { s.trim_start_matches(drop) };
    if side == Side::Left { s } else { s.trim_end_matches(drop) }
}

/// The characters `start..end` of `s` and how many come before them.
pub(crate) fn range(s: &str, start: Option<i64>, end: Option<i64>) -> (&str, usize) {
    if start.is_none() && end.is_none() {
        return (s, 0);
    }
    let n = s.chars().count();
    let index = |at: i64| {
        let from_end = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 { n.saturating_sub(from_end) } else { from_end.min(n) }
    };
    let (start, end) = (start.map_or(0, index), end.map_or(n, index));
    let byte = |at: usize| s.char_indices().nth(at).map_or(s.len(), |(byte, _)| byte);
    (s.get(byte(start)..byte(end.max(start))).unwrap_or_default(), start)
}

/// `split` and `rsplit`.
pub(crate) fn split(
    state: &mut State<'_, '_>,
    s: &str,
    separator: Option<&str>,
    limit: Option<usize>,
    from_right: bool,
) -> Result<Value, Error> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = match separator {
        Some("") => {
            return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
        }
        Some(separator) if from_right => s.rsplitn(limit.saturating_add(1), separator).collect(),
        Some(separator) => s.splitn(limit.saturating_add(1), separator).collect(),
        None => split_space(s, limit, from_right),
    };
    if from_right {
        parts.reverse();
    }
    meter::make(state, s.len().saturating_add(parts.len().saturating_mul(NODE_BYTES)))?;
    Ok(parts.into_iter().map(Value::from).collect())
}

/// Splitting at runs of white space; in order of discovery.
fn split_space(s: &str, limit: usize, from_right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let side = if from_right { Side::Right } else { Side::Left };
    let mut rest = strip(s, None, side);
    while !rest.is_empty() {
        if parts.len() == limit {
            parts.push(rest);
            return parts;
        }
        let at = if from_right {
            rest.char_indices().rfind(|(_, c)| is_space(*c)).map(|(at, c)| at + c.len_utf8())
        } else {
            rest.find(is_space)
        };
        let (head, tail) = match at {
            Some(at) => rest.split_at(at),
            None if from_right => ("", rest),
            None => (rest, ""),
        };
        let (part, remaining) = if from_right { (tail, head) } else { (head, tail) };
        parts.push(part);
        rest = strip(remaining, None, side);
    }
    parts
}

/// `splitlines`: all of Python's line boundaries.
pub(crate) fn splitlines(
    state: &mut State<'_, '_>,
    s: &str,
    keep_ends: bool,
) -> Result<Value, Error> {
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    meter::make(state, s.len())?;
    let mut lines = Vec::new();
    let mut rest = s;
    while let Some((at, end)) = rest.char_indices().find(|(_, c)| is_end(*c)) {
        let both = rest.get(at..).is_some_and(|t| t.starts_with("\r\n"));
        let next = at + if both { 2 } else { end.len_utf8() };
        let line = rest.get(..if keep_ends { next } else { at }).unwrap_or_default();
        meter::make(state, NODE_BYTES)?;
        lines.push(Value::from(line));
        rest = rest.get(next..).unwrap_or_default();
    }
    if !rest.is_empty() {
        lines.push(Value::from(rest));
    }
    Ok(Value::from(lines))
}

/// `replace(old, new, count)`.
pub(crate) fn replace(
    state: &mut State<'_, '_>,
    s: &str,
    old: &str,
    new: &str,
    count: Option<usize>,
) -> Result<String, Error> {
    meter::read(state, s.len())?;
    let hits = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() };
    let hits = hits.min(count.unwrap_or(usize::MAX));
    meter::make(state, s.len().saturating_add(hits.saturating_mul(new.len())))?;
    Ok(s.replacen(old, new, hits))
}

/// `partition`: before, separator, after.
pub(crate) fn partition(s: &str, separator: &str, from_right: bool) -> Value {
    let found = if from_right { s.rsplit_once(separator) } else { s.split_once(separator) };
    let parts = match found {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", s],
        None => [s, "", ""],
    };
    Value::from(Tuple::from(parts.map(Value::from)))
}

/// `center`, `ljust`, `rjust`, `zfill`.
pub(crate) fn pad(
    state: &mut State<'_, '_>,
    s: &str,
    how: &str,
    width: usize,
    fill: Option<&str>,
) -> Result<Value, Error> {
    let n = s.chars().count();
    let missing = width.saturating_sub(n);
    if missing > MAX_OUTPUT_BYTES {
        return Err(Stop::Output.wrap());
    }
    let fill = if how == "zfill" { "0" } else { fill.unwrap_or(" ") };
    meter::make(state, s.len() + missing * fill.len())?;
    let left = match how {
        "ljust" => 0,
        // Python puts the odd space to the left only where the width is odd.
        "center" => missing / 2 + (missing & width & 1),
        _ => missing,
    };
    let (sign, digits) = match s.strip_prefix(['-', '+']) {
        Some(digits) if how == "zfill" => s.split_at(s.len() - digits.len()),
        _ => ("", s),
    };
    let (before, after) = (fill.repeat(left), fill.repeat(missing - left));
    Ok(Value::from(format!("{sign}{before}{digits}{after}")))
}

/// The characters of a text as a list; lists as they are.
pub(crate) fn characters(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "None is not iterable"));
    }
    let Some(text) = value.as_str() else {
        return Ok(value.clone());
    };
    meter::make(state, text.len().saturating_mul(NODE_BYTES))?;
    Ok(text.chars().map(|c| Value::from(c.to_string())).collect())
}

/// First letter upper case, the others lower.
pub(crate) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    let first = chars.next().map(title_case).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

/// A letter as the first of a word: unlike its upper case for digraphs and `ß`.
fn title_case(c: char) -> String {
    match c {
        'Ǆ'..='ǆ' => "ǅ".to_owned(),
        'Ǉ'..='ǉ' => "ǈ".to_owned(),
        'Ǌ'..='ǌ' => "ǋ".to_owned(),
        'Ǳ'..='ǳ' => "ǲ".to_owned(),
        _ => {
            let mut upper = c.to_uppercase();
            let first = upper.next().unwrap_or(c);
            std::iter::once(first).chain(upper.flat_map(char::to_lowercase)).collect()
        }
    }
}

/// Letters after a non-letter upper case, the others lower: Python's `str.title`.
pub(crate) fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.push_str(&title_case(c));
        }
        inside = c.is_alphabetic();
    }
    out
}

/// Methods without arguments.
pub(crate) fn simple(s: &str, name: &str) -> Option<Value> {
    let all = |test: fn(char) -> bool| Value::from(!s.is_empty() && s.chars().all(test));
    let (upper, lower) = (s.chars().any(char::is_uppercase), s.chars().any(char::is_lowercase));
    Some(match name {
        "upper" => Value::from(s.to_uppercase()),
        "lower" | "casefold" => Value::from(s.to_lowercase()),
        "capitalize" => Value::from(capitalize(s)),
        "title" => Value::from(title(s)),
        "swapcase" => Value::from(
            s.chars()
                .flat_map(|c| {
                    let text = if c.is_uppercase() {
                        c.to_lowercase().to_string()
                    } else {
                        c.to_uppercase().to_string()
                    };
                    text.chars().collect::<Vec<_>>()
                })
                .collect::<String>(),
        ),
        "isupper" => Value::from(upper && !lower),
        "islower" => Value::from(lower && !upper),
        "istitle" => Value::from((upper || lower) && s == title(s)),
        "isspace" => all(is_space),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isascii" => Value::from(s.is_ascii()),
        "isprintable" => Value::from(!s.chars().any(char::is_control)),
        "isidentifier" => {
            let start = s.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            Value::from(start && s.chars().all(|c| c.is_alphanumeric() || c == '_'))
        }
        _ => return None,
    })
}
