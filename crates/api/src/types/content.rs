//! Content that is a text, or a list of parts: OpenAI's and Anthropic's messages.

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;

/// What a message says.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged, expecting = "expected a string or a list of parts")]
pub enum Content {
    /// A text.
    Text(String),
    /// Parts of several kinds.
    Parts(Vec<Part>),
}

/// One part. Which fields it has depends on its type; unknown types are refused by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Part {
    /// `text`, `image_url`, `tool_use`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Of texts.
    pub text: Option<String>,
    /// Of Anthropic's `thinking`.
    pub thinking: Option<String>,
    /// Of `tool_use`.
    pub id: Option<String>,
    /// Of `tool_use`.
    pub name: Option<String>,
    /// Of `tool_use`: the arguments.
    pub input: Option<Value>,
    /// Of `tool_result`: which call it answers.
    pub tool_use_id: Option<String>,
    /// Of `tool_result`: what the tool said.
    pub content: Option<Box<Content>>,
}

/// Why a picture or a sound is refused.
pub(crate) const NO_MEDIA: &str = "is not supported: models take text only here; send the \
    request without images and audio";

impl Content {
    /// The text of all parts, one below the other.
    ///
    /// # Errors
    /// 400 for a part that is no text.
    pub fn into_text(self) -> Result<String, ApiError> {
        match self {
            Content::Text(text) => Ok(text),
            Content::Parts(parts) => {
                let texts: Result<Vec<String>, ApiError> =
                    parts.into_iter().map(Part::into_text).collect();
                Ok(texts?.join("\n"))
            }
        }
    }
}

impl Part {
    /// The text of a part that is one.
    ///
    /// # Errors
    /// 400 for another kind.
    pub fn into_text(self) -> Result<String, ApiError> {
        match (self.kind.as_str(), self.text) {
            ("text" | "input_text" | "output_text", Some(text)) => Ok(text),
            ("text" | "input_text" | "output_text", None) => {
                Err(ApiError::bad("a content part of type \"text\" has no text"))
            }
            (kind, _) => Err(ApiError::bad(format!("content of type {kind:?} {NO_MEDIA}"))),
        }
    }
}
