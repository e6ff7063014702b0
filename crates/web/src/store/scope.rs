//! What a worker's global object gives: storage, location, and failures in words.

use store::{IoError, IoKind, StorePath};
use wasm_bindgen::prelude::*;
use web_sys::{DomException, StorageManager, WorkerGlobalScope};

/// The global object of the worker this runs in.
pub fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The browser's storage; `None` where it has none, or closes it to this page.
pub fn storage() -> Option<StorageManager> {
    let storage: JsValue = scope().navigator().storage().into();
    storage.is_object().then(|| storage.unchecked_into())
}

/// The name of what was thrown: "QuotaExceededError"; empty for what has none.
pub fn name_of(error: &JsValue) -> String {
    match error.dyn_ref::<DomException>() {
        Some(error) => error.name(),
        None => error.dyn_ref::<js_sys::Error>().map_or(String::new(), |e| String::from(e.name())),
    }
}

/// What was thrown, in the browser's words.
pub fn words_of(error: &JsValue) -> String {
    let message = match error.dyn_ref::<DomException>() {
        Some(error) => Some(error.message()),
        None => error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message())),
    };
    match message.filter(|message| !message.is_empty()) {
        Some(message) => message,
        None => format!("the browser refused it ({})", name_of(error)),
    }
}

/// A failed operation on a file.
pub fn io_error(what: &'static str, path: &StorePath, error: &JsValue) -> IoError {
    let kind = match name_of(error).as_str() {
        "NotFoundError" => IoKind::NotFound,
        "QuotaExceededError" => IoKind::Full,
        // Somebody has the file open, or had it open when its page was reloaded a moment ago.
        "NoModificationAllowedError" | "NotAllowedError" | "SecurityError" => IoKind::Denied,
        _ => IoKind::Other,
    };
    IoError::new(what, path, kind, &words_of(error))
}
