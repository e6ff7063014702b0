//! How a model writes tool calls, learned from its template.
//!
//! The template writes earlier calls into the conversation, and the model was trained on exactly
//! that text. So the template is asked to write one: a conversation with a call of a made-up name
//! is rendered, and one with a plain answer in its place; what differs is the call with everything
//! around it. This serves every template of either language without a table of model names.

use serde_json::{Value as Json, json};

use super::spelled::Spelling;
use super::watch::MAX_MARKER_BYTES;
use crate::error::Error;
use crate::message::Message;

/// Names no conversation has.
pub(super) const NAME: &str = "@@name@@";
/// Keys and values of a call with two parameters; in the order that sorting gives, too.
pub(super) const A: &str = "@@a@@";
pub(super) const B: &str = "@@b@@";
pub(super) const FIRST: &str = "@@first@@";
pub(super) const SECOND: &str = "@@second@@";
const ARGUMENT: &str = "@@argument@@";
const ANSWER: &str = "%%answer%%";

/// Marks that may stand before a call without being part of the template's rendering.
const OPTIONAL: &[&str] = &["<|python_tag|>"];

/// A format of tool calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFormat {
    /// Texts that announce calls, for example `<tool_call>`; empty where a call stands bare at the
    /// beginning of an answer.
    pub markers: Vec<String>,
    /// What ends a call, for example `</tool_call>`; may be empty.
    pub close: String,
    /// Whether an answer that begins with JSON may be a call.
    pub is_bare: bool,
    /// Where the name stands.
    pub name: NamePlace,
    /// Key of the arguments, where they share an object with the name.
    pub arguments_key: String,
}

/// Where a call's name is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePlace {
    /// In the same JSON object as the arguments, under this key.
    Key(String),
    /// Before the arguments' object, behind this text: `[TOOL_CALLS]name[ARGS]{…}`.
    Before {
        /// What stands before the name.
        sign: String,
        /// What stands around texts in the object, where it is not JSON; else empty.
        quote: String,
    },
    /// In a call that is spelled out, parameter by parameter.
    Spelled(Spelling),
}

impl Default for ToolFormat {
    /// A bare object `{"name": …, "arguments": {…}}`.
    fn default() -> ToolFormat {
        ToolFormat {
            markers: Vec::new(),
            close: String::new(),
            is_bare: true,
            name: NamePlace::Key("name".to_owned()),
            arguments_key: "arguments".to_owned(),
        }
    }
}

impl ToolFormat {
    /// Texts that an answer's parser has to see, also where they are control tokens.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        let mut marks = self.markers.clone();
        match &self.name {
            NamePlace::Before { quote, .. } if !quote.is_empty() => marks.push(quote.clone()),
            _ => {}
        }
        marks
    }

    /// The format of a template that renders conversations so; `None` where it writes no calls.
    pub(crate) fn probe(
        source: &str,
        render: impl Fn(&[Message], &Json) -> Result<String, Error>,
    ) -> Option<ToolFormat> {
        let tools = json!([{ "type": "function", "function": {
            "name": "@@tool@@",
            "description": "",
            "parameters": { "type": "object", "properties": {} },
        }}]);
        let user = Message::new("user", "?");
        let answer = Message::new("assistant", ANSWER);
        let plain = render(&[user.clone(), answer], &tools).unwrap_or_default();
        let written = |arguments: Json| -> Option<String> {
            let call = json!([{ "id": "call00001", "type": "function", "function": {
                "name": NAME, "arguments": arguments,
            }}]);
            let call = Message::new("assistant", "").with("tool_calls", call);
            let with_call = render(&[user.clone(), call], &tools).ok()?;
            Some(differing(&with_call, &plain).to_owned())
        };
        let arguments = json!({ ARGUMENT: 1 });
        // Some templates want the arguments as text.
        let as_text = Json::from(arguments.to_string());
        let of_json = |arguments| ToolFormat::of_rendering(&written(arguments)?);
        let of_two = || ToolFormat::of_parameters(&written(json!({ A: FIRST, B: SECOND }))?);
        let found = of_json(arguments).or_else(of_two).or_else(|| of_json(as_text));
        found.map(|mut format| {
            let optional = OPTIONAL.iter().filter(|mark| source.contains(**mark));
            format.markers.extend(optional.map(|mark| (*mark).to_owned()));
            format
        })
    }

    /// The format of a call whose arguments are no JSON.
    fn of_parameters(text: &str) -> Option<ToolFormat> {
        let text = text.trim_start();
        let before = text.split_once(NAME)?.0;
        let marker = match first_tag(before) {
            tag if tag.is_empty() => before.trim().to_owned(),
            tag => tag,
        };
        let call = text.strip_prefix(&marker).filter(|_| !marker.is_empty())?;
        let (name, end) = match Spelling::learn(call) {
            Some(spelling) => {
                let end = spelling.end.clone();
                (NamePlace::Spelled(spelling), end)
            }
            None => {
                let (sign, rest) = call.split_once(NAME)?;
                let quote = quote(rest)?;
                (NamePlace::Before { sign: sign.trim().to_owned(), quote }, "}".to_owned())
            }
        };
        let close = text.rsplit_once(&end).map_or(String::new(), |(_, rest)| first_tag(rest));
        let (is_bare, arguments_key) = (false, String::new());
        Some(ToolFormat { markers: vec![marker], close, is_bare, name, arguments_key })
    }

    /// The format of a call of [`NAME`] in this text.
    fn of_rendering(text: &str) -> Option<ToolFormat> {
        let name_at = text.find(NAME)?;
        let argument_at = text.find(ARGUMENT)?;
        for (at, _) in text.match_indices('{').take_while(|(at, _)| *at < name_at) {
            let rest = text.get(at..).unwrap_or_default();
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Json>();
            let Some(Ok(object)) = values.next() else {
                continue;
            };
            let Some((name_key, arguments_key)) = keys(&object) else {
                continue;
            };
            let marker = marker(text.get(..at).unwrap_or_default());
            let close = first_tag(rest.get(values.byte_offset()..).unwrap_or_default());
            return Some(ToolFormat {
                // Such a marker may be a control token, which text does not show.
                is_bare: !marker.starts_with('<') || marker.starts_with("<|"),
                markers: if marker.is_empty() { Vec::new() } else { vec![marker] },
                close,
                name: NamePlace::Key(name_key),
                arguments_key,
            });
        }
        // The name stands before: what follows it must be JSON, not a notation of its own.
        let between = text.get(name_at..argument_at)?;
        let object = text.get(name_at + between.rfind('{')?..).unwrap_or_default();
        serde_json::Deserializer::from_str(object).into_iter::<Json>().next()?.ok()?;
        let before = text.get(..name_at).unwrap_or_default().trim();
        let (marker, sign) = (first_tag(before), last_tag(before));
        if marker.is_empty() || sign.is_empty() {
            return None;
        }
        Some(ToolFormat {
            markers: vec![marker],
            close: String::new(),
            is_bare: false,
            name: NamePlace::Before { sign, quote: String::new() },
            arguments_key: String::new(),
        })
    }
}

/// The marks around texts, of what follows the name in a call that is nearly JSON.
fn quote(rest: &str) -> Option<String> {
    let (before_key, rest) = rest.split_once(A)?;
    let (before_value, rest) = rest.split_once(FIRST)?;
    let quote = before_value.trim().strip_prefix(':')?.trim();
    let between = rest.split_once(B)?.0.strip_prefix(quote)?;
    let is_object = before_key.trim() == "{" && between.trim() == ",";
    (is_object && !quote.is_empty()).then(|| quote.to_owned())
}

/// `text` from where it differs from `other` on.
fn differing<'a>(text: &'a str, other: &str) -> &'a str {
    let mut at = text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    // A tag that both begin alike is not cut.
    let start = text.get(..at).unwrap_or_default();
    let open = start
        .rfind(['<', '['])
        .filter(|open| !start.get(*open..).unwrap_or_default().contains(['>', ']', '\n']));
    text.get(open.unwrap_or(at)..).unwrap_or_default()
}

/// The keys under which an object, or the object under `function` in it, has the made-up call.
fn keys(object: &Json) -> Option<(String, String)> {
    let fields = object.as_object()?;
    let name = fields.iter().find(|(_, value)| value.as_str() == Some(NAME));
    let holds = |value: &Json| match value {
        Json::Object(map) => map.contains_key(ARGUMENT),
        Json::String(text) => text.contains(ARGUMENT),
        _ => false,
    };
    let arguments = fields.iter().find(|(_, value)| holds(value));
    match (name, arguments) {
        (Some((name, _)), Some((arguments, _))) => Some((name.clone(), arguments.clone())),
        _ => fields.get("function").and_then(|inner| inner.is_object().then(|| keys(inner))?),
    }
}

/// What announces a call: the end of the text before it, without the bracket of a list.
fn marker(before: &str) -> String {
    let line = before.trim().trim_end_matches('[').trim_end();
    let line = line.lines().last().unwrap_or_default().trim();
    if line.len() <= MAX_MARKER_BYTES { line.to_owned() } else { String::new() }
}

/// The tag (`<…>` or `[…]`) the text begins with, or nothing.
pub(super) fn first_tag(text: &str) -> String {
    let text = text.trim_start().trim_start_matches(['\n', '`', ']']).trim_start();
    let end = match text.chars().next() {
        Some('<') => text.find('>'),
        Some('[') => text.find(']'),
        _ => None,
    };
    let tag = end.and_then(|end| text.get(..=end)).unwrap_or_default();
    if tag.len() <= MAX_MARKER_BYTES { tag.to_owned() } else { String::new() }
}

/// The last tag of a text and what follows it.
fn last_tag(text: &str) -> String {
    let tag = text.rfind(['<', '[']).and_then(|at| text.get(at..)).unwrap_or_default();
    if tag.len() <= MAX_MARKER_BYTES { tag.to_owned() } else { String::new() }
}
