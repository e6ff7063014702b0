//! The answer of `/v1/responses`: items, whole or in numbered events.

use serde_json::{Map, Value, json};

use super::super::answers::{Answer, Encoder};
use crate::error::ApiError;
use crate::http::sse_event;
use crate::turn::{Stats, TurnEvent};
use crate::types::ToolChoice;
use crate::types::ollama::ToolCall;
use crate::types::openai::{ContentPart, OutputItem, Response, ResponseUsage, ResponsesRequest};

/// Which item is being written, with what it holds so far.
enum Open {
    Reasoning(String),
    Message(String),
}

pub(super) struct Writer {
    id: String,
    base: Response,
    /// Items that are finished.
    output: Vec<OutputItem>,
    open: Option<Open>,
    n_events: usize,
    stats: Stats,
}

impl Writer {
    pub fn new(id: String, created_at: u64, request: &ResponsesRequest) -> Writer {
        let base = Response {
            id: format!("resp_{id}"),
            object: "response",
            created_at,
            status: "in_progress",
            error: None,
            incomplete_details: None,
            instructions: request.instructions.clone(),
            max_output_tokens: request.max_output_tokens,
            model: request.model.clone(),
            output: Vec::new(),
            parallel_tool_calls: true,
            previous_response_id: None,
            store: false,
            temperature: request.temperature.unwrap_or(1.0),
            text: request.text.clone(),
            tool_choice: match request.tool_choice {
                ToolChoice::Auto => "auto",
                ToolChoice::None => "none",
                ToolChoice::Required | ToolChoice::Function(_) => "required",
            },
            tools: request.tools.clone(),
            top_p: request.top_p.unwrap_or(1.0),
            truncation: "auto",
            usage: None,
            metadata: Map::new(),
        };
        let (output, open) = (Vec::new(), None);
        Writer { id, base, output, open, n_events: 0, stats: Stats::default() }
    }

    /// The whole answer.
    pub fn whole(mut self, answer: Answer, stats: &Stats) -> Response {
        let Answer { content, thinking, tool_calls } = answer;
        if !thinking.is_empty() {
            let item = self.item(&Open::Reasoning(thinking), "completed");
            self.output.push(item);
        }
        if !content.is_empty() || tool_calls.is_empty() {
            let item = self.item(&Open::Message(content), "completed");
            self.output.push(item);
        }
        for call in tool_calls {
            let item = self.call_item(call, "completed");
            self.output.push(item);
        }
        self.finished(stats)
    }

    fn finished(&self, stats: &Stats) -> Response {
        let is_cut = stats.finish_reason() == "length";
        let (input_tokens, output_tokens) =
            (stats.summary.prompt_tokens, stats.summary.generated_tokens);
        Response {
            status: if is_cut { "incomplete" } else { "completed" },
            incomplete_details: is_cut.then(|| json!({ "reason": "max_output_tokens" })),
            output: self.output.clone(),
            usage: Some(ResponseUsage {
                input_tokens,
                // The cache costs nothing here, so nothing is counted as written to it.
                input_tokens_details: json!({
                    "cached_tokens": stats.reused,
                    "cache_write_tokens": 0,
                }),
                output_tokens,
                output_tokens_details: json!({ "reasoning_tokens": 0 }),
                total_tokens: input_tokens + output_tokens,
            }),
            ..self.base.clone()
        }
    }

    fn item_id(&self, kind: &str) -> String {
        format!("{kind}_{}{}", self.id, self.output.len())
    }

    fn item(&self, open: &Open, status: &'static str) -> OutputItem {
        match open {
            Open::Reasoning(text) => OutputItem::Reasoning {
                id: self.item_id("rs"),
                summary: match text.is_empty() {
                    true => Vec::new(),
                    false => vec![ContentPart::SummaryText { text: text.clone() }],
                },
                status,
            },
            Open::Message(text) => OutputItem::Message {
                id: self.item_id("msg"),
                status,
                role: "assistant",
                content: match status {
                    "in_progress" => Vec::new(),
                    _ => vec![output_text(text.clone())],
                },
            },
        }
    }

    fn call_item(&self, call: ToolCall, status: &'static str) -> OutputItem {
        let arguments = match status {
            "in_progress" => String::new(),
            _ => Value::Object(call.function.arguments).to_string(),
        };
        let (id, name) = (self.item_id("fc"), call.function.name);
        OutputItem::FunctionCall { id, call_id: call.id, name, arguments, status }
    }

    /// One event: its type, its number, and further fields.
    fn event_of(&mut self, kind: &str, fields: Value) -> Vec<u8> {
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        event.insert("sequence_number".into(), self.n_events.into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.n_events += 1;
        sse_event(kind, &event)
    }

    /// An event about the item that is being written.
    fn item_event(&mut self, kind: &str, open: &Open, fields: Value) -> Vec<u8> {
        let (id, part) = match open {
            Open::Reasoning(_) => (self.item_id("rs"), "summary_index"),
            Open::Message(_) => (self.item_id("msg"), "content_index"),
        };
        let mut all = Map::new();
        all.insert("item_id".into(), id.into());
        all.insert("output_index".into(), self.output.len().into());
        all.insert(part.into(), 0.into());
        if let Value::Object(fields) = fields {
            all.extend(fields);
        }
        self.event_of(kind, Value::Object(all))
    }

    fn begin_item(&mut self, open: Open) -> Vec<u8> {
        let item = self.item(&open, "in_progress");
        let index = self.output.len();
        let fields = json!({ "output_index": index, "item": item });
        let mut text = self.event_of("response.output_item.added", fields);
        let (kind, part) = match open {
            Open::Reasoning(_) => (
                "response.reasoning_summary_part.added",
                ContentPart::SummaryText { text: String::new() },
            ),
            Open::Message(_) => ("response.content_part.added", output_text(String::new())),
        };
        text.extend(self.item_event(kind, &open, json!({ "part": part })));
        self.open = Some(open);
        text
    }

    fn end_item(&mut self) -> Vec<u8> {
        let Some(open) = self.open.take() else { return Vec::new() };
        let (done, part_done, whole, part) = match &open {
            Open::Reasoning(text) => (
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done",
                json!({ "text": text }),
                ContentPart::SummaryText { text: text.clone() },
            ),
            Open::Message(text) => (
                "response.output_text.done",
                "response.content_part.done",
                json!({ "text": text, "logprobs": [] }),
                output_text(text.clone()),
            ),
        };
        let mut text = self.item_event(done, &open, whole);
        text.extend(self.item_event(part_done, &open, json!({ "part": part })));
        let item = self.item(&open, "completed");
        text.extend(self.item_done(item));
        text
    }

    fn item_done(&mut self, item: OutputItem) -> Vec<u8> {
        let fields = json!({ "output_index": self.output.len(), "item": item });
        let text = self.event_of("response.output_item.done", fields);
        self.output.push(item);
        text
    }

    fn add_thinking(&mut self, piece: &str) -> Vec<u8> {
        let mut text = Vec::new();
        if !matches!(self.open, Some(Open::Reasoning(_))) {
            text.extend(self.end_item());
            text.extend(self.begin_item(Open::Reasoning(String::new())));
        }
        let kind = "response.reasoning_summary_text.delta";
        let fields = json!({ "delta": piece });
        let event = self.item_event(kind, &Open::Reasoning(String::new()), fields);
        text.extend(event);
        if let Some(Open::Reasoning(whole)) = &mut self.open {
            whole.push_str(piece);
        }
        text
    }

    fn add_content(&mut self, piece: &str) -> Vec<u8> {
        let mut text = Vec::new();
        if !matches!(self.open, Some(Open::Message(_))) {
            text.extend(self.end_item());
            text.extend(self.begin_item(Open::Message(String::new())));
        }
        let fields = json!({ "delta": piece, "logprobs": [] });
        let event =
            self.item_event("response.output_text.delta", &Open::Message(String::new()), fields);
        text.extend(event);
        if let Some(Open::Message(whole)) = &mut self.open {
            whole.push_str(piece);
        }
        text
    }

    fn add_call(&mut self, call: ToolCall) -> Vec<u8> {
        let mut text = self.end_item();
        let (index, id) = (self.output.len(), self.item_id("fc"));
        let begun = self.call_item(call.clone(), "in_progress");
        let fields = json!({ "output_index": index, "item": begun });
        text.extend(self.event_of("response.output_item.added", fields));
        let arguments = Value::Object(call.function.arguments.clone()).to_string();
        let fields = json!({ "item_id": id, "output_index": index, "delta": arguments });
        text.extend(self.event_of("response.function_call_arguments.delta", fields));
        let fields = json!({ "item_id": id, "output_index": index, "arguments": arguments });
        text.extend(self.event_of("response.function_call_arguments.done", fields));
        let item = self.call_item(call, "completed");
        text.extend(self.item_done(item));
        text
    }
}

fn output_text(text: String) -> ContentPart {
    ContentPart::OutputText { text, annotations: Vec::new() }
}

impl Encoder for Writer {
    fn begin(&mut self, _: usize) -> Vec<u8> {
        let response = json!({ "response": self.base });
        let mut text = self.event_of("response.created", response.clone());
        text.extend(self.event_of("response.in_progress", response));
        text
    }

    fn event(&mut self, _: u32, event: TurnEvent) -> Vec<u8> {
        let mut text = Vec::new();
        match event {
            TurnEvent::Echo(_) => {} // conversations cannot ask for it
            TurnEvent::Delta { said, .. } => {
                let Answer { content, thinking, tool_calls } = Answer::of(said);
                if !thinking.is_empty() {
                    text.extend(self.add_thinking(&thinking));
                }
                if !content.is_empty() {
                    text.extend(self.add_content(&content));
                }
                for call in tool_calls {
                    text.extend(self.add_call(call));
                }
            }
            TurnEvent::Done(stats) => {
                if self.open.is_none() && self.output.is_empty() {
                    text.extend(self.begin_item(Open::Message(String::new())));
                }
                text.extend(self.end_item());
                self.stats = stats;
            }
        }
        text
    }

    fn end(&mut self) -> Vec<u8> {
        let response = self.finished(&self.stats);
        let kind = format!("response.{}", response.status);
        self.event_of(&kind, json!({ "response": response }))
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        let failed = Response {
            status: "failed",
            error: Some(json!({ "code": "server_error", "message": error.message })),
            output: self.output.clone(),
            ..self.base.clone()
        };
        self.event_of("response.failed", json!({ "response": failed }))
    }
}
