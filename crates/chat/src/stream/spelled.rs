//! Calls that are spelled out, parameter by parameter, instead of written as JSON.
//!
//! `<function=f>\n<parameter=a>\n1\n</parameter>\n</function>` is one such notation, and
//! `f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>` another. They differ only in the texts
//! between name, keys and values, and those are learned from a rendering of a call with two
//! parameters. Values are plain text, so what kind a value has is said by the tool's schema.

use serde_json::{Map, Value as Json};

use super::format::{A, B, FIRST, NAME, SECOND, first_tag};

/// Most times that the end of a call is looked for in vain: it may stand in a value, as a part of
/// what a model was asked to write, but each time all of the call is read again.
pub(super) const MAX_ENDS: usize = 64;

/// The texts between the parts of a call. White space around them does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    /// Before the name, `<function=`; may be empty.
    pub before_name: String,
    /// After the name, `>`; empty where white space or a key ends it.
    pub after_name: String,
    /// Before a key, `<parameter=`.
    pub before_key: String,
    /// Between key and value, `>`.
    pub after_key: String,
    /// After a value, `</parameter>`.
    pub after_value: String,
    /// The end of the call, `</function>`.
    pub end: String,
    /// Whether values stand on lines of their own.
    pub has_lines: bool,
}

/// A call in the making.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    /// It may become one.
    Open,
    /// The end was there, but the call was not complete before it.
    NotYet,
    /// It cannot become one.
    No,
    /// Name, and the values' texts by key.
    Call(String, Vec<(String, String)>),
}

impl Spelling {
    /// Learned from the text of a call, from behind its marker on: of [`NAME`] with the values
    /// [`FIRST`] and [`SECOND`] under [`A`] and [`B`].
    pub(super) fn learn(text: &str) -> Option<Spelling> {
        let (before_name, rest) = text.split_once(NAME)?;
        let (to_key, rest) = rest.split_once(A)?;
        let (to_value, rest) = rest.split_once(FIRST)?;
        let (between, rest) = rest.split_once(B)?;
        let (again, rest) = rest.split_once(SECOND)?;
        if again != to_value {
            return None;
        }
        let before_key = to_key.get(to_key.rfind('<')?..)?;
        let after_value = between.strip_suffix(before_key)?.trim();
        let end = first_tag(rest.trim_start().strip_prefix(after_value)?);
        let spelling = Spelling {
            before_name: before_name.trim().to_owned(),
            after_name: to_key.strip_suffix(before_key)?.trim().to_owned(),
            before_key: before_key.trim().to_owned(),
            after_key: to_value.trim().to_owned(),
            after_value: after_value.to_owned(),
            end,
            has_lines: to_value.ends_with('\n') && between.starts_with('\n'),
        };
        let needed = [&spelling.after_key, &spelling.after_value, &spelling.end];
        needed.iter().all(|text| !text.is_empty()).then_some(spelling)
    }

    /// Looks at what has come of a call, from behind its marker on.
    pub(super) fn look(&self, text: &str) -> Look {
        let text = text.trim_start();
        let short = text.len().min(self.before_name.len());
        if text.as_bytes().get(..short) != self.before_name.as_bytes().get(..short) {
            return Look::No;
        }
        match text.strip_suffix(&self.end) {
            None => Look::Open,
            Some(call) => self
                .read(call)
                .map_or(Look::NotYet, |(name, values)| Look::Call(name.to_owned(), values)),
        }
    }

    /// A whole call without its end.
    fn read<'a>(&self, call: &'a str) -> Option<(&'a str, Vec<(String, String)>)> {
        let call = call.strip_prefix(&self.before_name)?.trim_start();
        let end_of_name = match self.after_name.as_str() {
            "" => call.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(call.len()),
            text => call.find(text)?,
        };
        let (name, rest) = call.split_at(end_of_name);
        let mut rest = rest.strip_prefix(&self.after_name)?.trim();
        let mut values = Vec::new();
        while !rest.is_empty() {
            let inner = rest.strip_prefix(&self.before_key)?;
            let (key, inner) = self.key(inner)?;
            let (value, after) = self.value(inner)?;
            values.push((key.trim().to_owned(), value.to_owned()));
            rest = after;
        }
        Some((name.trim(), values))
    }

    /// The key, and what follows the text behind it, in which white space does not count.
    fn key<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let mut parts = self.after_key.split_whitespace();
        let (key, mut rest) = text.split_once(parts.next()?)?;
        for part in parts {
            rest = rest.trim_start().strip_prefix(part)?;
        }
        Some((key, rest))
    }

    /// The value, and what follows it: its end is where another key or nothing follows.
    fn value<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let ends = text.match_indices(self.after_value.as_str());
        ends.into_iter().find_map(|(at, end)| {
            let after = text.get(at + end.len()..)?.trim_start();
            if !after.is_empty() && !after.starts_with(&self.before_key) {
                return None;
            }
            let value = text.get(..at)?;
            if !self.has_lines {
                return Some((value, after));
            }
            let value = value.strip_prefix('\n').unwrap_or(value);
            Some((value.strip_suffix('\n').unwrap_or(value), after))
        })
    }
}

/// The values of a call as its tool's schema has them: text where it says text or the text is no
/// JSON, else JSON.
pub(super) fn arguments(values: Vec<(String, String)>, schema: Option<&Json>) -> Map<String, Json> {
    let value = |key: &str, text: String| {
        let of = schema.and_then(|schema| schema.get("properties")?.get(key));
        if of.is_some_and(is_text) {
            return Json::String(text);
        }
        serde_json::from_str(text.trim()).unwrap_or(Json::String(text))
    };
    values.into_iter().map(|(key, text)| (key.clone(), value(&key, text))).collect()
}

/// Whether a schema asks for a text, or for one of several kinds of which one is text.
fn is_text(schema: &Json) -> bool {
    let is_string = |kind: &Json| kind.as_str() == Some("string");
    let by_type = match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().any(is_string),
        Some(kind) => is_string(kind),
        None => false,
    };
    let of_list = |key: &str| schema.get(key).and_then(Json::as_array);
    let by_enum = of_list("enum").is_some_and(|all| all.iter().any(Json::is_string));
    by_type || by_enum || schema.get("const").is_some_and(Json::is_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Look, Spelling, arguments};

    const LINES: &str = "<function=@@name@@>\n<parameter=@@a@@>\n@@first@@\n</parameter>\n\
        <parameter=@@b@@>\n@@second@@\n</parameter>\n</function>\n</tool_call>";
    const PAIRS: &str = "@@name@@\n<arg_key>@@a@@</arg_key>\n<arg_value>@@first@@</arg_value>\n\
        <arg_key>@@b@@</arg_key>\n<arg_value>@@second@@</arg_value>\n</tool_call>";
    const NAMED: &str = "<invoke name=\"@@name@@\">\n<parameter name=\"@@a@@\">@@first@@\
        </parameter>\n<parameter name=\"@@b@@\">@@second@@</parameter>\n</invoke>\n</call>";

    #[test]
    fn calls_are_read_as_they_were_written() {
        for (example, text, name, values) in [
            (LINES, LINES, "@@name@@", vec![("@@a@@", "@@first@@"), ("@@b@@", "@@second@@")]),
            (LINES, "<function=f>\n</function>", "f", vec![]),
            (
                LINES,
                "<function=f><parameter=code>\na\n</parameter>b</function>\n\n\
                 </parameter></function>",
                "f",
                vec![("code", "a\n</parameter>b</function>\n")],
            ),
            (PAIRS, PAIRS, "@@name@@", vec![("@@a@@", "@@first@@"), ("@@b@@", "@@second@@")]),
            (PAIRS, "f</tool_call>", "f", vec![]),
            (
                PAIRS,
                "f\n<arg_key>a</arg_key><arg_value> 1 </arg_value></tool_call>",
                "f",
                vec![("a", " 1 ")],
            ),
            (NAMED, NAMED, "@@name@@", vec![("@@a@@", "@@first@@"), ("@@b@@", "@@second@@")]),
        ] {
            let spelling = Spelling::learn(example);
            let got = spelling.and_then(|spelling| {
                // Where the end comes for the first time the call may be half.
                let ends = text.match_indices(&spelling.end).map(|(at, end)| at + end.len());
                let looks = ends.map(|end| spelling.look(&text[..end]));
                looks.into_iter().find(|look| matches!(look, Look::Call(..)))
            });
            let values = values.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned()));
            assert_eq!(got, Some(Look::Call(name.to_owned(), values.collect())), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_calls() {
        let spelling = Spelling::learn(LINES);
        for (text, want) in [
            ("<func", Look::Open),
            ("\n<function=f>\n<par", Look::Open),
            ("<fn", Look::No),
            ("{", Look::No),
            ("<function=f>\n<parameter=a>\n1\n</function>", Look::NotYet),
            ("<function=f>hello</function>", Look::NotYet),
        ] {
            assert_eq!(spelling.as_ref().map(|spelling| spelling.look(text)), Some(want), "{text}");
        }
        for example in ["", "@@name@@", "@@name@@{@@a@@:@@first@@,@@b@@:@@second@@}"] {
            assert_eq!(Spelling::learn(example), None, "{example}");
        }
    }

    #[test]
    fn the_schema_says_what_a_value_is() {
        let schema = json!({ "properties": {
            "text": { "type": "string" }, "maybe": { "type": ["string", "null"] },
            "choice": { "enum": ["1", "2"] }, "n": { "type": "integer" },
        }});
        for (key, text, want) in [
            ("text", "1", json!("1")),
            ("maybe", "null", json!("null")),
            ("choice", "2", json!("2")),
            ("n", " 12 ", json!(12)),
            ("n", "twelve", json!("twelve")),
            ("other", "[1, {\"a\": null}]", json!([1, { "a": null }])),
            ("other", "two words", json!("two words")),
        ] {
            let values = vec![(key.to_owned(), text.to_owned())];
            let got = arguments(values, Some(&schema));
            assert_eq!(got.get(key), Some(&want), "{key} {text}");
        }
    }
}
