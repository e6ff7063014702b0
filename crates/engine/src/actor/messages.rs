//! What goes into the actor and what comes out: closed enums, and the host's two queues.

use crate::embed::Embeddings;
use crate::error::Error;
use crate::request::{Prompt, Request};
use crate::sample::TokenLogprobs;
use crate::snapshot::Saved;
use crate::summary::Summary;

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
    /// Answers with `Saved`: keeps what the slot that served the snapshot `key` last has in its
    /// cache, a piece at a time beside everything else. Nothing to keep is no error.
    Save { id: u64, key: String },
    /// Answers with `Lent`, when all that was asked before is answered: the actor then stops and
    /// gives its session to whoever runs it (see [`serve`](super::serve)), for what takes the
    /// whole model. What is asked meanwhile waits.
    Lend { id: u64 },
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
    /// What is in the snapshot now.
    Saved { id: u64, saved: Saved },
    /// The session is the host's until it serves again.
    Lent { id: u64 },
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

/// It reads something, for which a slot has to be free.
pub(super) fn needs_slot(command: &Command) -> bool {
    use Command::{Embed, Generate, Logits, Score};
    matches!(command, Generate { .. } | Embed { .. } | Logits { .. } | Score { .. })
}

/// The id under which a command expects an answer.
pub(super) fn answer_id(command: &Command) -> Option<u64> {
    match command {
        Command::Generate { id, .. }
        | Command::Embed { id, .. }
        | Command::Tokenize { id, .. }
        | Command::Detokenize { id, .. }
        | Command::Logits { id, .. }
        | Command::Score { id, .. }
        | Command::Save { id, .. }
        | Command::Lend { id } => Some(*id),
        Command::Cancel { .. } | Command::Hold { .. } | Command::Unload => None,
    }
}
