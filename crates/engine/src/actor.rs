//! The actor: commands in, events out, on whatever the host calls a thread.
//!
//! A dedicated worker in a browser and a thread natively run the same [`run`]. Both protocols are
//! closed enums, so that a host's serialization is a `match` without a default arm. As many
//! requests run together as the session has slots, the others wait in order; between any two rounds
//! the inbox is looked at, so a cancel is seen within one token or one chunk of a prompt.
//! Everything that was asked is answered exactly once: by `Done`, by its result, or by `Failed`.

use std::collections::VecDeque;

use kernels::PlayerError;

use crate::answer::Step;
use crate::embed::Embeddings;
use crate::error::Error;
use crate::request::{Prompt, Request};
use crate::sample::TokenLogprobs;
use crate::session::Session;
use crate::summary::{FinishReason, Summary};

/// Requests that may wait; more is a host that does not look at the answers. Ollama's default.
pub const MAX_QUEUED: usize = 512;

/// What a host can ask. `id` is the host's own and comes back in the events.
#[allow(clippy::large_enum_variant, reason = "commands are few; how large depends on the platform")]
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named as in `Request`")]
pub enum Command {
    /// Answers with `Started`, `Progress`, `Piece`s, and `Done`.
    Generate { id: u64, request: Request },
    /// Answers with `Progress` and `Embedded`: a vector for each input, not normalized. Inputs
    /// longer than the context are cut with `truncate`.
    Embed { id: u64, inputs: Vec<Prompt>, truncate: bool },
    /// Ends what `id` asked for, running or waiting.
    Cancel { id: u64 },
    /// Stops computing what `id` asked for while `on`, and goes on after: for an answer whose
    /// reader is slow. Others go on meanwhile. Nothing to hold is no error.
    Hold { id: u64, on: bool },
    /// Answers with `Tokens`.
    Tokenize { id: u64, text: String, add_special: bool, parse_special: bool },
    /// Answers with `Text`.
    Detokenize { id: u64, ids: Vec<u32> },
    /// Logits after `ids`: of the last position, or of all. Computed in one go: answers that are
    /// being written wait for it.
    Logits { id: u64, ids: Vec<u32>, all: bool },
    /// Answers with `Progress` and `Scored`; answers that are being written go on beside it.
    Score { id: u64, ids: Vec<u32>, top: usize },
    /// Cancels what runs, refuses what waits, and ends the actor.
    Unload,
}

/// What the actor answers.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named as in `Piece` and `Summary`")]
pub enum Event {
    /// The prompt was accepted, in this slot; tokens were cut out of it if it was too long.
    Started {
        id: u64,
        slot: usize,
        prompt_tokens: usize,
        reused_tokens: usize,
        truncated_tokens: usize,
        seed: u32,
    },
    /// Prompt tokens read, of all that were new.
    Progress { id: u64, done: usize, total: usize },
    /// Tokens, and text that can be shown.
    Piece { id: u64, text: String, ids: Vec<u32>, logprobs: Vec<TokenLogprobs> },
    /// The generation is over; also the answer to anything that was cancelled.
    Done { id: u64, summary: Summary },
    /// Ids of a text.
    Tokens { id: u64, ids: Vec<u32> },
    /// Text of ids.
    Text { id: u64, text: String },
    /// Vectors of texts.
    Embedded { id: u64, embeddings: Embeddings },
    /// `[n_rows, n_vocab]`.
    Logits { id: u64, n_rows: usize, values: Vec<f32> },
    /// How probable each id was after those before it, from the second on.
    Scored { id: u64, scores: Vec<TokenLogprobs> },
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
    let running = vec![None; session.n_slots()];
    let waiting = VecDeque::new();
    let mut actor = Actor { session, port, running, waiting, unloading: false };
    loop {
        actor.admit().await;
        if !actor.session.is_idle() {
            actor.session.env.yield_now().await;
        } else if actor.unloading {
            break;
        } else {
            let command = actor.port.next().await;
            actor.hear(command.unwrap_or(Command::Unload)).await;
            continue;
        }
        while let Some(command) = actor.port.try_next() {
            actor.hear(command).await;
        }
        actor.round().await;
    }
    actor.refuse_waiting();
    actor.port.emit(Event::Unloaded);
    actor.session
}

struct Actor<'p, P: Port> {
    session: Session,
    port: &'p mut P,
    /// The id of what each slot does.
    running: Vec<Option<u64>>,
    /// What has not begun, in order.
    waiting: VecDeque<Command>,
    unloading: bool,
}

impl<P: Port> Actor<'_, P> {
    /// Takes a command: what ends something at once, the rest into the queue.
    async fn hear(&mut self, command: Command) {
        match command {
            Command::Cancel { id } => self.cancel(id),
            Command::Hold { id, on } => {
                if let Some(slot) = self.slot_of(id) {
                    self.session.hold(slot, on);
                }
            }
            Command::Unload => {
                self.unloading = true;
                (0..self.running.len()).for_each(|slot| self.session.cancel(slot));
            }
            command => {
                enqueue(self.port, &mut self.waiting, command);
                self.admit().await;
            }
        }
    }

    fn slot_of(&self, id: u64) -> Option<usize> {
        self.running.iter().position(|running| *running == Some(id))
    }

    fn cancel(&mut self, id: u64) {
        match self.slot_of(id) {
            Some(slot) => self.session.cancel(slot),
            None => cancel_waiting(self.port, &mut self.waiting, id),
        }
    }

    /// Begins what waits, in order, until something has to wait for a slot.
    async fn admit(&mut self) {
        while !self.unloading {
            let has_slot = self.session.n_free() > 0;
            let fits = |command: &Command| has_slot || !needs_slot(command);
            if !self.waiting.front().is_some_and(fits) {
                return;
            }
            let Some(command) = self.waiting.pop_front() else { return };
            let id = answer_id(&command);
            if let (Err(error), Some(id)) = (self.begin(command).await, id) {
                self.port.emit(Event::Failed { id, error });
            }
        }
    }

    async fn begin(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Generate { id, request } => {
                let slot = self.session.admit(request)?;
                let summary = self.session.summary(slot).copied().unwrap_or_default();
                let Summary { prompt_tokens, reused_tokens, truncated_tokens, seed, .. } = summary;
                self.start(slot, id);
                self.port.emit(Event::Started {
                    id,
                    slot,
                    prompt_tokens,
                    reused_tokens,
                    truncated_tokens,
                    seed,
                });
            }
            Command::Embed { id, inputs, truncate } => {
                let slot = self.session.admit_embed(&inputs, truncate)?;
                self.start(slot, id);
            }
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
                self.session.logits(&ids, all, sink).await?;
                let n_rows = if all { ids.len() } else { 1 };
                self.port.emit(Event::Logits { id, n_rows, values });
            }
            Command::Score { id, ids, top } => {
                let slot = self.session.admit_score(ids, top)?;
                self.start(slot, id);
            }
            // These never wait.
            Command::Cancel { .. } | Command::Hold { .. } | Command::Unload => {}
        }
        Ok(())
    }

    fn start(&mut self, slot: usize, id: u64) {
        if let Some(running) = self.running.get_mut(slot) {
            *running = Some(id);
        }
    }

    /// Computes one round and tells what it brought.
    async fn round(&mut self) {
        if let Err(error) = self.session.round().await {
            self.fail_all(&error);
        }
        while let Some((slot, outcome)) = self.session.next_outcome() {
            let Some(id) = self.running.get(slot).copied().flatten() else { continue };
            match outcome {
                Ok(Step::Prefill { done, total }) => {
                    self.port.emit(Event::Progress { id, done, total });
                }
                Ok(Step::Piece) => {
                    let piece = self.session.piece(slot).cloned().unwrap_or_default();
                    let (text, ids, logprobs) = (piece.text, piece.ids, piece.logprobs);
                    self.port.emit(Event::Piece { id, text, ids, logprobs });
                }
                Ok(Step::Done) => self.finish(slot, id),
                Err(error) => {
                    self.free(slot);
                    self.port.emit(Event::Failed { id, error });
                }
            }
        }
    }

    fn finish(&mut self, slot: usize, id: u64) {
        let summary = self.session.summary(slot).copied();
        let scores = self.session.take_scores(slot);
        match (summary, scores, self.free(slot)) {
            (Some(summary), ..) => self.port.emit(Event::Done { id, summary }),
            (None, Some(scores), _) => self.port.emit(Event::Scored { id, scores }),
            (None, None, Some(embeddings)) if !embeddings.is_cancelled => {
                self.port.emit(Event::Embedded { id, embeddings });
            }
            _ => emit_cancelled(self.port, id),
        }
    }

    fn free(&mut self, slot: usize) -> Option<Embeddings> {
        if let Some(running) = self.running.get_mut(slot) {
            *running = None;
        }
        self.session.release(slot)
    }

    /// The device failed, and with it everything that runs.
    fn fail_all(&mut self, error: &PlayerError) {
        for slot in 0..self.running.len() {
            if let Some(id) = self.running.get(slot).copied().flatten() {
                self.free(slot);
                self.port.emit(Event::Failed { id, error: Error::Player(error.clone()) });
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

/// It reads something, for which a slot has to be free.
fn needs_slot(command: &Command) -> bool {
    use Command::{Embed, Generate, Logits, Score};
    matches!(command, Generate { .. } | Embed { .. } | Logits { .. } | Score { .. })
}

/// The id under which a command expects an answer.
fn answer_id(command: &Command) -> Option<u64> {
    match command {
        Command::Generate { id, .. }
        | Command::Embed { id, .. }
        | Command::Tokenize { id, .. }
        | Command::Detokenize { id, .. }
        | Command::Logits { id, .. }
        | Command::Score { id, .. } => Some(*id),
        Command::Cancel { .. } | Command::Hold { .. } | Command::Unload => None,
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
