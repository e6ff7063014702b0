//! Progress as the package has it: `{ phase, name, loaded, total }`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use gguf::{ByteSource, SourceError};
use js_sys::Function;
use serde::Serialize;
use store::Progress;
use wasm_bindgen::JsValue;

use crate::js::{performance_now, to_js};

/// Between two reports, milliseconds: more would be too many on a fast disk.
const TELL_MS: f64 = 50.0;

#[derive(Serialize)]
struct Told<'a> {
    phase: &'static str,
    name: &'a str,
    loaded: f64,
    total: Option<f64>,
}

/// Tells a page's listener how far something is; bytes only grow.
pub struct Teller {
    listener: Function,
    phase: &'static str,
    name: String,
    parts: RefCell<BTreeMap<String, (u64, Option<u64>)>>,
    last: Cell<(f64, u64)>,
}

impl Teller {
    pub fn new(listener: Function, phase: &'static str, name: &str) -> Teller {
        let (parts, last) = (RefCell::default(), Cell::new((f64::MIN, 0)));
        Teller { listener, phase, name: name.to_owned(), parts, last }
    }

    /// A line of the store's.
    pub fn line(&self, line: Progress) {
        if let Some(done) = line.completed {
            self.part(&line.status, done, line.total);
        }
    }

    /// One of the things that are summed up is that far.
    pub fn part(&self, key: &str, done: u64, total: Option<u64>) {
        self.parts.borrow_mut().insert(key.to_owned(), (done, total));
        let parts = self.parts.borrow();
        let loaded: u64 = parts.values().map(|(done, _)| done).sum();
        let total: Option<u64> = parts.values().map(|(_, total)| *total).sum();
        let (last_ms, before) = self.last.get();
        let is_end = total == Some(loaded);
        if loaded < before || !is_end && performance_now() - last_ms < TELL_MS {
            return;
        }
        self.last.set((performance_now(), loaded));
        let (phase, name, loaded) = (self.phase, self.name.as_str(), loaded as f64);
        let told = Told { phase, name, loaded, total: total.map(|total| total as f64) };
        if let Ok(told) = to_js(&told) {
            // What the listener throws is its own affair.
            let _ = self.listener.call1(&JsValue::UNDEFINED, &told);
        }
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
