//! A model whose tokens are bytes, and which says what it is told to.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use api::host::{
    EmbedRequest, Embeddings, Event, EventStream, GenerateRequest, Memory, Output, OutputParser,
    ParserRequest, RenderRequest, Rendered, RunError, Runner, RunnerInfo, Summary, ToolCallOutput,
};
use engine::{FinishReason, TokenLogprobs};
use futures_util::{StreamExt, stream};

use super::FakeEnv;

/// The beginning of a text; bytes are the ids below it.
pub const BOS: u32 = 256;

pub struct FakeRunner {
    pub env: Rc<FakeEnv>,
    pub file: String,
    pub memory: Memory,
    pub num_ctx: usize,
    pub n_slots: usize,
    pub pieces: Rc<RefCell<Vec<String>>>,
    pub paused: Rc<Cell<bool>>,
    pub running: Rc<Cell<usize>>,
    pub last_request: Rc<RefCell<Option<GenerateRequest>>>,
}

/// Counts while it lives.
struct Running(Rc<Cell<usize>>);

impl Running {
    fn new(count: &Rc<Cell<usize>>) -> Running {
        count.set(count.get() + 1);
        Running(Rc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// What ends an answer of which nothing else is left to say; written `$`.
const END_TOKEN: u32 = 36;

fn ids_of(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

fn logprobs_of(id: u32, top: usize) -> TokenLogprobs {
    // The byte 0 is impossible.
    let logprob = if id == 0 { f32::NEG_INFINITY } else { -0.5 };
    let others = [(id, logprob), (120, -1.5), (121, -2.5)];
    TokenLogprobs { id, logprob, top: others.into_iter().take(top).collect() }
}

impl FakeRunner {
    /// What a generation will do, one step per item.
    fn script(&self, request: &GenerateRequest) -> Vec<Result<Event, RunError>> {
        let prompt_tokens = request.prompt.len();
        let mut pieces = self.pieces.borrow().clone();
        if pieces.is_empty() {
            let bytes: Vec<u8> =
                request.prompt.iter().flat_map(|id| self.token_bytes(*id)).collect();
            pieces = vec![String::from_utf8_lossy(&bytes).into_owned()];
        }
        let (reused_tokens, truncated_tokens) = (0, 0);
        let mut events =
            vec![Ok(Event::Started { prompt_tokens, reused_tokens, truncated_tokens })];
        let mut summary = Summary {
            finish_reason: Some(FinishReason::Stop),
            prompt_tokens,
            prefill: Duration::from_millis(2),
            ..Summary::default()
        };
        for piece in pieces {
            if request.max_tokens == Some(summary.generated_tokens) {
                summary.finish_reason = Some(FinishReason::Length);
                break;
            }
            if request.stop.contains(&piece) {
                summary.stop_text = Some(piece);
                break;
            }
            match piece.as_str() {
                "FAIL" => {
                    events.push(Err(RunError::Failed("the device was lost; try again".into())));
                    return events;
                }
                "CANCEL" => {
                    summary.finish_reason = Some(FinishReason::Cancelled);
                    break;
                }
                "END" => return events,
                "EOT" => {
                    let logprobs = request.logprobs.map(|top| logprobs_of(END_TOKEN, top));
                    let logprobs = logprobs.into_iter().collect();
                    let (text, ids) = (String::new(), Vec::new());
                    events.push(Ok(Event::Piece { text, ids, logprobs }));
                    break;
                }
                _ => {}
            }
            summary.generated_tokens += 1;
            summary.decode += Duration::from_millis(1);
            let ids = ids_of(&piece).into_iter().take(1).collect::<Vec<u32>>();
            let logprobs = request
                .logprobs
                .map_or(Vec::new(), |top| ids.iter().map(|id| logprobs_of(*id, top)).collect());
            events.push(Ok(Event::Piece { text: piece, ids, logprobs }));
        }
        events.push(Ok(Event::Done(summary)));
        events
    }
}

impl Runner for FakeRunner {
    fn info(&self) -> RunnerInfo {
        RunnerInfo {
            memory: self.memory,
            num_ctx: self.num_ctx,
            n_vocab: 257,
            n_slots: self.n_slots,
        }
    }

    async fn render(&self, request: &RenderRequest) -> Result<Rendered, RunError> {
        let mut text = request.template.clone().unwrap_or_default();
        if let Some(think) = &request.think {
            text.push_str(&format!("[think {think:?}]"));
        }
        for tool in &request.tools {
            text.push_str(&format!("[tool {}]", tool.function.name));
        }
        for message in &request.messages {
            if message.content == "REFUSE" {
                return Err(RunError::Invalid("the template refuses this conversation".into()));
            }
            text.push_str(&format!("<{}>{}", message.role, message.content));
            for (name, value) in &message.fields {
                text.push_str(&format!("[{name}={value}]"));
            }
        }
        match &request.suffix {
            Some(suffix) => text.push_str(&format!("<suffix>{suffix}")),
            None => text.push_str("<assistant>"),
        }
        let tokens = self.tokenize(&text, true).await?;
        Ok(Rendered { text, tokens, stop: vec!["</s>".into()] })
    }

    async fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, RunError> {
        Ok(special.then_some(BOS).into_iter().chain(ids_of(text)).collect())
    }

    fn token_bytes(&self, id: u32) -> Vec<u8> {
        u8::try_from(id).map_or(Vec::new(), |byte| vec![byte])
    }

    fn generate(&self, request: GenerateRequest) -> EventStream {
        *self.last_request.borrow_mut() = Some(request.clone());
        if request.prompt.len() >= self.num_ctx && !request.truncate {
            let error = RunError::TooLong { need: request.prompt.len(), have: self.num_ctx };
            return stream::iter([Err(error)]).boxed_local();
        }
        let events = self.script(&request);
        let running = Running::new(&self.running);
        let (env, paused) = (Rc::clone(&self.env), Rc::clone(&self.paused));
        let state = (events.into_iter(), running, false);
        let steps = stream::unfold(state, move |(mut events, running, has_begun)| {
            let (env, paused) = (Rc::clone(&env), Rc::clone(&paused));
            async move {
                // Only the prompt is accepted before the pause.
                let wait = poll_fn(|_| match has_begun && paused.get() {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                });
                wait.await;
                let event = events.next()?;
                env.advance_ms(if has_begun { 1 } else { 2 });
                Some((event, (events, running, true)))
            }
        });
        steps.boxed_local()
    }

    async fn score(&self, tokens: &[u32], top: usize) -> Result<Vec<TokenLogprobs>, RunError> {
        Ok(tokens.iter().skip(1).map(|id| logprobs_of(*id, top)).collect())
    }

    /// The vector of a text is its length, its first id, and 0.
    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings, RunError> {
        let mut all = Embeddings::default();
        for input in request.inputs {
            if input.len() > self.num_ctx && !request.truncate {
                return Err(RunError::TooLong { need: input.len(), have: self.num_ctx });
            }
            let n = input.len().min(self.num_ctx);
            all.truncated_tokens += input.len() - n;
            all.prompt_tokens += n;
            let first = input.iter().copied().find(|id| *id != BOS).unwrap_or(0);
            all.vectors.push(vec![n as f32, first as f32, 0.0]);
        }
        Ok(all)
    }

    fn parser(&self, _: &ParserRequest) -> Box<dyn OutputParser> {
        Box::new(FakeParser)
    }
}

/// `think:x` is a thought, `call:name` a call, and all else is content.
struct FakeParser;

impl OutputParser for FakeParser {
    fn push(&mut self, text: &str) -> Vec<Output> {
        if let Some(text) = text.strip_prefix("think:") {
            return vec![Output::Thinking(text.into())];
        }
        if let Some(name) = text.strip_prefix("call:") {
            let arguments = serde_json::json!({ "city": "Paris", "days": 2 });
            let arguments = arguments.as_object().cloned().unwrap_or_default();
            return vec![Output::ToolCall(ToolCallOutput { name: name.into(), arguments })];
        }
        if text.is_empty() { Vec::new() } else { vec![Output::Content(text.into())] }
    }

    fn finish(&mut self) -> Vec<Output> {
        Vec::new()
    }
}
