//! `/v1/messages`.

use std::rc::Rc;

use serde_json::{Value, json};

use super::answers::{Answer, Answers, Encoder};
use super::openai_chat::choose_tools;
use super::openai_options::{Fields, max_tokens};
use crate::error::{ApiError, Family};
use crate::host::Host;
use crate::http::{Response, SSE, sse_event};
use crate::json;
use crate::router::Api;
use crate::turn::{Input, Stats, Task, TurnEvent, Verb};
use crate::types::anthropic::{Block, Message, MessagesRequest, RequestMessage, Usage};
use crate::types::ollama::{ToolCall, ToolCallFunction, check_role, tool_calls_value};
use crate::types::{Content, OneOrMany, Part, Think, Tool, ToolFunction};

/// Continues a conversation.
pub(crate) async fn messages<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: MessagesRequest = json::read(body)?;
    let is_stream = request.stream;
    let task = task_of(request)?;
    let id = format!("msg_{}{}", api.short_id(), api.short_id());
    let writer = Writer { id, model: task.model.clone(), n_blocks: 0, open: None };
    let answers = Answers::start(api, [task]).await?;
    if is_stream {
        return Ok(answers.into_response(SSE, writer));
    }
    let whole = answers.collect_one().await?;
    let (stop_reason, stop_sequence) = stop(&whole.stats);
    let usage = usage(&whole.stats);
    let content = blocks(whole.answer);
    let message = Message {
        content,
        stop_reason: Some(stop_reason),
        stop_sequence,
        usage,
        ..writer.message()
    };
    Ok(Response::json(200, &message))
}

fn task_of(request: MessagesRequest) -> Result<Task, ApiError> {
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
        _ => serde_json::Map::new(),
    };
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let function = ToolCallFunction { index, name: part.name.unwrap_or_default(), arguments };
    ToolCall { id: part.id.unwrap_or_default(), function }
}

fn usage(stats: &Stats) -> Usage {
    Usage {
        input_tokens: stats.summary.prompt_tokens,
        output_tokens: stats.summary.generated_tokens,
    }
}

/// Why it ended, and with which stop string.
fn stop(stats: &Stats) -> (&'static str, Option<String>) {
    match &stats.summary.stop_text {
        _ if stats.n_tool_calls > 0 => ("tool_use", None),
        Some(text) => ("stop_sequence", Some(text.clone())),
        None if stats.finish_reason() == "length" => ("max_tokens", None),
        None => ("end_turn", None),
    }
}

fn blocks(answer: Answer) -> Vec<Block> {
    let Answer { content, thinking, tool_calls } = answer;
    let thought =
        (!thinking.is_empty()).then(|| Block::Thinking { thinking, signature: String::new() });
    let text =
        (!content.is_empty() || tool_calls.is_empty()).then_some(Block::Text { text: content });
    let calls = tool_calls.into_iter().map(|ToolCall { id, function }| Block::ToolUse {
        id,
        name: function.name,
        input: function.arguments,
    });
    thought.into_iter().chain(text).chain(calls).collect()
}

/// Which kind of block is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
}

/// Writes an answer down in events: a message of blocks, each opened, filled and closed.
struct Writer {
    id: String,
    model: String,
    /// Blocks that were closed.
    n_blocks: usize,
    open: Option<Open>,
}

impl Writer {
    fn message(&self) -> Message {
        Message {
            id: self.id.clone(),
            kind: "message",
            role: "assistant",
            model: self.model.clone(),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage::default(),
        }
    }

    fn start_block(&self, block: &Block) -> Vec<u8> {
        let index = self.n_blocks;
        let event =
            json!({ "type": "content_block_start", "index": index, "content_block": block });
        sse_event("content_block_start", &event)
    }

    fn fill(&self, delta: Value) -> Vec<u8> {
        let index = self.n_blocks;
        let event = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        sse_event("content_block_delta", &event)
    }

    fn close(&mut self) -> Vec<u8> {
        let index = self.n_blocks;
        self.n_blocks += 1;
        self.open = None;
        let event = json!({ "type": "content_block_stop", "index": index });
        sse_event("content_block_stop", &event)
    }

    /// Closes an open block of another kind and opens one of this.
    fn switch_to(&mut self, kind: Open) -> Vec<u8> {
        let mut text = Vec::new();
        if self.open == Some(kind) {
            return text;
        }
        if self.open.is_some() {
            text.extend(self.close());
        }
        let (thinking, signature) = (String::new(), String::new());
        text.extend(match kind {
            Open::Thinking => self.start_block(&Block::Thinking { thinking, signature }),
            Open::Text => self.start_block(&Block::Text { text: String::new() }),
        });
        self.open = Some(kind);
        text
    }

    fn call(&mut self, call: ToolCall) -> Vec<u8> {
        let mut text = if self.open.is_some() { self.close() } else { Vec::new() };
        let ToolCall { id, function } = call;
        let input = serde_json::Map::new();
        text.extend(self.start_block(&Block::ToolUse { id, name: function.name, input }));
        let arguments = Value::Object(function.arguments).to_string();
        text.extend(self.fill(json!({ "type": "input_json_delta", "partial_json": arguments })));
        text.extend(self.close());
        text
    }
}

impl Encoder for Writer {
    fn begin(&mut self, input_tokens: usize) -> Vec<u8> {
        let usage = Usage { input_tokens, output_tokens: 0 };
        let message = Message { usage, ..self.message() };
        let event = json!({ "type": "message_start", "message": message });
        sse_event("message_start", &event)
    }

    fn event(&mut self, _: u32, event: TurnEvent) -> Vec<u8> {
        let mut text = Vec::new();
        match event {
            TurnEvent::Echo(_) => {} // conversations cannot ask for it
            TurnEvent::Delta { said, .. } => {
                let Answer { content, thinking, tool_calls } = Answer::of(said);
                if !thinking.is_empty() {
                    text.extend(self.switch_to(Open::Thinking));
                    let delta = json!({ "type": "thinking_delta", "thinking": thinking });
                    text.extend(self.fill(delta));
                }
                if !content.is_empty() {
                    text.extend(self.switch_to(Open::Text));
                    text.extend(self.fill(json!({ "type": "text_delta", "text": content })));
                }
                for call in tool_calls {
                    text.extend(self.call(call));
                }
            }
            TurnEvent::Done(stats) => {
                if self.open.is_none() && self.n_blocks == 0 {
                    text.extend(self.switch_to(Open::Text));
                }
                if self.open.is_some() {
                    text.extend(self.close());
                }
                let (stop_reason, stop_sequence) = stop(&stats);
                let event = json!({
                    "type": "message_delta",
                    "delta": { "stop_reason": stop_reason, "stop_sequence": stop_sequence },
                    "usage": usage(&stats),
                });
                text.extend(sse_event("message_delta", &event));
            }
        }
        text
    }

    fn end(&mut self) -> Vec<u8> {
        sse_event("message_stop", &json!({ "type": "message_stop" }))
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        sse_event("error", &error.to_json(Family::Anthropic))
    }
}
