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
use crate::session::Session;
use crate::snapshot::{Saved, Saving};
use crate::summary::{FinishReason, Summary};

mod messages;

pub use messages::{Command, Event, Port};
use messages::{answer_id, needs_slot};

/// Requests that may wait; more is a host that does not look at the answers. Ollama's default.
pub const MAX_QUEUED: usize = 512;

/// A session that is the host's for a while: what has it is over when this goes into [`serve`]
/// again.
#[derive(Debug)]
pub struct Loan {
    /// The [`Command::Lend`] that asked for it.
    pub id: u64,
    /// What was asked and has not begun, in order.
    waiting: VecDeque<Command>,
}

/// Serves `port` until it is unloaded or gone; gives the session back. Nothing is done with a
/// session that is lent: whoever lends it calls [`serve`].
pub async fn run(session: Session, port: &mut impl Port) -> Session {
    let (mut session, mut loan) = serve(session, None, port).await;
    while loan.is_some() {
        (session, loan) = serve(session, loan, port).await;
    }
    session
}

/// As [`run`], from the start or after a loan, and also ends where the session is lent.
pub async fn serve(
    session: Session,
    loan: Option<Loan>,
    port: &mut impl Port,
) -> (Session, Option<Loan>) {
    let running = vec![None; session.n_slots()];
    let waiting = loan.map_or_else(VecDeque::new, |loan| loan.waiting);
    let savings = VecDeque::new();
    let mut actor =
        Actor { session, port, running, waiting, savings, unloading: false, lent: None };
    loop {
        actor.admit().await;
        if let Some(id) = actor.lent {
            return (actor.session, Some(Loan { id, waiting: actor.waiting }));
        }
        if !actor.session.is_idle() || !actor.savings.is_empty() {
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
        actor.save().await;
        actor.round().await;
    }
    actor.refuse_waiting();
    actor.port.emit(Event::Unloaded);
    (actor.session, None)
}

struct Actor<'p, P: Port> {
    session: Session,
    port: &'p mut P,
    /// The id of what each slot does.
    running: Vec<Option<u64>>,
    /// What has not begun, in order.
    waiting: VecDeque<Command>,
    /// Snapshots that are being written, in order.
    savings: VecDeque<(u64, Saving)>,
    unloading: bool,
    /// The command for which the session is the host's now.
    lent: Option<u64>,
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
                self.leave_savings();
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
            None if self.savings.iter().any(|saving| saving.0 == id) => {
                self.savings.retain(|saving| saving.0 != id);
                emit_cancelled(self.port, id);
            }
            None => cancel_waiting(self.port, &mut self.waiting, id),
        }
    }

    /// Keeps a piece of the first snapshot.
    async fn save(&mut self) {
        let Some((id, saving)) = self.savings.front_mut() else { return };
        let id = *id;
        let event = match self.session.save_piece(saving).await {
            Ok(None) => return,
            Ok(Some(saved)) => Event::Saved { id, saved },
            Err(error) => Event::Failed { id, error: Error::Player(error) },
        };
        self.savings.pop_front();
        self.port.emit(event);
    }

    /// What is written so far is what is kept.
    fn leave_savings(&mut self) {
        while let Some((id, _)) = self.savings.pop_front() {
            self.port.emit(Event::Saved { id, saved: Saved::default() });
        }
    }

    /// Begins what waits, in order, until something has to wait for a slot.
    async fn admit(&mut self) {
        while !self.unloading && self.lent.is_none() {
            let n_free = self.session.n_free();
            let fits = |command: &Command| match command {
                Command::Lend { .. } => n_free == self.running.len() && self.savings.is_empty(),
                command => n_free > 0 || !needs_slot(command),
            };
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
            Command::Save { id, key } => match self.session.begin_save(&key) {
                Some(saving) => self.savings.push_back((id, saving)),
                None => self.port.emit(Event::Saved { id, saved: Saved::default() }),
            },
            Command::Lend { id } => {
                self.lent = Some(id);
                self.port.emit(Event::Lent { id });
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
