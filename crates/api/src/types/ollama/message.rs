//! Messages of `/api/chat`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// One turn of a conversation, as it is sent and as it is answered.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Message {
    pub role: String,
    pub content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_call_id: String,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ToolCall {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub function: ToolCallFunction,
}

/// Which tool, with what.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct ToolCallFunction {
    pub index: u32,
    pub name: String,
    pub arguments: Map<String, Value>,
}

/// Roles that a conversation may have; `control` switches thinking in some older models.
const ROLES: [&str; 5] = ["system", "user", "assistant", "tool", "control"];

impl Message {
    /// The message as templates see it. Each family of templates reads its own names, so what was
    /// thought and which tool answered stand under all of them.
    ///
    /// # Errors
    /// 400 for an unknown role, and for images.
    pub fn into_chat(self) -> Result<chat::Message, ApiError> {
        let role = check_role(&self.role)?;
        if !self.images.is_empty() {
            return Err(ApiError::bad(NO_IMAGES));
        }
        let mut message = chat::Message::new(role, self.content);
        if !self.thinking.is_empty() {
            let thinking = self.thinking;
            message = message.with("reasoning_content", thinking.clone().into());
            message = message.with("thinking", thinking.into());
        }
        if !self.tool_calls.is_empty() {
            message = message.with("tool_calls", tool_calls_value(&self.tool_calls));
        }
        if !self.tool_name.is_empty() {
            message = message.with("tool_name", self.tool_name.clone().into());
            message = message.with("name", self.tool_name.into());
        }
        if !self.tool_call_id.is_empty() {
            message = message.with("tool_call_id", self.tool_call_id.into());
        }
        Ok(message)
    }
}

/// Why images are refused.
pub(crate) const NO_IMAGES: &str =
    "images are not supported: models take text only here; send the request without images";

/// The role in lower case.
///
/// # Errors
/// 400 for one that no template knows.
pub(crate) fn check_role(role: &str) -> Result<String, ApiError> {
    let lower = role.to_ascii_lowercase();
    if ROLES.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let role: String = role.chars().take(40).collect();
    let message = format!("invalid role {role:?}: expected system, user, assistant or tool");
    Err(ApiError::bad(message))
}

/// Calls in the form that templates read: OpenAI's, with the arguments as an object.
pub(crate) fn tool_calls_value(calls: &[ToolCall]) -> Value {
    let call = |call: &ToolCall| {
        let ToolCallFunction { name, arguments, .. } = &call.function;
        json!({
            "id": call.id,
            "type": "function",
            "function": { "name": name, "arguments": arguments },
        })
    };
    calls.iter().map(call).collect()
}
