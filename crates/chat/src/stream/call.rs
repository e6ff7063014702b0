//! A tool call, read from the JSON a model wrote.

use serde_json::{Map, Value as Json};

use super::format::{NamePlace, ToolFormat};
use super::loose;

/// A call the model asks for. It is data and is never executed here.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// `call_` and eight random characters.
    pub id: String,
    /// Position among the answer's calls, from 0.
    pub index: usize,
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Json>,
}

/// Longest name of a tool, in bytes; OpenAI's interface allows 64.
const MAX_NAME_BYTES: usize = 256;

/// Name and arguments of an object with both, or of the object under its `function`.
pub(super) fn of_object(text: &str, format: &ToolFormat) -> Option<(String, Map<String, Json>)> {
    let mut object = serde_json::from_str::<Map<String, Json>>(text).ok()?;
    if let Some(Json::Object(inner)) = object.get_mut("function") {
        object = std::mem::take(inner);
    }
    let name_key = match &format.name {
        NamePlace::Key(key) => key.as_str(),
        NamePlace::Before { .. } | NamePlace::Spelled(_) => "name",
    };
    let name = object.get(name_key).or_else(|| object.get("name"))?.as_str()?.to_owned();
    let keys = [format.arguments_key.as_str(), "arguments", "parameters"];
    let arguments = keys.iter().find_map(|key| object.remove(*key))?;
    is_name(&name).then_some((name, arguments_of(arguments)?))
}

/// Arguments as an object, which may stand inside of a string.
fn arguments_of(json: Json) -> Option<Map<String, Json>> {
    match json {
        Json::Object(map) => Some(map),
        Json::String(text) => serde_json::from_str(&text).ok(),
        Json::Null => Some(Map::new()),
        _ => None,
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control)
}

/// Arguments that are the whole object, with the name in the text before them, behind `sign`.
pub(super) fn of_named(
    before: &str,
    sign: &str,
    quote: &str,
    text: &str,
) -> Option<(String, Map<String, Json>)> {
    let tail = before.rsplit_once(sign).map_or(before, |(_, tail)| tail).trim_start();
    let is_part = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    let end = tail.find(|c| !is_part(c)).unwrap_or(tail.len());
    let name = tail.get(..end).unwrap_or_default().to_owned();
    let arguments = match quote {
        "" => serde_json::from_str(text).ok()?,
        quote => loose::object(text, quote)?,
    };
    is_name(&name).then_some((name, arguments))
}

/// `call_` and eight of `a-z0-9`.
pub(super) fn new_id(entropy: &mut dyn FnMut() -> u32) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut id = String::from("call_");
    for _ in 0..8 {
        let n = usize::try_from(entropy() % 36).unwrap_or(0);
        id.push(char::from(LETTERS.get(n).copied().unwrap_or(b'a')));
    }
    id
}

/// Follows an object character by character to its end.
#[derive(Debug, Clone, Default)]
pub(super) struct ObjectScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// What stands around texts where it is not JSON's sign.
    quote: String,
    /// What has come of it.
    partial: String,
}

impl ObjectScan {
    /// For an object whose texts stand between `quote`; JSON where it is empty.
    pub fn with_quote(quote: &str) -> ObjectScan {
        ObjectScan { quote: quote.to_owned(), ..ObjectScan::default() }
    }

    /// Takes a character; true when the object is complete with it.
    pub fn push(&mut self, c: char) -> bool {
        match self.quote.is_empty() {
            true => self.json_string(c),
            false => self.marked_string(c),
        }
        self.bracket(c)
    }

    /// Looks for the marks; brackets inside of one (`<|"|>` has none today) would count.
    fn marked_string(&mut self, c: char) {
        self.partial.push(c);
        while !self.quote.starts_with(&self.partial) {
            self.partial.remove(0);
        }
        if self.partial == self.quote {
            self.partial.clear();
            self.in_string = !self.in_string;
        }
    }

    fn json_string(&mut self, c: char) {
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.in_string => self.escaped = true,
            '"' => self.in_string = !self.in_string,
            _ => {}
        }
    }

    fn bracket(&mut self, c: char) -> bool {
        match c {
            '{' | '[' if !self.in_string => self.depth += 1,
            '}' | ']' if !self.in_string => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// Whether this character ends a key of the outermost object.
    pub fn ends_key(&self, c: char) -> bool {
        c == ':' && self.depth == 1 && !self.in_string
    }
}
