//! IndexedDB's events as futures.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use wasm_bindgen::prelude::*;
use web_sys::{IdbRequest, IdbTransaction};

/// The result of a request.
pub async fn result(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let (tell, told) = oneshot::channel();
    let done = Closure::once(move |_: JsValue| _ = tell.send(()));
    let (tell_error, told_error) = oneshot::channel();
    let failed = Closure::once(move |event: web_sys::Event| {
        // Handled here: it must not end the worker as an error nobody saw.
        event.prevent_default();
        let _ = tell_error.send(());
    });
    request.set_onsuccess(Some(done.as_ref().unchecked_ref()));
    request.set_onerror(Some(failed.as_ref().unchecked_ref()));
    let _ = futures_util::future::select(told, told_error).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    match request.error()? {
        Some(error) => Err(error.into()),
        None => request.result(),
    }
}

/// The end of a transaction: everything in it is kept, or nothing.
pub struct Ending<'a> {
    transaction: &'a IdbTransaction,
    told: oneshot::Receiver<bool>,
    _handlers: [Closure<dyn FnMut()>; 2],
}

impl Ending<'_> {
    /// Listens from now on: an end that comes earlier than the wait for it is not missed.
    pub fn of(transaction: &IdbTransaction) -> Ending<'_> {
        let (tell, told) = oneshot::channel();
        let tell = Rc::new(Cell::new(Some(tell)));
        let handler = |is_kept: bool| {
            let tell = tell.clone();
            Closure::new(move || _ = tell.take().map(|tell| tell.send(is_kept)))
        };
        let handlers: [Closure<dyn FnMut()>; 2] = [handler(true), handler(false)];
        transaction.set_oncomplete(Some(handlers[0].as_ref().unchecked_ref()));
        transaction.set_onabort(Some(handlers[1].as_ref().unchecked_ref()));
        Ending { transaction, told, _handlers: handlers }
    }

    /// Waits for it.
    pub async fn wait(mut self) -> Result<(), JsValue> {
        if let Ok(true) = (&mut self.told).await {
            return Ok(());
        }
        Err(match self.transaction.error() {
            Some(error) => error.into(),
            None => js_sys::Error::new("the browser took the change back").into(),
        })
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.transaction.set_oncomplete(None);
        self.transaction.set_onabort(None);
    }
}
