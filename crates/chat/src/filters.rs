//! Jinja2's filters where the interpreter's differ or do not charge for what they make.
//!
//! Filters over lists (`map`, `selectattr`, `groupby`, `sort` …) are the interpreter's: what they
//! return is counted by `__keep`. Filters over text are ours, because their results can be larger
//! than their input.

use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::limits::{MAX_VALUE_BYTES, NODE_BYTES};
use crate::strings::{self, Side};
use crate::{args, format, json, meter, ops, text};

type Args = args::Given;
type Outcome = Result<Value, Error>;

/// `&<>"'` as markupsafe writes them.
pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn tojson(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(
        &args::plain(rest),
        &["ensure_ascii", "indent", "separators", "sort_keys"],
    )?;
    let options = json::Options::from_args(&bound)?;
    if value.is_undefined() {
        return Err(ops::type_error("tojson", &value, &value));
    }
    json::dumps(state, &value, &options).map(Value::from)
}

fn string(state: &mut State<'_, '_>, value: Value) -> Outcome {
    if value.as_str().is_some() {
        return Ok(value);
    }
    text::py_str(state, &value).map(Value::from)
}

fn safe(state: &mut State<'_, '_>, value: Value) -> Outcome {
    Ok(Value::from_safe_string(text::py_str(state, &value)?))
}

fn escape(state: &mut State<'_, '_>, value: Value) -> Outcome {
    if value.is_safe() {
        return Ok(value);
    }
    force_escape(state, value)
}

fn force_escape(state: &mut State<'_, '_>, value: Value) -> Outcome {
    let text = text::py_str(state, &value)?;
    meter::make(state, text.len().saturating_mul(5))?;
    Ok(Value::from_safe_string(escape_html(&text)))
}

fn trim(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["chars"])?;
    let text = text::py_str(state, &value)?;
    Ok(Value::from(strings::strip(
        &text,
        args::text(&bound, 0)?,
        Side::Both,
    )))
}

/// A filter from text to text that at most doubles it.
fn simple(name: &'static str) -> impl Fn(&mut State<'_, '_>, Value) -> Outcome + Send + Sync {
    move |state, value| {
        let text = text::py_str(state, &value)?;
        meter::make(state, text.len().saturating_mul(2))?;
        Ok(match name {
            "title" => Value::from(jinja_title(&text)),
            _ => strings::simple(&text, name).unwrap_or_default(),
        })
    }
}

/// Jinja2's own `title`: words are split at spaces, hyphens and opening brackets only.
fn jinja_title(text: &str) -> String {
    let is_break = |c: char| text::is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    let mut out = String::new();
    for word in text.split_inclusive(is_break) {
        out.push_str(&strings::capitalize(word));
    }
    out
}

fn replace(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["old", "new", "count"])?;
    let text = text::py_str(state, &value)?;
    let mut part = |n: usize| match args::given(&bound, n) {
        Some(value) => text::py_str(state, value),
        None => Ok(String::new()),
    };
    let (old, new) = (part(0)?, part(1)?);
    let count = args::integer(&bound, 2)?.and_then(|n| usize::try_from(n).ok());
    strings::replace(state, &text, &old, &new, count).map(Value::from)
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
            Error::new(
                ErrorKind::InvalidOperation,
                std::format!("a value of type {kind} has no length"),
            )
        }),
    }
}

fn join(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["d", "attribute"])?;
    let separator = match args::given(&bound, 0) {
        Some(value) => text::py_str(state, value)?,
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
        text::write_str(state, &item, &mut out)?;
    }
    Ok(Value::from(out))
}

/// `attribute='a.b.0'` as filters take it.
fn attribute(value: &Value, path: &Value) -> Value {
    let Some(path) = path.as_str() else {
        return value.get_item(path).unwrap_or_default();
    };
    path.split('.')
        .fold(value.clone(), |value, part| match part.parse::<usize>() {
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
    meter::make(
        state,
        NODE_BYTES.saturating_mul(3 * (1 + value.len().unwrap_or(0))),
    )?;
    let pairs = object.try_iter_pairs().into_iter().flatten();
    Ok(pairs
        .map(|(k, v)| Value::from(Tuple::from([k, v])))
        .collect())
}

/// `int(default=0, base=10)`: the default where there is no number.
fn int(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default", "base"])?;
    let default = bound
        .first()
        .cloned()
        .flatten()
        .unwrap_or_else(|| Value::from(0));
    let base = args::integer(&bound, 1)?
        .and_then(|b| u32::try_from(b).ok())
        .unwrap_or(10);
    if let Some(text) = value.as_str() {
        let digits = text.trim().replace('_', "");
        let digits = match base {
            16 => digits.trim_start_matches("0x").trim_start_matches("0X"),
            8 => digits.trim_start_matches("0o"),
            2 => digits.trim_start_matches("0b"),
            _ => &digits,
        };
        let whole = if (2..=36).contains(&base) {
            i64::from_str_radix(digits, base).ok()
        } else {
            None
        };
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
    std::format!("{whole:.0}")
        .parse::<i64>()
        .ok()
        .map(Value::from)
}

fn float(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default"])?;
    let default = bound
        .first()
        .cloned()
        .flatten()
        .unwrap_or_else(|| Value::from(0.0));
    let parsed = match value.as_str() {
        Some(text) => text.trim().parse::<f64>().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value).ok(),
    };
    Ok(parsed.map_or(default, Value::from))
}

/// `indent(width=4, first=False, blank=False)`.
fn indent(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["width", "first", "blank"])?;
    let blank = match args::given(&bound, 0) {
        Some(width) if width.as_str().is_some() => width.as_str().unwrap_or_default().to_owned(),
        Some(width) => " ".repeat(width.as_usize().unwrap_or(0).min(MAX_VALUE_BYTES)),
        None => "    ".to_owned(),
    };
    let text = text::py_str(state, &value)?;
    let lines = text.lines().count() + 1;
    meter::make(
        state,
        text.len().saturating_add(blank.len().saturating_mul(lines)),
    )?;
    let mut out = String::new();
    // Jinja2 splits `text + "\n"`, so a final newline keeps its empty line.
    for (n, line) in text.split('\n').enumerate() {
        let skip = if n == 0 {
            !args::flag(&bound, 1)
        } else {
            line.is_empty() && !args::flag(&bound, 2)
        };
        out.push_str(if n > 0 { "\n" } else { "" });
        out.push_str(if skip { "" } else { &blank });
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn center(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["width"])?;
    let text = text::py_str(state, &value)?;
    let width = args::integer(&bound, 0)?
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(80);
    strings::pad(state, &text, "center", width, None)
}

fn word_count(state: &mut State<'_, '_>, value: Value) -> Result<usize, Error> {
    let text = text::py_str(state, &value)?;
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    Ok(words.filter(|word| !word.is_empty()).count())
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`.
fn truncate(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(
        &args::plain(rest),
        &["length", "killwords", "end", "leeway"],
    )?;
    let text = text::py_str(state, &value)?;
    let number = |n: usize, default: usize| -> Result<usize, Error> {
        let given = args::integer(&bound, n)?;
        Ok(given
            .and_then(|v| usize::try_from(v).ok())
            .unwrap_or(default))
    };
    let (length, leeway) = (number(0, 255)?, number(3, 5)?);
    let end = args::text(&bound, 2)?.unwrap_or("...");
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Value::from(text));
    }
    let keep = length.saturating_sub(end.chars().count());
    let head: String = text.chars().take(keep).collect();
    let head = if args::flag(&bound, 1) {
        head.as_str()
    } else {
        head.rsplit_once(' ')
            .map_or(head.as_str(), |(words, _)| words)
    };
    meter::text(state, std::format!("{head}{end}"))
}

fn format(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let pattern = text::py_str(state, &value)?;
    format::printf(state, &pattern, &args::plain(rest))
}

fn default(value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["default_value", "boolean"])?;
    let missing = value.is_undefined() || (args::flag(&bound, 1) && !value.is_true());
    let default = || {
        bound
            .first()
            .cloned()
            .flatten()
            .unwrap_or_else(|| Value::from(""))
    };
    Ok(if missing { default() } else { value })
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

/// Percent-encoding of everything but unreserved characters and `/`.
fn urlencode(state: &mut State<'_, '_>, value: Value) -> Outcome {
    let text = text::py_str(state, &value)?;
    meter::make(state, text.len().saturating_mul(3))?;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&std::format!("%{byte:02X}"));
        }
    }
    Ok(Value::from(out))
}

fn first(value: Value) -> Outcome {
    Ok(match value.as_str() {
        Some(text) => text
            .chars()
            .next()
            .map_or(Value::UNDEFINED, |c| Value::from(c.to_string())),
        None => value.try_iter()?.next().unwrap_or_default(),
    })
}

fn last(value: Value) -> Outcome {
    Ok(match value.as_str() {
        Some(text) => text
            .chars()
            .last()
            .map_or(Value::UNDEFINED, |c| Value::from(c.to_string())),
        None => value.try_iter()?.last().unwrap_or_default(),
    })
}

/// Registers the filters.
pub(crate) fn register(env: &mut Environment<'_>) {
    env.add_filter("tojson", tojson);
    env.add_filter("string", string);
    env.add_filter("safe", safe);
    env.add_filter("escape", escape);
    env.add_filter("e", escape);
    env.add_filter("forceescape", force_escape);
    env.add_filter("trim", trim);
    env.add_filter("replace", replace);
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("join", join);
    env.add_filter("list", list);
    env.add_filter("items", items);
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("indent", indent);
    env.add_filter("center", center);
    env.add_filter("wordcount", word_count);
    env.add_filter("truncate", truncate);
    env.add_filter("format", format);
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("dictsort", dictsort);
    env.add_filter("urlencode", urlencode);
    env.add_filter("first", first);
    env.add_filter("last", last);
    for name in ["upper", "lower", "capitalize", "title"] {
        env.add_filter(name, simple(name));
    }
}
