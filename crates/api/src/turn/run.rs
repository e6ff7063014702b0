//! A running answer.
//!
//! The first event is awaited before there is an answer at all, so that a prompt that is refused
//! becomes a status code and not an error inside of a 200. Dropping a [`Turn`] drops the runner's
//! stream (which cancels the work) and then the lease (which frees the slot).

use std::rc::Rc;
use std::time::Duration;

use engine::{FinishReason, TokenLogprobs};
use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::future::{Either, select};

use super::prepare::Prepared;
use crate::error::ApiError;
use crate::host::{
    Env, Event, EventStream, Host, Output, OutputParser, PassThrough, RunError, Runner, Summary,
    ToolCallOutput,
};
use crate::router::Api;
use crate::scheduler::Lease;
use crate::types::nanos;
use crate::types::ollama::{Logprob, Metrics, ToolCall, ToolCallFunction, TopLogprob};

/// One thing that the model said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Content(String),
    Thinking(String),
    /// With its id and number.
    ToolCall(ToolCall),
}

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TurnEvent {
    /// The prompt, before the answer, if it was asked for.
    Echo(Echo),
    /// Said since the last event; the log-probabilities may be of tokens whose text is yet to come.
    Delta { said: Vec<Said>, logprobs: Vec<Logprob> },
    /// The last event.
    Done(Stats),
}

/// A prompt that stands before its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Echo {
    pub text: String,
    /// Its tokens, if asked for: texts as bytes, and what is known about each.
    pub tokens: Vec<(Vec<u8>, Option<Logprob>)>,
}

/// Numbers of a whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    pub summary: Summary,
    /// Prompt tokens that were left out.
    pub truncated: usize,
    /// Prompt tokens that were in the cache.
    pub reused: usize,
    /// Calls of tools in the answer.
    pub n_tool_calls: u32,
    pub total: Duration,
    pub load: Duration,
    /// Ids of prompt and answer.
    pub ids: Vec<u32>,
    /// How probable the end token was that ended the answer, if log-probabilities were asked for.
    pub end: Option<Logprob>,
}

impl Stats {
    /// "stop" or "length".
    pub fn finish_reason(&self) -> &'static str {
        match self.summary.finish_reason {
            Some(FinishReason::Length | FinishReason::Context) => "length",
            _ => "stop",
        }
    }

    /// As Ollama's last object has them.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            total_duration: nanos(self.total),
            load_duration: nanos(self.load),
            prompt_eval_count: self.summary.prompt_tokens as u64,
            prompt_eval_duration: nanos(self.summary.prefill),
            eval_count: self.summary.generated_tokens as u64,
            eval_duration: nanos(self.summary.decode),
            truncated_tokens: self.truncated as u64,
            shifted_tokens: self.summary.shifted_tokens as u64,
        }
    }
}

/// See the module's header. The order of the fields is the order in which they are dropped.
pub(crate) struct Turn<H: Host> {
    events: EventStream,
    parser: Box<dyn OutputParser>,
    lease: Lease<H::Backend, H::Env>,
    api: Rc<Api<H>>,
    started: Duration,
    stats: Stats,
    /// The client's own stop strings.
    stops: Vec<String>,
    /// Ends when the server's time is up.
    ending: oneshot::Receiver<()>,
    echo: Option<Echo>,
    pending: Vec<Logprob>,
    is_done: bool,
    has_ended: bool,
}

impl<H: Host> Turn<H> {
    /// Starts to generate and waits until the prompt is accepted.
    pub async fn start(api: &Rc<Api<H>>, prepared: Prepared<H>) -> Result<Turn<H>, ApiError> {
        let Prepared { lease, request, parser, truncated, started, load, echo, stops, .. } =
            prepared;
        let parser: Box<dyn OutputParser> = match parser {
            Some(parser) => lease.parser(&parser),
            None => Box::new(PassThrough),
        };
        let ids = request.prompt.clone();
        let stats = Stats { truncated, load, ids, ..Stats::default() };
        let without_answer = request.max_tokens == Some(0);
        let events = match without_answer {
            true => futures_util::stream::empty().boxed_local(),
            false => lease.generate(request),
        };
        let (api, pending, ending) = (Rc::clone(api), Vec::new(), api.ending.follow());
        let (is_done, has_ended) = (without_answer, false);
        let mut turn = Turn {
            events,
            parser,
            lease,
            api,
            started,
            stats,
            stops,
            ending,
            echo,
            pending,
            is_done,
            has_ended,
        };
        if without_answer {
            turn.stats.summary.finish_reason = Some(FinishReason::Length);
            turn.stats.summary.prompt_tokens = turn.stats.ids.len();
            turn.api.metrics.prompted(turn.stats.ids.len());
            return Ok(turn);
        }
        match turn.events.next().await {
            Some(Ok(Event::Started { prompt_tokens, reused_tokens, truncated_tokens })) => {
                turn.stats.summary.prompt_tokens = prompt_tokens;
                turn.api.metrics.prompted(prompt_tokens);
                turn.stats.reused = reused_tokens;
                turn.stats.truncated += truncated_tokens;
                Ok(turn)
            }
            Some(Err(error)) => Err(run_error(error)),
            Some(Ok(_)) | None => Err(lost()),
        }
    }

    /// Tokens of the accepted prompt.
    pub fn prompt_tokens(&self) -> usize {
        self.stats.summary.prompt_tokens
    }

    /// The next event; `None` after `Done` and after an error.
    pub async fn next(&mut self) -> Option<Result<TurnEvent, ApiError>> {
        if self.has_ended {
            return None;
        }
        if let Some(echo) = self.echo.take() {
            return Some(Ok(TurnEvent::Echo(echo)));
        }
        if self.is_done {
            return Some(Ok(self.finish()));
        }
        loop {
            let event = match select(self.events.next(), &mut self.ending).await {
                Either::Left((event, _)) => Some(event),
                Either::Right(_) => None,
            };
            let Some(event) = event else {
                return Some(Err(self.fail(ApiError::stopping())));
            };
            match event {
                Some(Ok(Event::Piece { text, ids, logprobs })) => {
                    self.api.metrics.generated(ids.len());
                    let (of_ids, of_end) = logprobs.split_at(ids.len().min(logprobs.len()));
                    let known = |entry| logprob_of(&*self.lease, entry);
                    self.pending.extend(of_ids.iter().map(known));
                    self.stats.end = of_end.first().map(known);
                    self.stats.ids.extend(ids);
                    let outputs = self.parser.push(&text);
                    if let Some(delta) = self.delta(outputs) {
                        return Some(Ok(delta));
                    }
                }
                Some(Ok(Event::Done(summary))) => {
                    if summary.finish_reason == Some(FinishReason::Cancelled) {
                        return Some(Err(self.fail(cancelled())));
                    }
                    self.stats.summary = summary;
                    // Those of the template end an answer as an end token does.
                    let stop = &mut self.stats.summary.stop_text;
                    *stop = stop.take().filter(|stop| self.stops.contains(stop));
                    self.is_done = true;
                    let outputs = self.parser.finish();
                    if let Some(delta) = self.delta(outputs) {
                        return Some(Ok(delta));
                    }
                    if !self.pending.is_empty() {
                        let logprobs = std::mem::take(&mut self.pending);
                        return Some(Ok(TurnEvent::Delta { said: Vec::new(), logprobs }));
                    }
                    return Some(Ok(self.finish()));
                }
                Some(Ok(Event::Started { .. } | Event::Progress { .. })) => {}
                Some(Err(error)) => return Some(Err(self.fail(run_error(error)))),
                None => return Some(Err(self.fail(lost()))),
            }
        }
    }

    fn finish(&mut self) -> TurnEvent {
        self.has_ended = true;
        self.stats.total = self.api.env.monotonic().saturating_sub(self.started);
        self.api.metrics.took(&self.stats.summary);
        TurnEvent::Done(std::mem::take(&mut self.stats))
    }

    fn fail(&mut self, error: ApiError) -> ApiError {
        self.has_ended = true;
        // Whoever reads slowly from now on holds no slot of the model.
        self.events = futures_util::stream::empty().boxed_local();
        error
    }

    fn delta(&mut self, outputs: Vec<Output>) -> Option<TurnEvent> {
        if outputs.is_empty() {
            return None;
        }
        let said = outputs.into_iter().map(|output| match output {
            Output::Content(text) => Said::Content(text),
            Output::Thinking(text) => Said::Thinking(text),
            Output::ToolCall(call) => Said::ToolCall(self.number(call)),
        });
        let said = said.collect();
        Some(TurnEvent::Delta { said, logprobs: std::mem::take(&mut self.pending) })
    }

    fn number(&mut self, call: ToolCallOutput) -> ToolCall {
        let index = self.stats.n_tool_calls;
        self.stats.n_tool_calls += 1;
        let function = ToolCallFunction { index, name: call.name, arguments: call.arguments };
        ToolCall { id: format!("call_{}", self.api.short_id()), function }
    }
}

/// A token and its alternatives, as texts.
pub(crate) fn logprob_of<R: Runner>(runner: &R, entry: &TokenLogprobs) -> Logprob {
    let top = entry.top.iter().map(|&(id, logprob)| {
        let bytes = runner.token_bytes(id);
        TopLogprob { token: lossy(&bytes), logprob: finite(logprob), bytes }
    });
    let top_logprobs = top.collect();
    let bytes = runner.token_bytes(entry.id);
    Logprob { token: lossy(&bytes), logprob: finite(entry.logprob), bytes, top_logprobs }
}

/// What stands for "impossible": JSON has no infinity, and OpenAI writes this.
const MIN_LOGPROB: f32 = -9999.0;

fn finite(logprob: f32) -> f32 {
    logprob.max(MIN_LOGPROB)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A token's text, or its bytes in OpenAI's notation where they are no text: so that two different
/// tokens never look alike.
pub(crate) fn token_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("bytes:{escaped}")
        }
    }
}

/// A runner's error in HTTP's terms.
pub(crate) fn run_error(error: RunError) -> ApiError {
    let (status, code) = match error {
        RunError::Invalid(_) => (400, None),
        RunError::TooLong { .. } => (400, Some("ctx.full")),
        RunError::Failed(_) => (500, None),
    };
    ApiError { code, ..ApiError::new(status, error.to_string()) }
}

fn lost() -> ApiError {
    ApiError::new(500, "the model stopped without an end to its answer; try again")
}

fn cancelled() -> ApiError {
    ApiError::new(503, "the answer was cut off because its model was unloaded; try again")
}
