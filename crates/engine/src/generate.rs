//! One generation, step by step.
//!
//! A step is the smallest thing worth waiting for: one chunk of the prompt, or one token (or the
//! few a device chose in one go). Between steps the caller may look at what came, show it, and
//! cancel; so cancelling needs no flag that is shared between threads, and the same code serves a
//! terminal, a worker and a test. Steps and not a callback: the caller's loop stays the caller's.
//!
//! It is a view of one slot of the session's rounds (see `rounds`), for callers with one
//! conversation at a time. It holds the session, so whatever else is asked of that later says that
//! the generation is gone, and its slot is taken back then; a destructor would forbid callers to
//! ask as soon as they are done with it.

use crate::answer::{Piece, Step};
use crate::error::Error;
use crate::session::Session;
use crate::summary::Summary;

static NO_PIECE: Piece = Piece { text: String::new(), ids: Vec::new(), logprobs: Vec::new() };

/// A running generation; see the module's header.
pub struct Generation<'s> {
    session: &'s mut Session,
    slot: usize,
    /// Numbers so far.
    summary: Summary,
}

impl<'s> Generation<'s> {
    pub(crate) fn new(session: &'s mut Session, slot: usize) -> Generation<'s> {
        let summary = session.summary(slot).copied().unwrap_or_default();
        Generation { session, slot, summary }
    }

    /// What the last step brought.
    pub fn piece(&self) -> &Piece {
        self.session.piece(self.slot).unwrap_or(&NO_PIECE)
    }

    /// Numbers so far; complete after [`Step::Done`].
    pub fn summary(&self) -> &Summary {
        self.session.summary(self.slot).unwrap_or(&self.summary)
    }

    /// Ends the generation: the next steps bring text that was held back, then the end.
    pub fn cancel(&mut self) {
        self.session.cancel(self.slot);
    }

    /// Lets the host's event loop run, where it has one; call it between steps.
    pub async fn yield_now(&self) {
        self.session.env.yield_now().await;
    }

    /// Computes until there is something to report.
    ///
    /// # Errors
    /// [`Error::NotFinite`] and whatever the player reports. The session stays usable unless the
    /// device is gone.
    pub async fn step(&mut self) -> Result<Step, Error> {
        loop {
            self.session.compute_round().await?;
            while let Some((slot, outcome)) = self.session.next_outcome() {
                if slot == self.slot {
                    return outcome;
                }
            }
        }
    }
}
