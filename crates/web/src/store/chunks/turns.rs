//! One transaction after another.
//!
//! A database queues transactions by itself, but WebKit forgets to take those out of its queue that
//! wait for another one when their worker ends (2.52: a reload during three of them, one time in
//! ten): none that writes begins any more, in no page, until the browser ends. One that has begun
//! is taken back properly. So what would wait there waits here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::oneshot;

/// Who is next; empty while nobody is at it.
#[derive(Clone, Default)]
pub struct Turns(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    is_taken: bool,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A turn, until it is dropped.
pub struct Turn(Rc<RefCell<State>>);

impl Turns {
    /// A place in the row, from this call on and not from when it is waited for.
    pub fn next(&self) -> impl Future<Output = Turn> + use<> {
        let (tell, told) = oneshot::channel();
        self.0.borrow_mut().waiting.push_back(tell);
        give(&self.0);
        let state = self.0.clone();
        // The sender lies in what is held here, so it is never dropped unsent.
        async move { told.await.unwrap_or_else(|_| Turn(state)) }
    }
}

/// Gives the turn to the first who still waits.
fn give(state: &Rc<RefCell<State>>) {
    loop {
        let mut held = state.borrow_mut();
        if held.is_taken {
            return;
        }
        let Some(next) = held.waiting.pop_front() else { return };
        held.is_taken = true;
        drop(held);
        // One that nobody waits for comes back here and is dropped: then it is the next one's.
        let _ = next.send(Turn(state.clone()));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.borrow_mut().is_taken = false;
        give(&self.0);
    }
}
