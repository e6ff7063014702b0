//! The request of `/v1/responses` as a task.

use serde_json::{Map, Value};

use super::super::openai_chat::{choose_tools, read_arguments, think_of};
use super::super::openai_options::{Fields, max_tokens};
use crate::error::ApiError;
use crate::host::Format;
use crate::turn::{Input, Task, Verb};
use crate::types::ollama::{ToolCall, ToolCallFunction, check_role, tool_calls_value};
use crate::types::openai::{InputItem, ResponseInput, ResponsesRequest, TextFormat};
use crate::types::{Content, Tool, ToolFunction};

pub(super) fn task_of(request: ResponsesRequest) -> Result<Task, ApiError> {
    let mut messages = Vec::new();
    if let Some(instructions) = request.instructions {
        messages.push(chat::Message::new("system", instructions));
    }
    match request.input {
        ResponseInput::Text(text) => messages.push(chat::Message::new("user", text)),
        ResponseInput::Items(items) if items.is_empty() => {
            return Err(ApiError::bad("input must hold a text or at least one item"));
        }
        ResponseInput::Items(items) => {
            for item in items {
                add_item(&mut messages, item)?;
            }
        }
    }
    let tools: Result<Vec<Tool>, ApiError> = request.tools.into_iter().map(tool).collect();
    let (tools, tool_choice) = choose_tools(tools?, request.tool_choice)?;
    let fields = Fields {
        temperature: request.temperature,
        top_p: request.top_p,
        options: request.options,
        ..Fields::default()
    };
    Ok(Task {
        think: think_of(request.reasoning.and_then(|reasoning| reasoning.effort))?,
        format: format_of(request.text.format)?,
        options: fields.into_options()?,
        max_tokens: max_tokens("max_output_tokens", request.max_output_tokens, 1)?,
        keep_alive: request.keep_alive,
        ..Task::new(request.model, Verb::Chat, Input::Chat { messages, tools, tool_choice })
    })
}

/// Calls that follow each other are those of one message.
fn add_item(messages: &mut Vec<chat::Message>, item: InputItem) -> Result<(), ApiError> {
    let text = |content: Option<Content>| content.map_or(Ok(String::new()), Content::into_text);
    match item.kind.as_deref() {
        None | Some("message") => {
            let role = match item.role.as_str() {
                "developer" => "system".to_owned(),
                role => check_role(role)?,
            };
            messages.push(chat::Message::new(role, text(item.content)?));
        }
        Some("function_call") => {
            let arguments = read_arguments(&item.arguments)?;
            let function = ToolCallFunction { index: 0, name: item.name, arguments };
            let call = tool_calls_value(&[ToolCall { id: item.call_id, function }]);
            match messages.last_mut().and_then(|last| last.fields.get_mut("tool_calls")) {
                Some(Value::Array(calls)) => {
                    calls.extend(call.as_array().into_iter().flatten().cloned())
                }
                _ => messages.push(chat::Message::new("assistant", "").with("tool_calls", call)),
            }
        }
        Some("function_call_output") => {
            let message = chat::Message::new("tool", text(item.output)?);
            messages.push(message.with("tool_call_id", item.call_id.into()));
        }
        Some("reasoning") => {
            let texts: Result<Vec<String>, ApiError> =
                item.summary.into_iter().map(|part| Ok(part.text.unwrap_or_default())).collect();
            let thinking = texts?.join("\n");
            let message = chat::Message::new("assistant", "");
            let message = message.with("reasoning_content", thinking.clone().into());
            messages.push(message.with("thinking", thinking.into()));
        }
        Some(kind) => {
            let kind: String = kind.chars().take(40).collect();
            return Err(ApiError::bad(format!("input items of type {kind:?} are not supported")));
        }
    }
    Ok(())
}

/// A tool, whose fields stand side by side here.
fn tool(fields: Map<String, Value>) -> Result<Tool, ApiError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "function" {
        let kind: String = text("type").chars().take(40).collect();
        let message = format!("tools of type {kind:?} are not supported; only functions are");
        return Err(ApiError::bad(message));
    }
    if text("name").is_empty() {
        return Err(ApiError::bad("a tool has no name"));
    }
    let function = ToolFunction {
        name: text("name").to_owned(),
        description: text("description").to_owned(),
        parameters: fields.get("parameters").filter(|value| !value.is_null()).cloned(),
    };
    Ok(Tool { kind: "function".into(), function })
}

fn format_of(format: TextFormat) -> Result<Option<Format>, ApiError> {
    match (format.kind.as_str(), format.schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::Json)),
        ("json_schema", Some(schema @ Value::Object(_))) => Ok(Some(Format::Schema(schema))),
        ("json_schema", _) => {
            Err(ApiError::bad("text.format of type \"json_schema\" needs a schema"))
        }
        (kind, _) => Err(ApiError::bad(format!("text.format has the unknown type {kind:?}"))),
    }
}
