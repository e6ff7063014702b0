//! Between the router and an engine: commands one way, events the other. The two may live on one
//! thread, as in a page's worker, or on two.
//!
//! The engine waits for commands and never for readers. Every question has a mailbox of
//! its own; where nobody empties it, the engine is told to hold that answer and goes on with the
//! others, until there is room again. So a client that does not read costs a few hundred events
//! and delays nobody. Dropping the reader's end cancels.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use engine::actor::{Command, Event, Port};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::{FutureExt, StreamExt};

/// Events in a mailbox at which its answer is held. One has up to 64 tokens, and more may come of
/// the round that is being computed.
pub const HOLD_AT: usize = 256;
/// Events at which it goes on.
pub const GO_AT: usize = 64;

/// Events of one question.
#[derive(Default)]
struct Mailbox {
    events: VecDeque<Event>,
    waker: Option<Waker>,
    is_held: bool,
}

/// All mailboxes of an engine, by question.
#[derive(Default)]
struct Boxes {
    open: HashMap<u64, Mailbox>,
    /// The engine is gone: nothing comes any more.
    is_closed: bool,
}

#[derive(Clone, Default)]
struct Post(Arc<Mutex<Boxes>>);

impl Post {
    fn lock(&self) -> MutexGuard<'_, Boxes> {
        // What is inside is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both ends of a new line to an engine.
pub fn line() -> (Line, EnginePort) {
    let (commands, inbox) = unbounded();
    let post = Post::default();
    let port = EnginePort { inbox, own: VecDeque::new(), post: post.clone() };
    (Line { commands, post, next_id: Cell::new(0) }, port)
}

/// The router's end. When it goes, the engine unloads.
pub struct Line {
    commands: UnboundedSender<Command>,
    post: Post,
    next_id: Cell<u64>,
}

impl Line {
    /// Asks for something; events come in what is given back.
    pub fn ask(&self, command: impl FnOnce(u64) -> Command) -> Asked {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.post.lock().open.insert(id, Mailbox::default());
        // An engine that is gone closed its mailboxes, which the reader will see.
        let _ = self.commands.unbounded_send(command(id));
        Asked { id, post: self.post.clone(), commands: self.commands.clone(), is_over: false }
    }

    /// Has the engine end.
    pub fn unload(&self) {
        let _ = self.commands.unbounded_send(Command::Unload);
    }
}

/// A question that was asked. Dropping it cancels what it asked for.
pub struct Asked {
    id: u64,
    post: Post,
    commands: UnboundedSender<Command>,
    is_over: bool,
}

impl Asked {
    /// The next event; `None` when the engine is gone, or after the last one.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut boxes = self.post.lock();
        let is_closed = boxes.is_closed;
        let Some(mailbox) = boxes.open.get_mut(&self.id) else {
            return Poll::Ready(None);
        };
        let event = mailbox.events.pop_front();
        if event.is_none() && !is_closed {
            mailbox.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if mailbox.is_held && mailbox.events.len() <= GO_AT {
            mailbox.is_held = false;
            let _ = self.commands.unbounded_send(Command::Hold { id: self.id, on: false });
        }
        self.is_over = event.as_ref().is_none_or(is_last);
        Poll::Ready(event)
    }

    /// Ends it; what was held back and the end still come.
    pub fn cancel(&self) {
        let _ = self.commands.unbounded_send(Command::Cancel { id: self.id });
    }

    /// As [`Asked::poll_next`].
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.post.lock().open.remove(&self.id);
        if !self.is_over {
            let _ = self.commands.unbounded_send(Command::Cancel { id: self.id });
        }
    }
}

/// The engine's end.
pub struct EnginePort {
    inbox: UnboundedReceiver<Command>,
    /// What mailboxes have to say to the engine.
    own: VecDeque<Command>,
    post: Post,
}

impl Port for EnginePort {
    async fn next(&mut self) -> Option<Command> {
        match self.own.pop_front() {
            Some(command) => Some(command),
            None => self.inbox.next().await,
        }
    }

    fn try_next(&mut self) -> Option<Command> {
        self.own.pop_front().or_else(|| self.inbox.next().now_or_never().flatten())
    }

    fn emit(&mut self, event: Event) {
        let Some(id) = id_of(&event) else { return };
        let mut boxes = self.post.lock();
        // Without a mailbox nobody reads any more.
        let Some(mailbox) = boxes.open.get_mut(&id) else { return };
        mailbox.events.push_back(event);
        if mailbox.events.len() >= HOLD_AT && !mailbox.is_held {
            mailbox.is_held = true;
            self.own.push_back(Command::Hold { id, on: true });
        }
        let waker = mailbox.waker.take();
        drop(boxes);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for EnginePort {
    /// Also when the engine's thread panics: nobody shall wait for ever.
    fn drop(&mut self) {
        let mut boxes = self.post.lock();
        boxes.is_closed = true;
        let wakers: Vec<Waker> =
            boxes.open.values_mut().filter_map(|mailbox| mailbox.waker.take()).collect();
        drop(boxes);
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn id_of(event: &Event) -> Option<u64> {
    match event {
        Event::Started { id, .. }
        | Event::Progress { id, .. }
        | Event::Piece { id, .. }
        | Event::Done { id, .. }
        | Event::Tokens { id, .. }
        | Event::Text { id, .. }
        | Event::Embedded { id, .. }
        | Event::Logits { id, .. }
        | Event::Scored { id, .. }
        | Event::Saved { id, .. }
        | Event::Lent { id }
        | Event::Failed { id, .. } => Some(*id),
        Event::Unloaded => None,
    }
}

fn is_last(event: &Event) -> bool {
    !matches!(event, Event::Started { .. } | Event::Progress { .. } | Event::Piece { .. })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn piece(id: u64) -> Event {
        Event::Piece { id, text: String::new(), ids: vec![1], logprobs: Vec::new() }
    }

    #[test]
    fn a_full_mailbox_holds_its_answer_and_an_emptier_one_lets_it_go_on() {
        let (line, mut port) = line();
        let mut slow = line.ask(|id| Command::Cancel { id });
        let _other = line.ask(|id| Command::Cancel { id });
        assert!(port.try_next().is_some() && port.try_next().is_some());
        for _ in 0..HOLD_AT - 1 {
            port.emit(piece(0));
        }
        port.emit(piece(1));
        assert!(port.try_next().is_none(), "there is room for one more");
        port.emit(piece(0));
        assert!(matches!(port.try_next(), Some(Command::Hold { id: 0, on: true })));
        let mut cx = Context::from_waker(Waker::noop());
        for left in (GO_AT..HOLD_AT).rev() {
            assert!(port.try_next().is_none(), "{left} are left");
            assert!(slow.poll_next(&mut cx).is_ready());
        }
        assert!(matches!(port.try_next(), Some(Command::Hold { id: 0, on: false })));
    }

    #[test]
    fn a_reader_that_goes_cancels_and_an_engine_that_goes_ends_the_waiting() {
        let (line, mut port) = line();
        let mut cx = Context::from_waker(Waker::noop());
        let gone = line.ask(|id| Command::Detokenize { id, ids: Vec::new() });
        drop(gone);
        assert!(matches!(port.try_next(), Some(Command::Detokenize { id: 0, .. })));
        assert!(matches!(port.try_next(), Some(Command::Cancel { id: 0 })));
        port.emit(piece(0));
        let mut done = line.ask(|id| Command::Detokenize { id, ids: Vec::new() });
        port.emit(Event::Text { id: 1, text: "x".into() });
        assert!(matches!(done.poll_next(&mut cx), Poll::Ready(Some(Event::Text { .. }))));
        drop(done);
        assert!(matches!(port.try_next(), Some(Command::Detokenize { id: 1, .. })));
        assert!(port.try_next().is_none(), "what is over is not cancelled");
        let mut waiting = line.ask(|id| Command::Detokenize { id, ids: Vec::new() });
        assert!(waiting.poll_next(&mut cx).is_pending());
        drop(port);
        assert!(matches!(waiting.poll_next(&mut cx), Poll::Ready(None)));
        let mut late = line.ask(|id| Command::Detokenize { id, ids: Vec::new() });
        assert!(matches!(late.poll_next(&mut cx), Poll::Ready(None)));
    }
}
