//! `/v1/completions`: text is continued as it is, without a template.
//!
//! With `echo` and `logprobs` a text is scored token by token, which is what evaluation harnesses
//! compare answers by; with `max_tokens` 0 nothing is added to it. They ask for one token more than
//! the text has and cut its entry off again, so an answer that ends at once has an entry, too.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::answers::{Answer, Answers, Encoder, Whole};
use super::openai_options::{Fields, choices, logit_bias, max_tokens};
use crate::error::{ApiError, Family};
use crate::host::Host;
use crate::http::{Response, SSE, SSE_DONE, sse_data};
use crate::json;
use crate::limits::MAX_INPUTS;
use crate::router::Api;
use crate::turn::{
    Echo, EchoTask, Input, Stats, Task, TurnEvent, Verb, read_logprobs, reset_seed, token_text,
};
use crate::types::ollama::{self, Logprob};
use crate::types::openai::{
    Completion, CompletionChoice, CompletionLogprobs, CompletionRequest, FINGERPRINT, Usage,
};

/// Continues texts.
pub(crate) async fn completions<H: Host>(
    api: &Rc<Api<H>>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let mut request: CompletionRequest = json::read(body)?;
    let is_stream = request.stream;
    let include_usage = request.stream_options.include_usage;
    let n = choices(request.n)?;
    if request.best_of.is_some_and(|best| best != n) {
        return Err(ApiError::bad("best_of is not supported; leave it out or set it to n"));
    }
    let prompt = std::mem::take(&mut request.prompt);
    let task = task_of(request)?;
    let inputs = inputs(prompt, task.input.clone(), n)?;
    let mut writer = Writer {
        id: format!("cmpl-{}", api.short_id()),
        created: api.env_now().seconds(),
        model: task.model.clone(),
        include_usage,
        usage: Usage::default(),
        n,
        is_echo: task.echo.is_some(),
        n_characters: 0,
    };
    let of_input = move |input: Input| {
        let task = Task { input, ..task.clone() };
        (0..n).map(move |i| {
            let mut task = task.clone();
            reset_seed(&mut task.options, i);
            task
        })
    };
    let answers = Answers::start(api, inputs.into_iter().flat_map(of_input)).await?;
    if is_stream {
        return Ok(answers.into_response(SSE, writer));
    }
    let all = answers.collect().await?;
    let choices = (0..).zip(all).map(|(index, whole)| writer.whole(index, whole)).collect();
    let usage = Some(writer.usage);
    Ok(Response::json(200, &writer.object(choices, usage)))
}

/// The task of one prompt; the prompt itself is put in later.
fn task_of(request: CompletionRequest) -> Result<Task, ApiError> {
    let wanted = request.logprobs.is_some();
    let logprobs = read_logprobs("logprobs", wanted, request.logprobs.unwrap_or(0))?;
    let suffix = (!request.suffix.is_empty()).then_some(request.suffix);
    if suffix.is_some() && request.echo {
        return Err(ApiError::bad("echo cannot be combined with suffix"));
    }
    let prompt = String::new();
    let input = match suffix {
        None => Input::Raw(prompt),
        suffix => Input::Prompt { prompt, suffix, system: None, context: Vec::new() },
    };
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
        options: fields.into_options()?,
        max_tokens: max_tokens("max_tokens", request.max_tokens, 0)?,
        keep_alive: request.keep_alive,
        logprobs,
        logit_bias: logit_bias(&request.logit_bias)?,
        echo: request.echo.then_some(EchoTask { logprobs }),
        // A prompt that is scored is scored whole.
        truncate: !request.echo,
        ..Task::new(request.model, Verb::Generate, input)
    })
}

/// One input per prompt, of the kind of `form`; each is answered `n` times.
fn inputs(prompt: ollama::Input, form: Input, n: u32) -> Result<Vec<Input>, ApiError> {
    let text = |text: String| match &form {
        Input::Prompt { suffix, system, context, .. } => Input::Prompt {
            prompt: text,
            suffix: suffix.clone(),
            system: system.clone(),
            context: context.clone(),
        },
        _ => Input::Raw(text),
    };
    let inputs: Vec<Input> = match prompt {
        ollama::Input::Text(prompt) => vec![text(prompt)],
        ollama::Input::Texts(prompts) => prompts.into_iter().map(text).collect(),
        _ if matches!(form, Input::Prompt { .. }) => {
            return Err(ApiError::bad("suffix needs a prompt of text"));
        }
        ollama::Input::Tokens(ids) => vec![Input::Tokens(ids)],
        ollama::Input::TokenLists(lists) => lists.into_iter().map(Input::Tokens).collect(),
    };
    match inputs.len().saturating_mul(n as usize) {
        0 => Err(ApiError::bad("prompt must hold at least one prompt")),
        n if n > MAX_INPUTS => {
            Err(ApiError::bad(format!("{n} answers are asked for; at most {MAX_INPUTS} are given")))
        }
        _ => Ok(inputs),
    }
}

/// Adds one token to lists of them, and returns how many characters its text has.
fn push(
    lists: &mut CompletionLogprobs,
    bytes: &[u8],
    known: Option<&Logprob>,
    offset: usize,
) -> usize {
    let top = known.filter(|known| !known.top_logprobs.is_empty()).map(|known| {
        let mut top = Map::new();
        for other in &known.top_logprobs {
            top.insert(token_text(&other.bytes), number(other.logprob));
        }
        // The token itself is listed even where others are more probable.
        top.entry(token_text(&known.bytes)).or_insert_with(|| number(known.logprob));
        top
    });
    lists.tokens.push(token_text(bytes));
    lists.token_logprobs.push(known.map(|known| known.logprob));
    lists.top_logprobs.push(top);
    lists.text_offset.push(offset);
    String::from_utf8_lossy(bytes).chars().count()
}

/// An `f32` as it is written, not as the nearest `f64` of it.
fn number(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Writes answers down, whole or in chunks.
struct Writer {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
    usage: Usage,
    /// Answers per prompt.
    n: u32,
    /// The prompt stands before the answer.
    is_echo: bool,
    /// Of the answer that is being written.
    n_characters: usize,
}

impl Writer {
    /// A prompt is counted once, however many answers it has.
    fn count(&mut self, index: u32, stats: &Stats) {
        let is_first = index.checked_rem(self.n) == Some(0);
        let prompt = if is_first { stats.summary.prompt_tokens } else { 0 };
        self.usage.add(prompt, stats.summary.generated_tokens);
    }

    fn object(&self, choices: Vec<CompletionChoice>, usage: Option<Usage>) -> Completion {
        Completion {
            id: self.id.clone(),
            object: "text_completion",
            created: self.created,
            model: self.model.clone(),
            system_fingerprint: FINGERPRINT,
            choices,
            usage,
        }
    }

    fn whole(&mut self, index: u32, whole: Whole) -> CompletionChoice {
        self.count(index, &whole.stats);
        let Echo { mut text, tokens } = whole.echo.unwrap_or_default();
        text.push_str(&whole.answer.content);
        self.n_characters = 0;
        let mut answer = whole.logprobs;
        answer.extend(self.end_token(&whole.stats));
        let logprobs = self.logprobs(&tokens, &answer);
        let finish_reason = Some(whole.stats.finish_reason());
        CompletionChoice { text, index, logprobs, finish_reason }
    }

    /// The end token, where it is listed.
    fn end_token(&self, stats: &Stats) -> Option<Logprob> {
        stats.end.clone().filter(|_| self.is_echo)
    }

    /// `None` without tokens.
    fn logprobs(
        &mut self,
        prompt: &[(Vec<u8>, Option<Logprob>)],
        answer: &[Logprob],
    ) -> Option<CompletionLogprobs> {
        let mut lists = CompletionLogprobs::default();
        let prompt = prompt.iter().map(|(bytes, known)| (bytes, known.as_ref()));
        let answer = answer.iter().map(|known| (&known.bytes, Some(known)));
        for (bytes, known) in prompt.chain(answer) {
            self.n_characters += push(&mut lists, bytes, known, self.n_characters);
        }
        (!lists.tokens.is_empty()).then_some(lists)
    }
}

impl Encoder for Writer {
    fn event(&mut self, index: u32, event: TurnEvent) -> Vec<u8> {
        let (text, logprobs, finish_reason) = match event {
            TurnEvent::Echo(Echo { text, tokens }) => (text, self.logprobs(&tokens, &[]), None),
            TurnEvent::Delta { said, logprobs } => {
                (Answer::of(said).content, self.logprobs(&[], &logprobs), None)
            }
            TurnEvent::Done(stats) => {
                self.count(index, &stats);
                let end: Vec<Logprob> = self.end_token(&stats).into_iter().collect();
                let logprobs = self.logprobs(&[], &end);
                self.n_characters = 0;
                (String::new(), logprobs, Some(stats.finish_reason()))
            }
        };
        let choice = CompletionChoice { text, index, logprobs, finish_reason };
        sse_data(&self.object(vec![choice], None))
    }

    fn end(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.include_usage {
            text.extend(sse_data(&self.object(Vec::new(), Some(self.usage))));
        }
        text.extend(SSE_DONE);
        text
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        sse_data(&error.to_json(Family::OpenAi))
    }
}
