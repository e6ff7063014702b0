//! From a task to a slot and a prompt.

use std::rc::Rc;
use std::time::Duration;

use super::echo;
use super::run::{Echo, run_error};
use super::sampling::generate_request;
use super::task::{Input, Task};
use crate::error::ApiError;
use crate::host::{
    Backend, Capability, Env, GenerateRequest, Host, Library, LibraryError, LoadSpec, Model,
    ParserRequest, RenderRequest, Rendered, Runner,
};
use crate::limits::{MAX_MESSAGES, MAX_NAME_BYTES, MAX_TOOLS};
use crate::router::Api;
use crate::scheduler::Lease;
use crate::types::Options;

/// A slot, and what is to be done with it.
pub(crate) struct Prepared<H: Host> {
    pub lease: Lease<H::Backend, H::Env>,
    pub text: String,
    pub request: GenerateRequest,
    /// `None`: all text is content, as where no template was used.
    pub parser: Option<ParserRequest>,
    pub echo: Option<Echo>,
    /// The client's own stop strings.
    pub stops: Vec<String>,
    /// Tokens of messages that were left out.
    pub truncated: usize,
    /// When the request came.
    pub started: Duration,
    /// How long it waited for its model.
    pub load: Duration,
}

/// Finds the model, checks the task against it, waits for a slot, makes the prompt.
pub(crate) async fn prepare<H: Host>(
    api: &Rc<Api<H>>,
    task: &Task,
) -> Result<Prepared<H>, ApiError> {
    let started = api.env.monotonic();
    check_sizes(task)?;
    let model = api.model(&task.model).await?;
    check_capabilities(task, &model)?;
    if let Some(format) = &task.format {
        api.backend.check_format(format).map_err(run_error)?;
    }
    let options = Options::read(&model.params)?.then(task.options.clone());
    let spec = load_spec(api, &model, &options);
    let lease = api.scheduler.acquire(spec, task.keep_alive).await?;
    let load = api.env.monotonic().saturating_sub(started);
    let template = task.template.clone().or_else(|| model.template.clone());
    let (rendered, truncated) = render(&*lease, task, &model, template.clone()).await?;
    let has_turns = matches!(&task.input, Input::Chat { .. } | Input::Prompt { suffix: None, .. });
    let parser = has_turns.then(|| ParserRequest {
        tools: task.tools().to_vec(),
        think: task.think.clone(),
        prompt: rendered.text.clone(),
        template: template.clone(),
    });
    check_bias(task, lease.info().n_vocab)?;
    let echo = match &task.echo {
        Some(wanted) => Some(echo::echo(&*lease, wanted, &rendered).await?),
        None => None,
    };
    let text = rendered.text.clone();
    let stops = task.options.stop.clone().unwrap_or_default();
    let request = generate_request(task, &options, rendered, template);
    Ok(Prepared { lease, text, request, parser, echo, stops, truncated, started, load })
}

/// Loads a model and lets it go again; Ollama's word for it.
pub(crate) async fn load<H: Host>(api: &Rc<Api<H>>, task: &Task) -> Result<&'static str, ApiError> {
    let model = api.model(&task.model).await?;
    check_capabilities(task, &model)?;
    let options = Options::read(&model.params)?.then(task.options.clone());
    let spec = load_spec(api, &model, &options);
    api.scheduler.acquire(spec, task.keep_alive).await?;
    Ok("load")
}

/// Lets a model leave; Ollama's word for it.
pub(crate) async fn unload<H: Host>(
    api: &Rc<Api<H>>,
    task: &Task,
) -> Result<&'static str, ApiError> {
    let model = api.model(&task.model).await?;
    let spec = load_spec(api, &model, &Options::default());
    api.scheduler.unload(&spec.key());
    Ok("unload")
}

fn check_bias(task: &Task, n_vocab: usize) -> Result<(), ApiError> {
    match task.logit_bias.iter().find(|(id, _)| *id as usize >= n_vocab) {
        Some((id, _)) => Err(ApiError::bad(format!(
            "logit_bias names token {id}, but the vocabulary has {n_vocab} tokens (ids from 0)"
        ))),
        None => Ok(()),
    }
}

/// Ids that a client sent.
///
/// # Errors
/// 400 for one outside of the vocabulary.
pub(crate) fn check_ids(ids: &[u32], n_vocab: usize) -> Result<(), ApiError> {
    match ids.iter().find(|id| **id as usize >= n_vocab) {
        Some(id) => {
            let message = format!("token id {id} is not in the vocabulary of {n_vocab} tokens");
            Err(ApiError::bad(message))
        }
        None => Ok(()),
    }
}

impl<H: Host> Api<H> {
    /// A stored model, with the words of `generate` and `chat` if there is none.
    pub async fn model(&self, name: &str) -> Result<Model, ApiError> {
        check_name(name)?;
        self.library.get(name).await.map_err(|error| library_error(error, name))
    }
}

/// What is refused without a look at the store.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::bad("model is required"));
    }
    if name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(ApiError::bad("invalid model name"));
    }
    Ok(())
}

/// An error of the library in HTTP's terms.
pub(crate) fn library_error(error: LibraryError, name: &str) -> ApiError {
    match error {
        LibraryError::NotFound(_) => ApiError::no_model(name),
        LibraryError::InvalidName(_)
        | LibraryError::Invalid(_)
        | LibraryError::DigestMismatch { .. } => ApiError::bad(error.to_string()),
        LibraryError::Body(error) => crate::router::body_error(&error),
        LibraryError::Failed(message) => ApiError::new(500, message),
        LibraryError::Named { message, code } => {
            ApiError { code: Some(code), ..ApiError::new(500, message) }
        }
    }
}

fn check_sizes(task: &Task) -> Result<(), ApiError> {
    let Input::Chat { messages, tools, .. } = &task.input else { return Ok(()) };
    for (what, n, max) in
        [("messages", messages.len(), MAX_MESSAGES), ("tools", tools.len(), MAX_TOOLS)]
    {
        if n > max {
            let message = format!("{n} {what} were sent; at most {max} are taken");
            return Err(ApiError::bad(message));
        }
    }
    Ok(())
}

/// Refuses in Ollama's words what the model cannot do.
fn check_capabilities(task: &Task, model: &Model) -> Result<(), ApiError> {
    let wants_insert = matches!(&task.input, Input::Prompt { suffix: Some(_), .. });
    let wants_thinking = task.think.as_ref().is_some_and(|think| think.is_on());
    let needs = [
        (true, Capability::Completion, task.verb.name()),
        (!task.tools().is_empty(), Capability::Tools, "tools"),
        (wants_insert, Capability::Insert, "insert"),
        (wants_thinking, Capability::Thinking, "thinking"),
    ];
    for (needed, capability, what) in needs {
        if needed && !model.capabilities.contains(&capability) {
            return Err(ApiError::bad(format!("{:?} does not support {what}", task.model)));
        }
    }
    Ok(())
}

/// How a model is loaded for these options.
pub(crate) fn load_spec<H: Host>(api: &Api<H>, model: &Model, options: &Options) -> LoadSpec {
    // Models that only embed read one text at a time.
    let only_embeds = !model.capabilities.contains(&Capability::Completion);
    LoadSpec {
        name: model.name.clone(),
        files: model.files.clone(),
        adapters: model.adapters.clone(),
        num_ctx: options.num_ctx.or(api.settings.num_ctx),
        slots: if only_embeds { 1 } else { api.settings.num_parallel.max(1) },
        num_batch: options.num_batch,
        num_gpu: options.num_gpu,
        num_thread: options.num_thread.filter(|n| *n > 0),
    }
}

/// The prompt, and how many tokens of messages were left out.
async fn render<R: Runner>(
    runner: &R,
    task: &Task,
    model: &Model,
    template: Option<String>,
) -> Result<(Rendered, usize), ApiError> {
    let mut request = RenderRequest {
        tools: task.tools().to_vec(),
        think: task.think.clone(),
        template,
        ..RenderRequest::default()
    };
    match &task.input {
        Input::Raw(text) => {
            let tokens = runner.tokenize(text, true).await.map_err(run_error)?;
            Ok((Rendered { text: text.clone(), tokens, stop: Vec::new() }, 0))
        }
        Input::Tokens(tokens) => {
            check_ids(tokens, runner.info().n_vocab)?;
            Ok((Rendered { tokens: tokens.clone(), ..Rendered::default() }, 0))
        }
        Input::Chat { messages, .. } => {
            let starts_with_system = messages.first().is_some_and(|m| m.role == "system");
            let system = model.system.iter().filter(|_| !starts_with_system);
            let system = system.map(|text| chat::Message::new("system", text));
            request.messages.extend(system);
            request.messages.extend(model.messages.iter().cloned());
            request.messages.extend(messages.iter().cloned());
            fit(runner, request, task.truncate).await
        }
        Input::Prompt { prompt, suffix, system, context } => {
            request.suffix.clone_from(suffix);
            if suffix.is_none() {
                let system = system.as_ref().or(model.system.as_ref());
                let system = system.map(|text| chat::Message::new("system", text));
                request.messages.extend(system);
                request.messages.extend(model.messages.iter().cloned());
            }
            request.messages.push(chat::Message::new("user", prompt));
            let mut rendered = runner.render(&request).await.map_err(run_error)?;
            if !context.is_empty() {
                check_ids(context, runner.info().n_vocab)?;
                rendered.tokens.splice(0..0, context.iter().copied());
            }
            Ok((rendered, 0))
        }
    }
}

/// Renders a conversation; where it is too long and may be cut, its oldest messages are left out
/// until it fits. System messages and the last message always stay. The number to leave out is
/// found by halving: a template runs over all messages each time.
async fn fit<R: Runner>(
    runner: &R,
    mut request: RenderRequest,
    truncate: bool,
) -> Result<(Rendered, usize), ApiError> {
    let whole = runner.render(&request).await.map_err(run_error)?;
    let num_ctx = runner.info().num_ctx;
    let n_whole = whole.tokens.len();
    if n_whole < num_ctx || !truncate {
        return Ok((whole, 0));
    }
    let all = std::mem::take(&mut request.messages);
    let last = all.len().saturating_sub(1);
    let is_old = |i: &usize| *i < last && all.get(*i).is_some_and(|m| m.role != "system");
    let old: Vec<usize> = (0..all.len()).filter(is_old).collect();
    if old.is_empty() {
        return Ok((whole, 0));
    }
    // The answer is the smallest number that fits; the largest, if none does.
    let (mut least, mut most) = (1, old.len());
    while least < most {
        let n = least + (most - least) / 2;
        request.messages = without(&all, &old, n);
        let rendered = runner.render(&request).await.map_err(run_error)?;
        (least, most) = if rendered.tokens.len() < num_ctx { (least, n) } else { (n + 1, most) };
    }
    request.messages = without(&all, &old, least);
    let rendered = runner.render(&request).await.map_err(run_error)?;
    let truncated = n_whole.saturating_sub(rendered.tokens.len());
    Ok((rendered, truncated))
}

/// The messages without the first `n` of those at `old`, which are in order.
fn without(all: &[chat::Message], old: &[usize], n: usize) -> Vec<chat::Message> {
    let left_out = old.get(..n).unwrap_or(old);
    let kept = all.iter().enumerate().filter(|(i, _)| left_out.binary_search(i).is_err());
    kept.map(|(_, message)| message.clone()).collect()
}
