//! Tools, and how much a model thinks before it answers.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool that a model may ask for. The schema of its parameters reaches the template unchanged.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Tool {
    /// Always `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What it is.
    pub function: ToolFunction,
}

fn function() -> String {
    "function".into()
}

/// Name, purpose and parameters of a tool.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ToolFunction {
    /// How the model names it.
    pub name: String,
    /// What it does, for the model.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
}

/// Whether the model must, may or must not call tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No tool is called; the model is not told of any.
    None,
    /// At least one tool is called.
    Required,
    /// This tool is called.
    Function(String),
}

impl<'de> Deserialize<'de> for ToolChoice {
    /// OpenAI's forms (`"auto"`, `{"type":"function","function":{"name":…}}`), that of responses
    /// (`{"type":"function","name":…}`) and Anthropic's (`{"type":"any"}`, `{"type":"tool",…}`).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ToolChoice, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let kind = value.as_str().or_else(|| value.get("type")?.as_str()).unwrap_or_default();
        let name = || {
            let name = value.get("name").or_else(|| value.get("function")?.get("name"));
            name.and_then(Value::as_str).map(|name| ToolChoice::Function(name.to_owned()))
        };
        let choice = match kind {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" | "any" => Some(ToolChoice::Required),
            "function" | "tool" => name(),
            _ => None,
        };
        choice.ok_or_else(|| {
            D::Error::custom("expected \"none\", \"auto\", \"required\" or the name of a function")
        })
    }
}

/// How much a model thinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Think {
    /// Not at all.
    Off,
    /// As the model does.
    On,
    /// `low`, `medium`, `high` or `max`.
    Level(String),
}

/// The levels that models know.
pub(crate) const THINK_LEVELS: [&str; 4] = ["low", "medium", "high", "max"];

impl Think {
    /// Whether it is asked for at all.
    pub fn is_on(&self) -> bool {
        *self != Think::Off
    }

    /// A level by its name; `none` is off.
    pub fn of_level(level: &str) -> Option<Think> {
        match level {
            "none" | "minimal" => Some(Think::Off),
            level if THINK_LEVELS.contains(&level) => Some(Think::Level(level.into())),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Think {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Think, D::Error> {
        let think = match Value::deserialize(deserializer)? {
            Value::Bool(true) => Some(Think::On),
            Value::Bool(false) => Some(Think::Off),
            Value::String(level) if level != "none" => Think::of_level(&level),
            _ => None,
        };
        think.ok_or_else(|| {
            D::Error::custom(
                "invalid think value: expected true, false, \"low\", \"medium\", \"high\" or \
                 \"max\"",
            )
        })
    }
}
