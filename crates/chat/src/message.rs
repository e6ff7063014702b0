//! The conversation as a template sees it.
//!
//! A message is a role, a text and whatever else the caller's protocol carries (`tool_calls`,
//! `reasoning_content`, `tool_call_id`): those fields go to the template as JSON values, untouched,
//! because each family reads different ones.

use minijinja::value::Value;
use serde_json::Map;

use crate::clock::Moment;
use crate::error::Error;
use crate::limits::MAX_VALUE_DEPTH;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`; templates may know others.
    pub role: String,
    /// What was said.
    pub content: String,
    /// Further fields by name, for example `tool_calls`; a field named `content` replaces the text
    /// (a list of parts, or null).
    pub fields: Map<String, serde_json::Value>,
}

impl Message {
    /// A message of text alone.
    #[must_use]
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        Message { role: role.into(), content: content.into(), fields: Map::new() }
    }

    /// The message with one more field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: serde_json::Value) -> Message {
        self.fields.insert(name.into(), value);
        self
    }

    /// The message as a JSON object: role, content, then the other fields; `thinking` also under
    /// the name that Jinja templates read.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = Map::new();
        object.insert("role".to_owned(), self.role.clone().into());
        object.insert("content".to_owned(), self.content.clone().into());
        object.extend(self.fields.iter().map(|(k, v)| (k.clone(), v.clone())));
        // Ollama's name and that of most Jinja templates for the same thing.
        if let (Some(thinking), false) =
            (self.fields.get("thinking"), self.fields.contains_key("reasoning_content"))
        {
            object.insert("reasoning_content".to_owned(), thinking.clone());
        }
        serde_json::Value::Object(object)
    }
}

/// Whether a model that can think shall do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Think {
    /// Answer at once.
    Off,
    /// Think first.
    On,
    /// Think first, with this effort: `low`, `medium`, `high`, `max`.
    Level(String),
}

impl Think {
    /// Whether it thinks at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Think::Off
    }

    /// The effort, where one was named.
    #[must_use]
    pub fn level(&self) -> Option<&str> {
        match self {
            Think::Level(level) => Some(level),
            Think::Off | Think::On => None,
        }
    }
}

/// What one rendering is told besides the messages.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// End with the header of the assistant's turn, so that the model answers.
    pub add_generation_prompt: bool,
    /// Tool definitions (a JSON list); `None` leaves `tools` undefined.
    pub tools: Option<serde_json::Value>,
    /// Whether the model shall think before it answers; `None` leaves it to the template.
    pub think: Option<Think>,
    /// The host's clock; without it a template that asks for the date finds no `strftime_now`.
    pub now: Option<Moment>,
    /// Further variables, for example `enable_thinking`; they override all others.
    pub extra: Map<String, serde_json::Value>,
}

impl RenderOptions {
    /// Options that ask for an answer.
    #[must_use]
    pub fn answer() -> RenderOptions {
        RenderOptions { add_generation_prompt: true, ..RenderOptions::default() }
    }
}

/// The texts of the special tokens a template may print.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpecialTokens {
    /// Beginning of sequence, `bos_token`; empty where the model has none.
    pub bos: String,
    /// End of sequence, `eos_token`; empty where the model has none.
    pub eos: String,
}

/// A JSON value for the interpreter, order of keys kept.
///
/// # Errors
/// [`Error::Messages`] where it nests too deeply.
pub(crate) fn to_value(json: &serde_json::Value, depth: usize) -> Result<Value, Error> {
    use serde_json::Value as Json;
    // Eight levels of room for what a template wraps around its input.
    if depth + 8 > MAX_VALUE_DEPTH {
        let detail = format!("they nest deeper than {} levels", MAX_VALUE_DEPTH - 8);
        return Err(Error::Messages { detail });
    }
    Ok(match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            _ => Value::from(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => {
            let items: Result<Vec<Value>, Error> =
                items.iter().map(|item| to_value(item, depth + 1)).collect();
            Value::from(items?)
        }
        Json::Object(fields) => {
            let fields: Result<Vec<(String, Value)>, Error> =
                fields.iter().map(|(k, v)| Ok((k.clone(), to_value(v, depth + 1)?))).collect();
            Value::from_pairs(fields?)
        }
    })
}
