//! Answers of models, one after another, whole or as a stream.
//!
//! Most requests want one answer; OpenAI's may want several, to one prompt or to many. They run in
//! turn, each with a slot of its own for as long as it takes, so that a request for many answers
//! stands in line like everyone else.

use std::iter::Peekable;
use std::rc::Rc;

use crate::error::ApiError;
use crate::host::Host;
use crate::http::Response;
use crate::router::{Api, stream_items};
use crate::turn::{Echo, Said, Stats, Task, Turn, TurnEvent, prepare};
use crate::types::ollama::{Logprob, ToolCall};

/// What a model said, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub content: String,
    pub thinking: String,
    pub tool_calls: Vec<ToolCall>,
}

impl Answer {
    pub fn of(said: Vec<Said>) -> Answer {
        let mut answer = Answer::default();
        for said in said {
            match said {
                Said::Content(text) => answer.content.push_str(&text),
                Said::Thinking(text) => answer.thinking.push_str(&text),
                Said::ToolCall(call) => answer.tool_calls.push(call),
            }
        }
        answer
    }

    /// Its texts and its calls, where they must stand in two objects; nothing that is empty.
    pub fn parts(mut self) -> impl Iterator<Item = Answer> {
        let tool_calls = std::mem::take(&mut self.tool_calls);
        let has_text = !self.content.is_empty() || !self.thinking.is_empty();
        let calls = Answer { tool_calls, ..Answer::default() };
        let has_calls = !calls.tool_calls.is_empty();
        has_text.then_some(self).into_iter().chain(has_calls.then_some(calls))
    }
}

/// One whole answer.
pub(crate) struct Whole {
    pub echo: Option<Echo>,
    pub answer: Answer,
    pub logprobs: Vec<Logprob>,
    pub stats: Stats,
}

/// Runs tasks in turn.
pub(crate) struct Answers<H: Host> {
    api: Rc<Api<H>>,
    current: Option<Turn<H>>,
    /// Made one by one: a prompt may be large, and wanted many times.
    rest: Peekable<Box<dyn Iterator<Item = Task>>>,
    index: u32,
}

impl<H: Host> Answers<H> {
    /// Waits until the first prompt is accepted.
    pub async fn start(
        api: &Rc<Api<H>>,
        tasks: impl IntoIterator<Item = Task, IntoIter: 'static>,
    ) -> Result<Answers<H>, ApiError> {
        let tasks: Box<dyn Iterator<Item = Task>> = Box::new(tasks.into_iter());
        let mut rest = tasks.peekable();
        let current = match rest.next() {
            Some(task) => Some(Turn::start(api, prepare(api, &task).await?).await?),
            None => None,
        };
        Ok(Answers { api: Rc::clone(api), current, rest, index: 0 })
    }

    /// The next event, and the number of the answer that it belongs to.
    async fn next(&mut self) -> Option<Result<(u32, TurnEvent), ApiError>> {
        if self.current.is_none() {
            let task = self.rest.next()?;
            self.index += 1;
            let turn = match prepare(&self.api, &task).await {
                Ok(prepared) => Turn::start(&self.api, prepared).await,
                Err(error) => Err(error),
            };
            match turn {
                Ok(turn) => self.current = Some(turn),
                Err(error) => return Some(Err(self.fail(error))),
            }
        }
        match self.current.as_mut()?.next().await? {
            Ok(event) => {
                if matches!(event, TurnEvent::Done(_)) {
                    self.current = None; // the slot is free before the client has read the end
                }
                Some(Ok((self.index, event)))
            }
            Err(error) => Some(Err(self.fail(error))),
        }
    }

    fn fail(&mut self, error: ApiError) -> ApiError {
        self.current = None;
        let none: Box<dyn Iterator<Item = Task>> = Box::new(std::iter::empty());
        self.rest = none.peekable();
        error
    }

    fn prompt_tokens(&self) -> usize {
        self.current.as_ref().map_or(0, Turn::prompt_tokens)
    }

    fn is_over(&mut self) -> bool {
        self.current.is_none() && self.rest.peek().is_none()
    }

    /// All answers.
    pub async fn collect(mut self) -> Result<Vec<Whole>, ApiError> {
        let mut all = Vec::new();
        let (mut echo, mut said, mut logprobs) = (None, Vec::new(), Vec::new());
        while let Some(event) = self.next().await {
            match event?.1 {
                TurnEvent::Echo(prompt) => echo = Some(prompt),
                TurnEvent::Delta { said: more, logprobs: more_logprobs } => {
                    said.extend(more);
                    logprobs.extend(more_logprobs);
                }
                TurnEvent::Done(stats) => {
                    let answer = Answer::of(std::mem::take(&mut said));
                    let logprobs = std::mem::take(&mut logprobs);
                    all.push(Whole { echo: echo.take(), answer, logprobs, stats });
                }
            }
        }
        Ok(all)
    }

    /// The only answer.
    pub async fn collect_one(self) -> Result<Whole, ApiError> {
        let none = || ApiError::new(500, "the model gave no answer; try again");
        self.collect().await?.pop().ok_or_else(none)
    }

    /// A response that writes the answers down as they come.
    pub fn into_response(self, media_type: &str, encoder: impl Encoder + 'static) -> Response {
        let state = Some((self, encoder, false));
        let chunks = stream_items(state, async |state| {
            let (mut answers, mut encoder, has_begun) = state?;
            if !has_begun {
                let text = encoder.begin(answers.prompt_tokens());
                return Some((text, Some((answers, encoder, true))));
            }
            match answers.next().await? {
                Ok((index, event)) => {
                    let mut text = encoder.event(index, event);
                    if answers.is_over() {
                        text.extend(encoder.end());
                        return Some((text, None));
                    }
                    Some((text, Some((answers, encoder, true))))
                }
                Err(error) => Some((encoder.error(&error), None)),
            }
        });
        Response::stream(media_type, chunks)
    }
}

/// How a protocol writes a streamed answer down.
pub(crate) trait Encoder {
    /// Before everything, with the tokens of the first prompt.
    fn begin(&mut self, _prompt_tokens: usize) -> Vec<u8> {
        Vec::new()
    }
    /// One event of one answer.
    fn event(&mut self, index: u32, event: TurnEvent) -> Vec<u8>;
    /// After the last event.
    fn end(&mut self) -> Vec<u8> {
        Vec::new()
    }
    /// Instead of what would have come.
    fn error(&mut self, error: &ApiError) -> Vec<u8>;
}
