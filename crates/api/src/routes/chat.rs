//! `/api/chat`.

use std::rc::Rc;

use super::answers::{Answer, Answers, Encoder};
use crate::error::ApiError;
use crate::host::Host;
use crate::http::{NDJSON, Response, json_line};
use crate::json;
use crate::router::Api;
use crate::turn::{
    Input, Stats, Task, TurnEvent, Verb, load, prepare, read_format, read_logprobs, unload,
};
use crate::types::ollama::{ChatRequest, ChatResponse, DebugInfo, Message};
use crate::types::{KeepAlive, ToolChoice};

/// Continues a conversation.
pub(crate) async fn chat<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: ChatRequest = json::read(body)?;
    let is_stream = request.stream.unwrap_or(true);
    let render_only = request.debug_render_only;
    let is_empty = request.messages.is_empty();
    let task = task_of(request)?;
    let writer = Writer { api: Rc::clone(api), model: task.model.clone() };
    if is_empty {
        let done_reason = match task.keep_alive {
            Some(KeepAlive::NONE) => unload(api, &task).await?,
            _ => load(api, &task).await?,
        };
        let object = writer.object(Answer::default());
        let done_reason = Some(done_reason);
        return Ok(Response::json(200, &ChatResponse { done: true, done_reason, ..object }));
    }
    if render_only {
        let rendered_template = prepare(api, &task).await?.text;
        let debug_info = Some(DebugInfo { rendered_template });
        let object = writer.object(Answer::default());
        return Ok(Response::json(200, &ChatResponse { debug_info, ..object }));
    }
    let answers = Answers::start(api, [task]).await?;
    if is_stream {
        return Ok(answers.into_response(NDJSON, writer));
    }
    let whole = answers.collect_one().await?;
    let object = writer.done(whole.answer, &whole.stats);
    Ok(Response::json(200, &ChatResponse { logprobs: whole.logprobs, ..object }))
}

fn task_of(request: ChatRequest) -> Result<Task, ApiError> {
    let messages: Result<Vec<chat::Message>, ApiError> =
        request.messages.into_iter().map(Message::into_chat).collect();
    let input =
        Input::Chat { messages: messages?, tools: request.tools, tool_choice: ToolChoice::Auto };
    Ok(Task {
        think: request.think,
        format: read_format(request.format)?,
        options: request.options,
        keep_alive: request.keep_alive,
        logprobs: read_logprobs("top_logprobs", request.logprobs, request.top_logprobs)?,
        truncate: request.truncate.unwrap_or(true),
        shift: request.shift.unwrap_or(true),
        ..Task::new(request.model, Verb::Chat, input)
    })
}

/// Writes the objects of an answer.
struct Writer<H: Host> {
    api: Rc<Api<H>>,
    model: String,
}

impl<H: Host> Writer<H> {
    fn object(&self, answer: Answer) -> ChatResponse {
        let Answer { content, thinking, tool_calls } = answer;
        let role = "assistant".to_owned();
        let message = Message { role, content, thinking, tool_calls, ..Message::default() };
        let (model, created_at) = (self.model.clone(), self.api.env_now());
        ChatResponse { model, created_at, message, ..ChatResponse::default() }
    }

    fn done(&self, answer: Answer, stats: &Stats) -> ChatResponse {
        ChatResponse {
            done: true,
            done_reason: Some(stats.finish_reason()),
            metrics: stats.metrics(),
            ..self.object(answer)
        }
    }
}

impl<H: Host> Encoder for Writer<H> {
    fn event(&mut self, _: u32, event: TurnEvent) -> Vec<u8> {
        match event {
            TurnEvent::Delta { said, mut logprobs } => {
                let mut parts: Vec<Answer> = Answer::of(said).parts().collect();
                if parts.is_empty() {
                    parts.push(Answer::default()); // log-probabilities of tokens without a text
                }
                let objects = parts.into_iter().map(|part| ChatResponse {
                    logprobs: std::mem::take(&mut logprobs),
                    ..self.object(part)
                });
                objects.flat_map(|object| json_line(&object)).collect()
            }
            TurnEvent::Done(stats) => json_line(&self.done(Answer::default(), &stats)),
            TurnEvent::Echo(_) => Vec::new(), // only OpenAI's requests can ask for it
        }
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        json_line(&error.to_line())
    }
}
