//! Filters from text to text.
//!
//! Results may be larger than what they are made from (`replace`, `indent`), so each charges before
//! it makes one.

use minijinja::value::Value;
use minijinja::{Environment, Error, State};

use super::Args;
use crate::limits::MAX_VALUE_BYTES;
use crate::strings::{self, Side};
use crate::{args, format, meter, text};

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
    Ok(Value::from(strings::strip(&text, args::text(&bound, 0)?, Side::Both)))
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
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(&letters.as_str().to_lowercase());
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
    meter::make(state, text.len().saturating_add(blank.len().saturating_mul(lines)))?;
    let mut out = String::new();
    // Jinja2 splits `text + "\n"`, so a final newline keeps its empty line.
    for (n, line) in text.split('\n').enumerate() {
        let skip =
            if n == 0 { !args::flag(&bound, 1) } else { line.is_empty() && !args::flag(&bound, 2) };
        out.push_str(if n > 0 { "\n" } else { "" });
        out.push_str(if skip { "" } else { &blank });
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn center(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["width"])?;
    let text = text::py_str(state, &value)?;
    let width = args::integer(&bound, 0)?.and_then(|n| usize::try_from(n).ok()).unwrap_or(80);
    strings::pad(state, &text, "center", width, None)
}

fn word_count(state: &mut State<'_, '_>, value: Value) -> Result<usize, Error> {
    let text = text::py_str(state, &value)?;
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    Ok(words.filter(|word| !word.is_empty()).count())
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`.
fn truncate(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let bound = args::bind(&args::plain(rest), &["length", "killwords", "end", "leeway"])?;
    let text = text::py_str(state, &value)?;
    let number = |n: usize, default: usize| -> Result<usize, Error> {
        let given = args::integer(&bound, n)?;
        Ok(given.and_then(|v| usize::try_from(v).ok()).unwrap_or(default))
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
        head.rsplit_once(' ').map_or(head.as_str(), |(words, _)| words)
    };
    meter::text(state, std::format!("{head}{end}"))
}

fn format(state: &mut State<'_, '_>, value: Value, rest: Args) -> Outcome {
    let pattern = text::py_str(state, &value)?;
    format::printf(state, &pattern, &args::plain(rest))
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

/// Registers these filters.
pub(super) fn register(env: &mut Environment<'_>) {
    env.add_filter("string", string);
    env.add_filter("safe", safe);
    env.add_filter("escape", escape);
    env.add_filter("e", escape);
    env.add_filter("forceescape", force_escape);
    env.add_filter("trim", trim);
    env.add_filter("replace", replace);
    env.add_filter("indent", indent);
    env.add_filter("center", center);
    env.add_filter("wordcount", word_count);
    env.add_filter("truncate", truncate);
    env.add_filter("format", format);
    env.add_filter("urlencode", urlencode);
    for name in ["upper", "lower", "capitalize", "title"] {
        env.add_filter(name, simple(name));
    }
}
