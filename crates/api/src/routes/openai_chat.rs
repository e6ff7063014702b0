//! `/v1/chat/completions`.

use std::collections::HashSet;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::answers::{Answer, Answers, Encoder, Whole};
use super::openai_options::{Fields, choices, logit_bias, max_tokens};
use crate::error::{ApiError, Family};
use crate::host::{Format, Host};
use crate::http::{Response, SSE, SSE_DONE, sse_data};
use crate::json;
use crate::router::Api;
use crate::turn::{Input, Stats, Task, TurnEvent, Verb, read_logprobs, reset_seed};
use crate::types::ollama::{Logprob, check_role, tool_calls_value};
use crate::types::openai::{
    ChatChoice, ChatChunk, ChatCompletion, ChatLogprobs, ChatRequest, ChunkChoice, Delta,
    FINGERPRINT, RequestMessage, ResponseFormat, ResponseMessage, ToolCall, Usage,
};
use crate::types::{Think, Tool, ToolChoice};

/// Continues a conversation.
pub(crate) async fn chat_completions<H: Host>(
    api: &Rc<Api<H>>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let request: ChatRequest = json::read(body)?;
    let is_stream = request.stream;
    let include_usage = request.stream_options.include_usage;
    let n = choices(request.n)?;
    let task = task_of(request)?;
    let mut writer = Writer {
        id: format!("chatcmpl-{}", api.short_id()),
        created: api.env_now().seconds(),
        model: task.model.clone(),
        include_usage,
        usage: Usage::default(),
        begun: HashSet::new(),
    };
    let tasks = (0..n).map(move |i| {
        let mut task = task.clone();
        reset_seed(&mut task.options, i);
        task
    });
    let answers = Answers::start(api, tasks).await?;
    if is_stream {
        return Ok(answers.into_response(SSE, writer));
    }
    let all = answers.collect().await?;
    let choices = (0..).zip(all).map(|(index, whole)| writer.choice(index, whole)).collect();
    Ok(Response::json(200, &writer.completion(choices)))
}

fn task_of(request: ChatRequest) -> Result<Task, ApiError> {
    let max_tokens = match request.max_completion_tokens {
        Some(n) => max_tokens("max_completion_tokens", Some(n), 1)?,
        None => max_tokens("max_tokens", request.max_tokens, 1)?,
    };
    if request.messages.is_empty() {
        return Err(ApiError::bad("messages must hold at least one message"));
    }
    let effort = request.reasoning_effort.or_else(|| request.reasoning.and_then(|r| r.effort));
    let messages: Result<Vec<chat::Message>, ApiError> =
        request.messages.into_iter().map(message).collect();
    let (tools, tool_choice) = choose_tools(request.tools, request.tool_choice)?;
    let input = Input::Chat { messages: messages?, tools, tool_choice };
    let fields = Fields {
        seed: request.seed,
        stop: request.stop,
        temperature: request.temperature,
        top_p: request.top_p,
        frequency_penalty: request.frequency_penalty,
        presence_penalty: request.presence_penalty,
        options: request.options,
        ..Fields::default()
    };
    Ok(Task {
        think: think_of(effort)?,
        format: request.response_format.map_or(Ok(None), format_of)?,
        options: fields.into_options()?,
        max_tokens,
        keep_alive: request.keep_alive,
        logprobs: read_logprobs("top_logprobs", request.logprobs, request.top_logprobs)?,
        logit_bias: logit_bias(&request.logit_bias)?,
        ..Task::new(request.model, Verb::Chat, input)
    })
}

/// A message as templates see it.
fn message(message: RequestMessage) -> Result<chat::Message, ApiError> {
    let role = match message.role.as_str() {
        "developer" => "system".to_owned(),
        "function" => "tool".to_owned(),
        role => check_role(role)?,
    };
    let content = message.content.map_or(Ok(String::new()), |content| content.into_text())?;
    let mut out = chat::Message::new(role, content);
    if let Some(thinking) = message.reasoning.or(message.reasoning_content) {
        out = out.with("reasoning_content", thinking.clone().into());
        out = out.with("thinking", thinking.into());
    }
    if !message.tool_calls.is_empty() {
        let calls: Result<Vec<_>, ApiError> = message.tool_calls.into_iter().map(call).collect();
        out = out.with("tool_calls", tool_calls_value(&calls?));
    }
    if let Some(name) = message.name {
        out = out.with("name", name.into());
    }
    if let Some(id) = message.tool_call_id {
        out = out.with("tool_call_id", id.into());
    }
    Ok(out)
}

/// A call whose arguments are a text, as one whose arguments are an object.
fn call(call: ToolCall) -> Result<crate::types::ollama::ToolCall, ApiError> {
    let ToolCall { index, id, function, .. } = call;
    let arguments = read_arguments(&function.arguments)?;
    let name = function.name;
    let function = crate::types::ollama::ToolCallFunction { index, name, arguments };
    Ok(crate::types::ollama::ToolCall { id, function })
}

/// Arguments in a text.
pub(super) fn read_arguments(text: &str) -> Result<Map<String, Value>, ApiError> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match json::parse(text.as_bytes()) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        _ => Err(ApiError::bad("invalid tool call arguments: they must be a JSON object")),
    }
}

/// Tools and a choice that fit together: a named function is the only one the model is told of.
pub(super) fn choose_tools(
    tools: Vec<Tool>,
    choice: ToolChoice,
) -> Result<(Vec<Tool>, ToolChoice), ApiError> {
    match choice {
        ToolChoice::Required if tools.is_empty() => {
            Err(ApiError::bad("tool_choice asks for a call, but no tools were sent"))
        }
        ToolChoice::Function(name) => {
            let tools: Vec<Tool> = tools.into_iter().filter(|t| t.function.name == name).collect();
            if tools.is_empty() {
                let message = format!("tool_choice names {name:?}, which is not among the tools");
                return Err(ApiError::bad(message));
            }
            Ok((tools, ToolChoice::Function(name)))
        }
        choice => Ok((tools, choice)),
    }
}

/// `reasoning_effort`
pub(super) fn think_of(effort: Option<String>) -> Result<Option<Think>, ApiError> {
    let Some(effort) = effort else { return Ok(None) };
    let effort = if effort == "xhigh" { "max" } else { &effort };
    let expected = "expected \"none\", \"low\", \"medium\", \"high\" or \"max\"";
    let wrong = || ApiError::bad(format!("invalid reasoning effort {effort:?}: {expected}"));
    Think::of_level(effort).ok_or_else(wrong).map(Some)
}

fn format_of(format: ResponseFormat) -> Result<Option<Format>, ApiError> {
    match format.kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::Json)),
        "json_schema" => match format.json_schema.and_then(|schema| schema.schema) {
            Some(schema @ Value::Object(_)) => Ok(Some(Format::Schema(schema))),
            _ => Err(ApiError::bad("response_format of type \"json_schema\" needs a schema")),
        },
        kind => Err(ApiError::bad(format!("response_format has the unknown type {kind:?}"))),
    }
}

/// Writes an answer down, whole or in chunks.
struct Writer {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
    usage: Usage,
    /// Answers whose first chunk, with the role, has been written.
    begun: HashSet<u32>,
}

fn finish_reason(stats: &Stats) -> &'static str {
    if stats.n_tool_calls > 0 { "tool_calls" } else { stats.finish_reason() }
}

impl Writer {
    /// The prompt is counted once, however many answers it has.
    fn count(&mut self, index: u32, stats: &Stats) {
        let prompt = if index == 0 { stats.summary.prompt_tokens } else { 0 };
        self.usage.add(prompt, stats.summary.generated_tokens);
    }

    fn choice(&mut self, index: u32, whole: Whole) -> ChatChoice {
        self.count(index, &whole.stats);
        let Answer { content, thinking: reasoning, tool_calls } = whole.answer;
        let tool_calls = tool_calls.into_iter().map(ToolCall::from).collect();
        let message = ResponseMessage { role: "assistant", content, reasoning, tool_calls };
        let finish_reason = finish_reason(&whole.stats);
        ChatChoice { index, message, finish_reason, logprobs: ChatLogprobs::of(whole.logprobs) }
    }

    fn completion(self, choices: Vec<ChatChoice>) -> ChatCompletion {
        ChatCompletion {
            id: self.id,
            object: "chat.completion",
            created: self.created,
            model: self.model,
            system_fingerprint: FINGERPRINT,
            choices,
            usage: self.usage,
        }
    }

    fn chunk(&self, choices: Vec<ChunkChoice>, usage: Option<Usage>) -> Vec<u8> {
        sse_data(&ChatChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model.clone(),
            system_fingerprint: FINGERPRINT,
            choices,
            usage,
        })
    }

    fn delta(
        &mut self,
        index: u32,
        answer: Answer,
        finish_reason: Option<&'static str>,
        logprobs: Vec<Logprob>,
    ) -> Vec<u8> {
        let Answer { content, thinking: reasoning, tool_calls } = answer;
        let role = self.begun.insert(index).then_some("assistant");
        let tool_calls = tool_calls.into_iter().map(ToolCall::from).collect();
        let delta = Delta { role, content, reasoning, tool_calls };
        let logprobs = ChatLogprobs::of(logprobs);
        self.chunk(vec![ChunkChoice { index, delta, finish_reason, logprobs }], None)
    }
}

impl Encoder for Writer {
    fn event(&mut self, index: u32, event: TurnEvent) -> Vec<u8> {
        match event {
            TurnEvent::Delta { said, mut logprobs } => {
                let mut parts: Vec<Answer> = Answer::of(said).parts().collect();
                if parts.is_empty() {
                    parts.push(Answer::default()); // log-probabilities of tokens without a text
                }
                let mut text = Vec::new();
                for part in parts {
                    text.extend(self.delta(index, part, None, std::mem::take(&mut logprobs)));
                }
                text
            }
            TurnEvent::Done(stats) => {
                self.count(index, &stats);
                let reason = Some(finish_reason(&stats));
                self.delta(index, Answer::default(), reason, Vec::new())
            }
            TurnEvent::Echo(_) => Vec::new(), // conversations cannot ask for it
        }
    }

    fn end(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.include_usage {
            text.extend(self.chunk(Vec::new(), Some(self.usage)));
        }
        text.extend(SSE_DONE);
        text
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        sse_data(&error.to_json(Family::OpenAi))
    }
}
