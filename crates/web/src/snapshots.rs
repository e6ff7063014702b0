//! Snapshots of conversations in files that the worker's script opens: a shelf for the engine.
//!
//! Opening a file of private storage takes a promise, and the engine reads and writes at once, so
//! the script opens a file before an answer or a saving and lends it here under its key for as long
//! as that lasts. A file has one such handle at a time in all tabs, so nobody else writes it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use engine::actor::{Command, Event};
use engine::snapshot::{Kept, Saved, Shelf};
use js_sys::{Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::error::EdgeError;
use crate::in_use::InUse;

#[wasm_bindgen]
extern "C" {
    /// `FileSystemSyncAccessHandle`, to read and to write.
    #[derive(Clone)]
    pub type SnapshotFile;

    #[wasm_bindgen(method, catch, js_name = getSize)]
    fn get_size(this: &SnapshotFile) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn read(this: &SnapshotFile, into: &Uint8Array, options: &Object) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn write(this: &SnapshotFile, from: &Uint8Array, options: &Object) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn truncate(this: &SnapshotFile, size: f64) -> Result<(), JsValue>;
}

/// The files that are lent. Clones are the same shelf.
#[derive(Clone, Default)]
pub struct PageShelf(Rc<RefCell<HashMap<String, SnapshotFile>>>);

/// Takes a file back when it goes.
pub struct Lent(PageShelf, String);

impl PageShelf {
    /// Lends `file` (nothing, if the script has none) under `key`.
    pub fn lend(&self, key: Option<&str>, file: JsValue) -> Option<Lent> {
        let key = key.filter(|_| file.is_object())?;
        self.0.borrow_mut().insert(key.to_owned(), file.unchecked_into());
        Some(Lent(self.clone(), key.to_owned()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.0.borrow_mut().remove(&self.1);
    }
}

impl Shelf for PageShelf {
    fn open(&mut self, key: &str) -> Option<Box<dyn Kept>> {
        let file = self.0.borrow().get(key).cloned()?;
        Some(Box::new(OpenFile(file)))
    }
}

/// A lent file. One that was closed meanwhile refuses everything, which is no snapshot.
struct OpenFile(SnapshotFile);

impl Kept for OpenFile {
    fn size(&self) -> u64 {
        self.0.get_size().unwrap_or(0.0) as u64
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> bool {
        let Some(options) = at_byte(at) else { return false };
        // SAFETY: the view is used for one synchronous read, during which nothing in this module
        // runs, so the memory cannot move under it; `into` outlives the call.
        let view = unsafe { Uint8Array::view_mut_raw(into.as_mut_ptr(), into.len()) };
        self.0.read(&view, &options).is_ok_and(|n| n as usize == into.len())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> bool {
        let Some(options) = at_byte(at) else { return false };
        // SAFETY: as above; the browser only reads it.
        let view = unsafe { Uint8Array::view(bytes) };
        self.0.write(&view, &options).is_ok_and(|n| n as usize == bytes.len())
    }

    fn cut(&mut self, size: u64) -> bool {
        self.0.truncate(size as f64).is_ok()
    }
}

/// A double holds every offset up to 2^53; `u64` would become a BigInt.
fn at_byte(at: u64) -> Option<Object> {
    let options = Object::new();
    let at = JsValue::from_f64(at as f64);
    Reflect::set(&options, &JsValue::from_str("at"), &at).is_ok().then_some(options)
}

/// What is kept, as the script sees it: tokens, bytes, and bytes that were written now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedOut {
    tokens: usize,
    bytes: u64,
    written: u64,
}

/// Has the engine keep what it has of the conversation `key`.
///
/// # Errors
/// The model was unloaded meanwhile, or the device failed.
pub async fn keep(model: &InUse, key: String) -> Result<SavedOut, EdgeError> {
    let mut asked = model.runner.line().ask(|id| Command::Save { id, key });
    match asked.next().await {
        Some(Event::Saved { saved: Saved { n_tokens, n_bytes, n_written }, .. }) => {
            Ok(SavedOut { tokens: n_tokens, bytes: n_bytes, written: n_written })
        }
        Some(Event::Failed { error, .. }) => Err(error.into()),
        _ => Err(EdgeError::no_model()),
    }
}
