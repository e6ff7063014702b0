//! The answer of `/v1/messages`: blocks, whole or in events.

use serde_json::{Map, Value, json};

use super::super::answers::{Answer, Encoder, Whole};
use crate::error::{ApiError, Family};
use crate::http::sse_event;
use crate::turn::{Stats, TurnEvent};
use crate::types::anthropic::{Block, Message, Usage};
use crate::types::ollama::ToolCall;

fn usage(stats: &Stats) -> Usage {
    Usage {
        input_tokens: stats.summary.prompt_tokens,
        output_tokens: stats.summary.generated_tokens,
    }
}

/// Why it ended, and with which of the request's stop strings: those of the model are its own way
/// to end a turn.
fn stop(stats: &Stats, stops: &[String]) -> (&'static str, Option<String>) {
    match stats.summary.stop_text.as_ref().filter(|text| stops.contains(text)) {
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
pub(super) struct Writer {
    id: String,
    model: String,
    /// Strings of the request that end an answer.
    stops: Vec<String>,
    /// Blocks that were closed.
    n_blocks: usize,
    open: Option<Open>,
}

impl Writer {
    pub fn new(id: String, model: String, stops: Vec<String>) -> Writer {
        Writer { id, model, stops, n_blocks: 0, open: None }
    }

    /// The whole answer.
    pub fn whole(self, whole: Whole) -> Message {
        let (stop_reason, stop_sequence) = stop(&whole.stats, &self.stops);
        let (usage, content) = (usage(&whole.stats), blocks(whole.answer));
        let stop_reason = Some(stop_reason);
        Message { content, stop_reason, stop_sequence, usage, ..self.message() }
    }

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
        let input = Map::new();
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
                let (stop_reason, stop_sequence) = stop(&stats, &self.stops);
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
