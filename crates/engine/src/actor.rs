//! The actor: commands in, events out, one at a time, on whatever the host calls a thread.
//!
//! A dedicated worker in a browser and a thread natively run the same [`run`]. Both protocols are
//! closed enums, so that a host's serialization is a `match` without a default arm. Requests wait
//! in order; between any two steps of a generation the inbox is looked at, so a cancel is seen
//! within one token or one chunk of the prompt. Everything that was asked is answered exactly
//! once: by `Done`, by its result, or by `Failed`.

use std::collections::VecDeque;

use crate::error::Error;
use crate::generate::{FinishReason, Step, Summary};
use crate::request::Request;
use crate::sample::TokenLogprobs;
use crate::session::Session;

/// Requests that may wait; more is a host that does not look at the answers. Ollama's default.
pub const MAX_QUEUED: usize = 512;

/// What a host can ask. `id` is the host's own and comes back in the events.
#[expect(clippy::large_enum_variant, reason = "commands are few and do not wait for long")]
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named as in `Request`")]
pub enum Command {
    /// Answers with `Started`, `Progress`, `Piece`s, and `Done`.
    Generate { id: u64, request: Request },
    /// Ends the generation `id`, running or waiting.
    Cancel { id: u64 },
    /// Answers with `Tokens`.
    Tokenize { id: u64, text: String, add_special: bool, parse_special: bool },
    /// Answers with `Text`.
    Detokenize { id: u64, ids: Vec<u32> },
    /// Logits after `ids`: of the last position, or of all.
    Logits { id: u64, ids: Vec<u32>, all: bool },
    /// Cancels what runs, refuses what waits, and ends the actor.
    Unload,
}

/// What the actor answers.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named as in `Piece` and `Summary`")]
pub enum Event {
    /// The prompt was accepted.
    Started { id: u64, prompt_tokens: usize, reused_tokens: usize, seed: u32 },
    /// Prompt tokens read, of all that were new.
    Progress { id: u64, done: usize, total: usize },
    /// Tokens, and text that can be shown.
    Piece { id: u64, text: String, ids: Vec<u32>, logprobs: Vec<TokenLogprobs> },
    /// The generation is over; also the answer to anything that was cancelled while waiting.
    Done { id: u64, summary: Summary },
    /// Ids of a text.
    Tokens { id: u64, ids: Vec<u32> },
    /// Text of ids.
    Text { id: u64, text: String },
    /// `[n_rows, n_vocab]`.
    Logits { id: u64, n_rows: usize, values: Vec<f32> },
    /// It could not be done; the actor goes on.
    Failed { id: u64, error: Error },
    /// The last event.
    Unloaded,
}

/// The host's side of the two queues.
#[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
pub trait Port {
    /// Waits for a command; `None` when the host is gone.
    async fn next(&mut self) -> Option<Command>;
    /// A command that is there already.
    fn try_next(&mut self) -> Option<Command>;
    /// Sends an event; a host that is gone loses it.
    fn emit(&mut self, event: Event);
}

/// Serves `port` until it is unloaded or gone; gives the session back.
pub async fn run(session: Session, port: &mut impl Port) -> Session {
    let mut actor = Actor { session, port, waiting: VecDeque::new(), unloading: false };
    while !actor.unloading {
        let command = match actor.waiting.pop_front() {
            Some(command) => Some(command),
            None => actor.port.next().await,
        };
        match command {
            Some(command) => actor.serve(command).await,
            None => actor.unloading = true,
        }
    }
    actor.refuse_waiting();
    actor.port.emit(Event::Unloaded);
    actor.session
}

struct Actor<'p, P: Port> {
    session: Session,
    port: &'p mut P,
    waiting: VecDeque<Command>,
    unloading: bool,
}

impl<P: Port> Actor<'_, P> {
    async fn serve(&mut self, command: Command) {
        match command {
            Command::Generate { id, request } => {
                if let Err(error) = self.generate(id, request).await {
                    self.port.emit(Event::Failed { id, error });
                }
            }
            Command::Cancel { .. } => {} // what it names is done already
            Command::Tokenize { id, text, add_special, parse_special } => {
                let options = tokenizer::Encode { add_special, parse_special };
                let ids = self.session.tokenizer().encode(&text, options);
                self.port.emit(Event::Tokens { id, ids });
            }
            Command::Detokenize { id, ids } => {
                let text = self.session.tokenizer().decode(&ids);
                self.port.emit(Event::Text { id, text });
            }
            Command::Logits { id, ids, all } => {
                let mut values = Vec::new();
                let sink = |rows: &[f32]| values.extend_from_slice(rows);
                let event = match self.session.logits(&ids, all, sink).await {
                    Ok(()) => Event::Logits { id, n_rows: if all { ids.len() } else { 1 }, values },
                    Err(error) => Event::Failed { id, error },
                };
                self.port.emit(event);
            }
            Command::Unload => self.unloading = true,
        }
    }

    async fn generate(&mut self, id: u64, request: Request) -> Result<(), Error> {
        let Actor { session, port, waiting, unloading } = self;
        let mut generation = session.generate(request)?;
        let Summary { prompt_tokens, reused_tokens, seed, .. } = *generation.summary();
        port.emit(Event::Started { id, prompt_tokens, reused_tokens, seed });
        loop {
            generation.yield_now().await;
            while let Some(command) = port.try_next() {
                match command {
                    Command::Cancel { id: other } if other == id => generation.cancel(),
                    Command::Cancel { id: other } => cancel_waiting(*port, waiting, other),
                    Command::Unload => {
                        *unloading = true;
                        generation.cancel();
                    }
                    command => enqueue(*port, waiting, command),
                }
            }
            match generation.step().await? {
                Step::Prefill { done, total } => port.emit(Event::Progress { id, done, total }),
                Step::Piece => {
                    let piece = generation.piece().clone();
                    let (text, ids, logprobs) = (piece.text, piece.ids, piece.logprobs);
                    port.emit(Event::Piece { id, text, ids, logprobs });
                }
                Step::Done => {
                    port.emit(Event::Done { id, summary: *generation.summary() });
                    return Ok(());
                }
            }
        }
    }

    fn refuse_waiting(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Some(id) = answer_id(&command) {
                emit_cancelled(self.port, id);
            }
        }
    }
}

/// The id under which a command expects an answer.
fn answer_id(command: &Command) -> Option<u64> {
    match command {
        Command::Generate { id, .. }
        | Command::Tokenize { id, .. }
        | Command::Detokenize { id, .. }
        | Command::Logits { id, .. } => Some(*id),
        Command::Cancel { .. } | Command::Unload => None,
    }
}

fn enqueue(port: &mut impl Port, waiting: &mut VecDeque<Command>, command: Command) {
    match answer_id(&command) {
        Some(id) if waiting.len() >= MAX_QUEUED => {
            port.emit(Event::Failed { id, error: Error::Busy { limit: MAX_QUEUED } });
        }
        _ => waiting.push_back(command),
    }
}

fn cancel_waiting(port: &mut impl Port, waiting: &mut VecDeque<Command>, id: u64) {
    let n_before = waiting.len();
    waiting.retain(|command| answer_id(command) != Some(id));
    if waiting.len() < n_before {
        emit_cancelled(port, id);
    }
}

fn emit_cancelled(port: &mut impl Port, id: u64) {
    let summary = Summary { finish_reason: Some(FinishReason::Cancelled), ..Summary::default() };
    port.emit(Event::Done { id, summary });
}
