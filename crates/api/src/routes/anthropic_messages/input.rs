//! The request of `/v1/messages` as a task.

use serde_json::{Map, Value};

use super::super::openai_chat::choose_tools;
use super::super::openai_options::{Fields, max_tokens};
use crate::error::ApiError;
use crate::turn::{Input, Task, Verb};
use crate::types::anthropic::{MessagesRequest, RequestMessage};
use crate::types::ollama::{ToolCall, ToolCallFunction, check_role, tool_calls_value};
use crate::types::{Content, OneOrMany, Part, Think, Tool, ToolFunction};

pub(super) fn task_of(request: MessagesRequest) -> Result<Task, ApiError> {
    if request.max_tokens.is_none() {
        return Err(ApiError::bad("max_tokens is required"));
    }
    if request.messages.is_empty() {
        return Err(ApiError::bad("messages must hold at least one message"));
    }
    let mut messages = Vec::new();
    if let Some(system) = request.system {
        messages.push(chat::Message::new("system", system.into_text()?));
    }
    for message in request.messages {
        add_message(&mut messages, message)?;
    }
    let tools = request.tools.into_iter().map(|tool| Tool {
        kind: "function".into(),
        function: ToolFunction {
            name: tool.name,
            description: tool.description,
            parameters: tool.input_schema,
        },
    });
    let (tools, tool_choice) = choose_tools(tools.collect(), request.tool_choice)?;
    let think = match request.thinking.as_ref().map(|thinking| thinking.kind.as_str()) {
        None => None,
        Some("disabled") => Some(Think::Off),
        Some("enabled" | "adaptive") => Some(Think::On),
        Some(kind) => {
            return Err(ApiError::bad(format!("thinking has the unknown type {kind:?}")));
        }
    };
    let fields = Fields {
        stop: request.stop_sequences.map(OneOrMany::Many),
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k,
        options: request.options,
        ..Fields::default()
    };
    Ok(Task {
        think,
        options: fields.into_options()?,
        max_tokens: max_tokens("max_tokens", request.max_tokens, 1)?,
        keep_alive: request.keep_alive,
        ..Task::new(request.model, Verb::Chat, Input::Chat { messages, tools, tool_choice })
    })
}

/// One message may become several: results of tools are messages of their own for templates.
fn add_message(messages: &mut Vec<chat::Message>, message: RequestMessage) -> Result<(), ApiError> {
    let role = check_role(&message.role)?;
    let parts = match message.content {
        None => Vec::new(),
        Some(Content::Text(text)) => {
            messages.push(chat::Message::new(role, text));
            return Ok(());
        }
        Some(Content::Parts(parts)) => parts,
    };
    let (mut texts, mut thinking, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for mut part in parts {
        match part.kind.as_str() {
            "tool_result" => messages.push(tool_result(part)?),
            "tool_use" => calls.push(tool_use(part, calls.len())),
            "thinking" => thinking.extend(part.thinking.take()),
            "redacted_thinking" => {} // a thought that only its maker can read
            _ => texts.push(part.into_text()?),
        }
    }
    if texts.is_empty() && calls.is_empty() && thinking.is_empty() {
        return Ok(());
    }
    let mut message = chat::Message::new(role, texts.join("\n"));
    if !thinking.is_empty() {
        let thinking = thinking.join("\n");
        message = message.with("reasoning_content", thinking.clone().into());
        message = message.with("thinking", thinking.into());
    }
    if !calls.is_empty() {
        message = message.with("tool_calls", tool_calls_value(&calls));
    }
    messages.push(message);
    Ok(())
}

fn tool_result(part: Part) -> Result<chat::Message, ApiError> {
    let text = part.content.map_or(Ok(String::new()), |content| content.into_text())?;
    let id = part.tool_use_id.unwrap_or_default();
    Ok(chat::Message::new("tool", text).with("tool_call_id", id.into()))
}

fn tool_use(part: Part, index: usize) -> ToolCall {
    let arguments = match part.input {
        Some(Value::Object(arguments)) => arguments,
        _ => Map::new(),
    };
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let function = ToolCallFunction { index, name: part.name.unwrap_or_default(), arguments };
    ToolCall { id: part.id.unwrap_or_default(), function }
}
