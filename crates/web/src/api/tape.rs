//! Tapes of requests, kept by the page: a body that was begun by an engine that is gone is written
//! once more, the same to the byte, by the next one (see `hosting::runner::Tape`).
//!
//! Who draws a number or generates is called from deep inside of the router, which knows nothing
//! of tapes. But it works only while its future is polled, and every request has one of its own; so
//! the tape in use is whose request is being polled.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use ::api::host::{Event, Summary};
use engine::{FinishReason, TokenLogprobs};
use hosting::runner;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::host;
use crate::js::to_js;

/// A token with its log-probability, and those of others.
type Scored = (u32, f32, Vec<(u32, f32)>);

/// One thing on a tape, as the page keeps it.
#[derive(Clone, Serialize, Deserialize)]
enum Entry {
    /// Both halves of a number that was drawn.
    Drawn(u32, u32),
    /// Milliseconds since 1970.
    Now(f64),
    Started(usize, usize, usize),
    /// Text, ids, and log-probabilities: id, its own, and those of others.
    Piece(String, Vec<u32>, Vec<Scored>),
    Done(Ended),
}

#[derive(Clone, Serialize, Deserialize)]
struct Ended {
    reason: Option<String>,
    stop: Option<String>,
    counts: (usize, usize, usize),
    seconds: (f64, f64),
}

/// The tape of one request. Clones are the same one.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Tape(Rc<Reels>);

#[derive(Default)]
struct Reels {
    drawn: RefCell<VecDeque<u64>>,
    times: RefCell<VecDeque<f64>>,
    events: RefCell<VecDeque<Event>>,
    /// What was added since it was last taken.
    new: RefCell<Vec<Entry>>,
}

thread_local! {
    static IN_USE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
impl Tape {
    /// A tape with what an earlier engine wrote on it.
    #[wasm_bindgen(constructor)]
    pub fn new(entries: JsValue) -> Result<Tape, JsValue> {
        let entries: Vec<Entry> = serde_wasm_bindgen::from_value(entries)?;
        let reels = Reels::default();
        for entry in entries {
            match entry {
                Entry::Drawn(high, low) => {
                    reels.drawn.borrow_mut().push_back(u64::from(high) << 32 | u64::from(low));
                }
                Entry::Now(ms) => reels.times.borrow_mut().push_back(ms),
                entry => reels.events.borrow_mut().extend(event_of(entry)),
            }
        }
        Ok(Tape(Rc::new(reels)))
    }

    /// What was added since this was last called: a list of entries.
    pub fn take(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.0.new.take())?)
    }
}

impl Tape {
    /// Polls `work` with this tape in use.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let _guard = Guard(IN_USE.replace(Some(self.clone())));
            work.as_mut().poll(context)
        })
        .await
    }
}

/// Puts back what was in use before.
struct Guard(Option<Tape>);

impl Drop for Guard {
    fn drop(&mut self) {
        IN_USE.replace(self.0.take());
    }
}

/// The tape of the request that is being polled.
pub fn in_use() -> Option<Rc<dyn runner::Tape>> {
    let tape = IN_USE.with_borrow(Clone::clone)?;
    Some(Rc::new(tape))
}

/// A number that nobody can guess; of a request with a tape, the same again in another engine.
pub fn entropy() -> u64 {
    in_use().map_or_else(host::entropy, |tape| tape.entropy())
}

/// The time, milliseconds since 1970; as [`entropy`].
pub fn now_ms() -> f64 {
    let Some(Tape(reels)) = IN_USE.with_borrow(Clone::clone) else { return js_sys::Date::now() };
    let known = reels.times.borrow_mut().pop_front();
    known.unwrap_or_else(|| {
        let ms = js_sys::Date::now();
        reels.new.borrow_mut().push(Entry::Now(ms));
        ms
    })
}

impl runner::Tape for Tape {
    fn entropy(&self) -> u64 {
        let known = self.0.drawn.borrow_mut().pop_front();
        known.unwrap_or_else(|| {
            let drawn = host::entropy();
            self.0.new.borrow_mut().push(Entry::Drawn((drawn >> 32) as u32, drawn as u32));
            drawn
        })
    }

    fn past(&self) -> Vec<Event> {
        let mut events = self.0.events.borrow_mut();
        let end = events.iter().position(|event| matches!(event, Event::Done(_)));
        let n = end.map_or(events.len(), |end| end + 1);
        events.drain(..n).collect()
    }

    fn record(&self, event: &Event) {
        self.0.new.borrow_mut().extend(entry_of(event));
    }
}

fn entry_of(event: &Event) -> Option<Entry> {
    Some(match event {
        Event::Started { prompt_tokens, reused_tokens, truncated_tokens } => {
            Entry::Started(*prompt_tokens, *reused_tokens, *truncated_tokens)
        }
        // It leads to nothing in a body.
        Event::Progress { .. } => return None,
        Event::Piece { text, ids, logprobs } => {
            let known = |entry: &TokenLogprobs| (entry.id, entry.logprob, entry.top.clone());
            Entry::Piece(text.clone(), ids.clone(), logprobs.iter().map(known).collect())
        }
        Event::Done(done) => Entry::Done(Ended {
            reason: done.finish_reason.map(|reason| reason.name().to_owned()),
            stop: done.stop_text.clone(),
            counts: (done.prompt_tokens, done.generated_tokens, done.shifted_tokens),
            seconds: (done.prefill.as_secs_f64(), done.decode.as_secs_f64()),
        }),
    })
}

fn event_of(entry: Entry) -> Option<Event> {
    Some(match entry {
        Entry::Drawn(..) | Entry::Now(_) => return None,
        Entry::Started(prompt_tokens, reused_tokens, truncated_tokens) => {
            Event::Started { prompt_tokens, reused_tokens, truncated_tokens }
        }
        Entry::Piece(text, ids, logprobs) => {
            let known = |(id, logprob, top)| TokenLogprobs { id, logprob, top };
            Event::Piece { text, ids, logprobs: logprobs.into_iter().map(known).collect() }
        }
        Entry::Done(Ended { reason, stop, counts, seconds }) => {
            let span = |s| Duration::try_from_secs_f64(s).unwrap_or_default();
            Event::Done(Summary {
                finish_reason: reason.as_deref().and_then(reason_of),
                stop_text: stop,
                prompt_tokens: counts.0,
                generated_tokens: counts.1,
                shifted_tokens: counts.2,
                prefill: span(seconds.0),
                decode: span(seconds.1),
            })
        }
    })
}

fn reason_of(name: &str) -> Option<FinishReason> {
    use FinishReason::{Cancelled, Context, Length, Stop};
    [Stop, Length, Context, Cancelled].into_iter().find(|reason| reason.name() == name)
}
