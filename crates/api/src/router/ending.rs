//! The end of all answers that are under way, when a server's time is up.
//!
//! A connection that is simply closed leaves a client with half an answer and no word about it.

use std::cell::{Cell, RefCell};

use futures_channel::oneshot;

/// Tells running answers to end.
#[derive(Default)]
pub(crate) struct Ending {
    has_come: Cell<bool>,
    /// One for each answer that runs.
    running: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Ending {
    /// Ends when the answers have to.
    pub fn follow(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut running = self.running.borrow_mut();
        running.retain(|sender| !sender.is_canceled());
        // A sender that is dropped ends the waiting as well as one that sends.
        if !self.has_come.get() {
            running.push(sender);
        }
        receiver
    }

    /// Tells all, also those that come later.
    pub fn come(&self) {
        self.has_come.set(true);
        self.running.borrow_mut().clear();
    }
}
