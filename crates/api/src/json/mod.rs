//! JSON from strangers: bounded in depth and number, and read strictly.
//!
//! A body is first read into a tree under the bounds of [`limits`](crate::limits) (a doubled key is
//! an error: two readers would see two values), then into the route's type. The tree costs a copy
//! and buys errors that name the field by its path, and nulls that mean "not given" as they do for
//! Ollama.

mod tree;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;
pub(crate) use tree::parse;

/// Characters of an error's text that are shown: a wrong value may be megabytes of text.
const MAX_DETAIL_CHARS: usize = 200;

/// A request's body as the type of its route.
///
/// # Errors
/// 400 with what is wrong and where.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::bad("missing request body"));
    }
    let Value::Object(mut fields) = parse(body).map_err(|e| bad_json(&e.to_string()))? else {
        return Err(ApiError::bad("the request body must be a JSON object"));
    };
    drop_nulls(&mut fields);
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let detail = plain(&error.inner().to_string());
        let says_all =
            SELF_EXPLAINING.contains(&path.as_str()) && !detail.starts_with("invalid type");
        ApiError::bad(if says_all { detail } else { format!("field \"{path}\": {detail}") })
    })
}

/// Fields whose readers have words of their own, which are Ollama's or Go's.
const SELF_EXPLAINING: [&str; 3] = ["options", "keep_alive", "think"];

fn bad_json(detail: &str) -> ApiError {
    ApiError::bad(format!("the request body is no valid JSON: {}", plain(detail)))
}

/// Fields whose objects, or lists of objects, are ours all through. Not among them: schemas and
/// arguments of tools, where null is a value.
const OURS: [&str; 10] = [
    "function",
    "input",
    "messages",
    "options",
    "reasoning",
    "stream_options",
    "text",
    "thinking",
    "tool_calls",
    "tools",
];

/// Removes fields that are null. The tree is bounded in depth, so this is too.
fn drop_nulls(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null());
    for (_, value) in fields.iter_mut().filter(|(name, _)| OURS.contains(&name.as_str())) {
        let items = match value {
            Value::Array(items) => items.as_mut_slice(),
            value => std::slice::from_mut(value),
        };
        items.iter_mut().filter_map(Value::as_object_mut).for_each(drop_nulls);
    }
}

/// An error of the deserializer in words of JSON instead of Rust, and not too long.
fn plain(detail: &str) -> String {
    let detail =
        detail.replace("type: sequence", "type: list").replace("type: map", "type: object");
    let (found, expected) = detail.rsplit_once("expected ").unwrap_or((&detail, ""));
    let words = match expected {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer, 0 or more",
        "i32" | "i64" => "an integer",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other,
    };
    let is_cut = found.chars().nth(MAX_DETAIL_CHARS).is_some();
    let mut text: String = found.chars().take(MAX_DETAIL_CHARS).collect();
    if is_cut {
        text.push_str("…, ");
    }
    if !words.is_empty() {
        text.push_str("expected ");
        text.extend(words.chars().take(MAX_DETAIL_CHARS));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Sample {
        n: Option<u32>,
        x: Option<f32>,
        text: String,
        messages: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Inner {
        role: String,
    }

    #[test]
    fn errors_name_the_field() {
        let cases = [
            ("", "missing request body"),
            (" \n", "missing request body"),
            ("[]", "the request body must be a JSON object"),
            (
                r#"{"n":"1"}"#,
                r#"field "n": invalid type: string "1", expected an integer, 0 or more"#,
            ),
            (
                r#"{"n":1.5}"#,
                r#"field "n": invalid type: floating point `1.5`, expected an integer, 0 or more"#,
            ),
            (
                r#"{"n":-1}"#,
                r#"field "n": invalid value: integer `-1`, expected an integer, 0 or more"#,
            ),
            (r#"{"x":true}"#, r#"field "x": invalid type: boolean `true`, expected a number"#),
            (
                r#"{"messages":[{},{"role":7}]}"#,
                r#"field "messages[1].role": invalid type: integer `7`, expected a string"#,
            ),
            (
                r#"{"n":1,"n":2}"#,
                "the request body is no valid JSON: the key \"n\" stands twice in one object \
                 at line 1 column 10",
            ),
        ];
        for (body, want) in cases {
            let got = read::<Sample>(body.as_bytes()).unwrap_err();
            assert_eq!((got.status, got.message.as_str()), (400, want), "{body}");
        }
        let wrong = read::<Sample>(br#"{"messages":{"a":1}}"#).unwrap_err();
        assert_eq!(wrong.message, "field \"messages\": invalid type: object, expected a list");
        let long = format!(r#"{{"n":"{}"}}"#, "x".repeat(1 << 20));
        assert!(read::<Sample>(long.as_bytes()).unwrap_err().message.len() < 1000);
    }

    #[test]
    fn null_is_not_given() {
        let got: Sample =
            read(br#"{"n":null,"text":null,"messages":[{"role":null}],"other":1}"#).unwrap();
        assert_eq!(got, Sample { messages: vec![Inner::default()], ..Sample::default() });
        let text = r#"{"tools":[{"x":null,"function":{"description":null,"parameters":{"a":null}}}],
                       "messages":[{"tool_calls":[{"function":{"arguments":{"a":null}}}]}],
                       "format":{"const":null}}"#;
        let Ok(Value::Object(mut fields)) = parse(text.as_bytes()) else { panic!("an object") };
        drop_nulls(&mut fields);
        let want = r#"{"tools":[{"function":{"parameters":{"a":null}}}],"#.to_owned()
            + r#""messages":[{"tool_calls":[{"function":{"arguments":{"a":null}}}]}],"#
            + r#""format":{"const":null}}"#;
        assert_eq!(Value::Object(fields).to_string(), want);
    }
}
