//! Progress as the package has it: `{ phase, name, loaded, total, retry? }`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gguf::{ByteSource, SourceError};
use js_sys::Function;
use serde::Serialize;
use store::{Progress, Retry};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::js::{performance_now, sleep_ms, to_js};

/// Between two reports, milliseconds: more would be too many on a fast disk.
const TELL_MS: f64 = 50.0;

#[derive(Serialize)]
struct Told<'a> {
    phase: &'static str,
    name: &'a str,
    loaded: f64,
    total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<ToldRetry>,
}

/// `Retry` of the package.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldRetry {
    attempt: u32,
    of: u32,
    wait_ms: f64,
    busy: bool,
}

/// Tells a page's listener how far something is; bytes only grow.
pub struct Teller(Rc<State>);

struct State {
    listener: Function,
    phase: &'static str,
    name: String,
    parts: RefCell<BTreeMap<String, (u64, Option<u64>)>>,
    last: Cell<(f64, u64)>,
    /// What was told last is a wait.
    waits: Cell<bool>,
    /// A report was left out, and is made up for.
    is_owed: Cell<bool>,
}

impl Teller {
    pub fn new(listener: Function, phase: &'static str, name: &str) -> Teller {
        Teller(Rc::new(State {
            listener,
            phase,
            name: name.to_owned(),
            parts: RefCell::default(),
            last: Cell::new((f64::MIN, 0)),
            waits: Cell::new(false),
            is_owed: Cell::new(false),
        }))
    }

    /// A line of the store's.
    pub fn line(&self, line: Progress) {
        if let Some(done) = line.completed {
            self.set(&line.status, done, line.total);
        }
        if line.completed.is_some() || line.retry.is_some() {
            self.tell(line.retry);
        }
    }

    /// One of the things that are summed up is that far.
    pub fn part(&self, key: &str, done: u64, total: Option<u64>) {
        self.set(key, done, total);
        self.tell(None);
    }

    fn set(&self, key: &str, done: u64, total: Option<u64>) {
        self.0.parts.borrow_mut().insert(key.to_owned(), (done, total));
    }

    fn tell(&self, retry: Option<Retry>) {
        if self.0.tell(retry) || self.0.is_owed.replace(true) {
            return;
        }
        // Nothing may come after it for a long time. Whoever is done by then owes nothing.
        let state = Rc::downgrade(&self.0);
        spawn_local(async move {
            sleep_ms(TELL_MS).await;
            let Some(state) = state.upgrade() else { return };
            state.is_owed.set(false);
            // A wait was told with all that had come.
            if !state.waits.get() {
                state.tell(None);
            }
        });
    }
}

impl State {
    /// Says where it is; the beginning and the end of a wait always. False: it has just done so,
    /// and now left this out.
    fn tell(&self, retry: Option<Retry>) -> bool {
        let parts = self.parts.borrow();
        let loaded: u64 = parts.values().map(|(done, _)| done).sum();
        let total: Option<u64> = parts.values().map(|(_, total)| *total).sum();
        // Before the first part nobody knows.
        let total = total.filter(|_| !parts.is_empty());
        let (last_ms, before) = self.last.get();
        let is_news = total == Some(loaded) || retry.is_some() || self.waits.get();
        if loaded < before {
            return true;
        }
        if !is_news && performance_now() - last_ms < TELL_MS {
            return false;
        }
        self.last.set((performance_now(), loaded));
        self.waits.set(retry.is_some());
        let (phase, name, loaded) = (self.phase, self.name.as_str(), loaded as f64);
        let retry = retry.map(|Retry { attempt, of, wait_ms, is_busy }| ToldRetry {
            attempt,
            of,
            wait_ms: wait_ms as f64,
            busy: is_busy,
        });
        let told = Told { phase, name, loaded, total: total.map(|total| total as f64), retry };
        if let Ok(told) = to_js(&told) {
            // What the listener throws is its own affair.
            let _ = self.listener.call1(&JsValue::UNDEFINED, &told);
        }
        true
    }
}

/// A source that tells how far it was read.
pub struct Watched<'a, S> {
    pub source: S,
    pub name: String,
    pub teller: &'a Teller,
}

impl<S: ByteSource> ByteSource for Watched<'_, S> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_at(offset, buf)?;
        self.teller.part(&self.name, offset + buf.len() as u64, Some(self.len()));
        Ok(())
    }
}
