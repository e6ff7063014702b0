//! `/api/generate`.

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
use crate::types::KeepAlive;
use crate::types::ollama::{DebugInfo, GenerateRequest, GenerateResponse};

/// Continues a prompt.
pub(crate) async fn generate<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: GenerateRequest = json::read(body)?;
    let is_stream = request.stream.unwrap_or(true);
    let render_only = request.debug_render_only;
    let is_empty = request.prompt.is_empty() && request.suffix.is_empty();
    let with_context = !request.raw;
    let task = task_of(request)?;
    let writer = Writer { api: Rc::clone(api), model: task.model.clone(), with_context };
    if is_empty {
        let done_reason = match task.keep_alive {
            Some(KeepAlive::NONE) => unload(api, &task).await?,
            _ => load(api, &task).await?,
        };
        let done_reason = Some(done_reason);
        let object = GenerateResponse { done: true, done_reason, ..writer.object() };
        return Ok(Response::json(200, &object));
    }
    if render_only {
        let rendered_template = prepare(api, &task).await?.text;
        let debug_info = Some(DebugInfo { rendered_template });
        return Ok(Response::json(200, &GenerateResponse { debug_info, ..writer.object() }));
    }
    let answers = Answers::start(api, [task]).await?;
    if is_stream {
        return Ok(answers.into_response(NDJSON, writer));
    }
    let whole = answers.collect_one().await?;
    let done = writer.with(writer.done(whole.stats), whole.answer);
    Ok(Response::json(200, &GenerateResponse { logprobs: whole.logprobs, ..done }))
}

fn task_of(request: GenerateRequest) -> Result<Task, ApiError> {
    let GenerateRequest { model, prompt, suffix, system, template, context, raw, .. } = request;
    if !request.images.is_empty() {
        return Err(ApiError::bad(crate::types::ollama::NO_IMAGES));
    }
    let is_framed = !template.is_empty() || !system.is_empty() || !context.is_empty();
    if raw && is_framed {
        return Err(ApiError::bad("raw mode does not support template, system, or context"));
    }
    let some = |text: String| (!text.is_empty()).then_some(text);
    let input = match raw {
        true => Input::Raw(prompt),
        false => Input::Prompt { prompt, suffix: some(suffix), system: some(system), context },
    };
    Ok(Task {
        template: some(template),
        think: request.think,
        format: read_format(request.format)?,
        options: request.options,
        keep_alive: request.keep_alive,
        logprobs: read_logprobs("top_logprobs", request.logprobs, request.top_logprobs)?,
        truncate: request.truncate.unwrap_or(true),
        shift: request.shift.unwrap_or(true),
        ..Task::new(model, Verb::Generate, input)
    })
}

/// Writes the objects of an answer.
struct Writer<H: Host> {
    api: Rc<Api<H>>,
    model: String,
    with_context: bool,
}

impl<H: Host> Writer<H> {
    fn object(&self) -> GenerateResponse {
        GenerateResponse {
            model: self.model.clone(),
            created_at: self.api.env_now(),
            ..GenerateResponse::default()
        }
    }

    fn with(&self, object: GenerateResponse, answer: Answer) -> GenerateResponse {
        let Answer { content: response, thinking, tool_calls } = answer;
        GenerateResponse { response, thinking, tool_calls, ..object }
    }

    fn done(&self, stats: Stats) -> GenerateResponse {
        GenerateResponse {
            done: true,
            done_reason: Some(stats.finish_reason()),
            metrics: stats.metrics(),
            context: if self.with_context { stats.ids } else { Vec::new() },
            ..self.object()
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
                let objects = parts.into_iter().map(|part| GenerateResponse {
                    logprobs: std::mem::take(&mut logprobs),
                    ..self.with(self.object(), part)
                });
                objects.flat_map(|object| json_line(&object)).collect()
            }
            TurnEvent::Done(stats) => json_line(&self.done(stats)),
            TurnEvent::Echo(_) => Vec::new(), // only OpenAI's requests can ask for it
        }
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        json_line(&error.to_line())
    }
}
