//! A loaded model, as the router sees it: the text side here, the rest over the line to its engine.
//!
//! What passes between the two stands in `post`, everything with text in `text`, and what answers
//! can be held to in `calls`. Where the engine runs and how it got its model is the host's affair.

mod calls;
mod post;
mod tape;
mod text;

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use api::host::{
    EmbedRequest, Embeddings, Event, EventStream, GenerateRequest, Output, OutputParser,
    ParserRequest, RenderRequest, Rendered, RunError, Runner, RunnerInfo, Summary, ToolCallOutput,
};
use engine::actor::{self, Command};
use engine::{Prompt, Request, TokenLogprobs};
use futures_channel::oneshot;
use futures_util::{StreamExt, stream};

pub use calls::FormCheck;
use calls::{call_grammar, grammar_of};
pub use post::{Asked, EnginePort, GO_AT, HOLD_AT, Line, line};
pub use tape::Tape;
use tape::taped;
pub use text::{Prepared, TextHost, TextSide};

/// Where work is done that may take a while, so that nobody waits behind it.
pub trait Aside: 'static {
    /// Does it; the reason if it could not be done at all.
    #[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
    async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static)
    -> Result<T, String>;

    /// The tape of the request that is being answered, where the host keeps tapes.
    fn tape() -> Option<Rc<dyn Tape>> {
        None
    }
}

/// A model whose engine serves.
pub struct Loaded {
    /// To ask it.
    pub line: Line,
    /// Its tokenizer and templates.
    pub text: Arc<TextSide>,
    /// What it is.
    pub info: RunnerInfo,
    /// Fires when its engine is over and its memory is free.
    pub ended: oneshot::Receiver<()>,
}

/// A loaded model. Clones are the same one.
pub struct EngineRunner<A: Aside> {
    line: Rc<Line>,
    text: Arc<TextSide>,
    info: RunnerInfo,
    forms: Rc<FormCheck>,
    ended: Rc<Cell<Option<oneshot::Receiver<()>>>>,
    aside: PhantomData<A>,
}

impl<A: Aside> Clone for EngineRunner<A> {
    fn clone(&self) -> Self {
        EngineRunner {
            line: Rc::clone(&self.line),
            text: Arc::clone(&self.text),
            info: self.info.clone(),
            forms: Rc::clone(&self.forms),
            ended: Rc::clone(&self.ended),
            aside: PhantomData,
        }
    }
}

impl<A: Aside> EngineRunner<A> {
    /// Of what an engine loaded.
    pub fn new(loaded: Loaded, forms: Rc<FormCheck>) -> EngineRunner<A> {
        let Loaded { line, text, info, ended } = loaded;
        let (line, ended) = (Rc::new(line), Rc::new(Cell::new(Some(ended))));
        EngineRunner { line, text, info, forms, ended, aside: PhantomData }
    }

    /// To ask its engine for what the router does not.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Its tokenizer and templates.
    pub fn text(&self) -> &TextSide {
        &self.text
    }

    /// Whether the two are the same loaded model.
    pub fn is_same(&self, other: &EngineRunner<A>) -> bool {
        Rc::ptr_eq(&self.line, &other.line)
    }

    /// Ends the engine; returns when its memory is free.
    pub async fn unload(&self) {
        self.line.unload();
        if let Some(ended) = self.ended.take() {
            // An engine that failed is as much over as one that ended.
            let _ = ended.await;
        }
    }

    /// Does something that may take a while, where it delays nobody.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&TextSide) -> Result<T, RunError> + Send + 'static,
    ) -> Result<T, RunError> {
        let text = Arc::clone(&self.text);
        let done = A::run(move || work(&text)).await;
        done.unwrap_or_else(|error| {
            Err(RunError::Failed(format!("the prompt could not be made ({error}); ask again")))
        })
    }

    /// The engine's request.
    fn request(&self, request: GenerateRequest) -> Result<Request, RunError> {
        let template = self.text.template(request.template.as_deref())?;
        let calls = template.calls(&request.tools);
        let call = call_grammar(calls, &request.tools, &request.tool_choice, &self.forms)?;
        let format = request.format.as_ref();
        let close = || self.text.begun_thought(&template, &request.prompt);
        let grammar = call.or_else(|| format.map(|format| grammar_of(format, close())));
        Ok(Request {
            sampling: request.sampling,
            seed: request.seed,
            max_tokens: request.max_tokens,
            stop: request.stop,
            logit_bias: request.logit_bias,
            logprobs: request.logprobs,
            grammar,
            show: template.marks(&request.tools),
            truncate: request.truncate,
            shift: request.shift,
            num_keep: request.num_keep,
            ..Request::new(Prompt::Tokens(request.prompt))
        })
    }

    /// Has the engine write, on from `resume`, which it wrote before.
    fn write(&self, request: GenerateRequest, resume: Vec<u32>) -> EventStream {
        let request = match self.request(request) {
            Ok(request) => Request { resume, ..request },
            Err(error) => return stream::iter([Err(error)]).boxed_local(),
        };
        let stops = request.stop.clone();
        let asked = self.line.ask(|id| Command::Generate { id, request });
        stream::unfold(Some(Running { asked, stops }), next_event).boxed_local()
    }
}

impl<A: Aside> Runner for EngineRunner<A> {
    fn info(&self) -> RunnerInfo {
        self.info.clone()
    }

    async fn render(&self, request: &RenderRequest) -> Result<Rendered, RunError> {
        let request = request.clone();
        self.aside(move |text| text.render(&request)).await
    }

    async fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, RunError> {
        let asked = text.to_owned();
        self.aside(move |text| Ok(text.tokenize(&asked, special))).await
    }

    fn token_bytes(&self, id: u32) -> Vec<u8> {
        self.text.token_bytes(id)
    }

    fn generate(&self, request: GenerateRequest) -> EventStream {
        match A::tape() {
            Some(tape) => taped(tape, request, |request, resume| self.write(request, resume)),
            None => self.write(request, Vec::new()),
        }
    }

    async fn score(&self, tokens: &[u32], top: usize) -> Result<Vec<TokenLogprobs>, RunError> {
        if tokens.len() < 2 {
            return Ok(Vec::new());
        }
        let ids = tokens.to_vec();
        let mut asked = self.line.ask(|id| Command::Score { id, ids, top });
        loop {
            match asked.next().await {
                Some(actor::Event::Progress { .. }) => {}
                Some(actor::Event::Scored { scores, .. }) => return Ok(scores),
                Some(actor::Event::Failed { error, .. }) => return Err(run_error(&error)),
                _ => return Err(gone()),
            }
        }
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings, RunError> {
        let EmbedRequest { inputs, truncate } = request;
        let inputs = inputs.into_iter().map(|ids| Prompt::Tokens(self.text.ended(ids))).collect();
        let mut asked = self.line.ask(|id| Command::Embed { id, inputs, truncate });
        loop {
            match asked.next().await {
                Some(actor::Event::Progress { .. }) => {}
                Some(actor::Event::Embedded { embeddings, .. }) => {
                    return Ok(Embeddings {
                        vectors: embeddings.vectors,
                        prompt_tokens: embeddings.n_tokens,
                        truncated_tokens: embeddings.truncated_tokens,
                    });
                }
                Some(actor::Event::Failed { error, .. }) => return Err(run_error(&error)),
                _ => return Err(gone()),
            }
        }
    }

    fn parser(&self, request: &ParserRequest) -> Box<dyn OutputParser> {
        Box::new(Parser(self.text.parser(request)))
    }
}

type Item = Result<Event, RunError>;

/// A generation that goes on, and the strings that may end it.
struct Running {
    asked: Asked,
    stops: Vec<String>,
}

/// The next event of a generation, and what is left of it.
async fn next_event(running: Option<Running>) -> Option<(Item, Option<Running>)> {
    let mut running = running?;
    let event = match running.asked.next().await {
        Some(actor::Event::Started { prompt_tokens, reused_tokens, truncated_tokens, .. }) => {
            Event::Started { prompt_tokens, reused_tokens, truncated_tokens }
        }
        Some(actor::Event::Progress { done, total, .. }) => Event::Progress { done, total },
        Some(actor::Event::Piece { text, ids, logprobs, .. }) => {
            Event::Piece { text, ids, logprobs }
        }
        Some(actor::Event::Done { summary, .. }) => {
            return Some((Ok(Event::Done(summary_of(&summary, &running.stops))), None));
        }
        Some(actor::Event::Failed { error, .. }) => return Some((Err(run_error(&error)), None)),
        _ => return Some((Err(gone()), None)),
    };
    Some((Ok(event), Some(running)))
}

fn summary_of(summary: &engine::Summary, stops: &[String]) -> Summary {
    let span = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
    Summary {
        finish_reason: summary.finish_reason,
        stop_text: summary.stop.and_then(|i| stops.get(i).cloned()),
        prompt_tokens: summary.prompt_tokens,
        generated_tokens: summary.generated_tokens,
        shifted_tokens: summary.shifted_tokens,
        prefill: span(summary.prefill_ms),
        decode: span(summary.decode_ms),
    }
}

/// The engine's error as the router tells them apart: what the client can change, and the rest.
fn run_error(error: &engine::Error) -> RunError {
    match error {
        engine::Error::PromptTooLong { need, have }
        | engine::Error::InputTooLong { need, have } => {
            RunError::TooLong { need: *need, have: *have }
        }
        _ if matches!(error.code(), "request.invalid" | "model.template") => {
            RunError::Invalid(error.to_string())
        }
        _ => RunError::Failed(error.to_string()),
    }
}

/// The engine ended without an answer.
fn gone() -> RunError {
    RunError::Failed("the model was unloaded before it answered; ask again".to_owned())
}

/// `chat`'s parser as the router feeds it.
struct Parser(chat::stream::AnswerParser);

impl OutputParser for Parser {
    fn push(&mut self, text: &str) -> Vec<Output> {
        self.0.push(text).into_iter().map(output).collect()
    }

    fn finish(&mut self) -> Vec<Output> {
        self.0.finish().into_iter().map(output).collect()
    }
}

fn output(event: chat::stream::Event) -> Output {
    match event {
        chat::stream::Event::Thinking(text) => Output::Thinking(text),
        chat::stream::Event::Content(text) => Output::Content(text),
        chat::stream::Event::ToolCall(call) => {
            Output::ToolCall(ToolCallOutput { name: call.name, arguments: call.arguments })
        }
    }
}
