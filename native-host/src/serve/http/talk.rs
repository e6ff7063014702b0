//! Whose words are on a connection: the handler's, or hyper's own.
//!
//! A head that hyper cannot read never becomes a request. hyper answers it itself, with a status
//! and no body, and there is no hook to change that. But what hyper writes while no answer is
//! under way can be nothing else, and whether one is under way is known here: it begins when the
//! service is called, and ends when its body was dropped and all bytes offered since were taken.

use std::cell::Cell;

/// Where the exchange of one connection stands; shared by its socket, service and bodies.
#[derive(Default)]
pub struct Talk {
    phase: Cell<Phase>,
    /// Requests so far.
    n_begun: Cell<u64>,
    /// Bytes of an answer wait for the client to read.
    has_backlog: Cell<bool>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// No request is known.
    #[default]
    Idle,
    /// A request is answered.
    Answering,
    /// The answer was made; its last bytes may not be written yet.
    Ending,
}

impl Talk {
    /// A request came.
    pub fn begin(&self) {
        self.phase.set(Phase::Answering);
        self.n_begun.set(self.n_begun.get() + 1);
    }

    /// How many requests came.
    pub fn n_begun(&self) -> u64 {
        self.n_begun.get()
    }

    /// The last of an answer was handed to hyper.
    pub fn end(&self) {
        self.phase.set(Phase::Ending);
    }

    /// No request is known: what is read belongs to the next head, what is written is hyper's.
    pub fn is_idle(&self) -> bool {
        self.phase.get() == Phase::Idle
    }

    /// The socket is asked for bytes. hyper does so only after it tried to write all it has.
    pub fn reading(&self) {
        if self.phase.get() == Phase::Ending && !self.has_backlog.get() {
            self.phase.set(Phase::Idle);
        }
    }

    /// Bytes of an answer were offered to the socket: all were taken, or not.
    pub fn wrote(&self, all: bool) {
        self.has_backlog.set(!all);
        if all && self.phase.get() == Phase::Ending {
            self.phase.set(Phase::Idle);
        }
    }
}
