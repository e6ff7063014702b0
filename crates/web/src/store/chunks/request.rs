//! IndexedDB's events as futures.

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
pub async fn finished(transaction: &IdbTransaction) -> Result<(), JsValue> {
    let (tell, told) = oneshot::channel();
    let done = Closure::once(move |_: JsValue| _ = tell.send(()));
    let (tell_error, told_error) = oneshot::channel();
    let failed = Closure::once(move |_: JsValue| _ = tell_error.send(()));
    transaction.set_oncomplete(Some(done.as_ref().unchecked_ref()));
    transaction.set_onabort(Some(failed.as_ref().unchecked_ref()));
    let ended = futures_util::future::select(told, told_error).await;
    transaction.set_oncomplete(None);
    transaction.set_onabort(None);
    match ended {
        futures_util::future::Either::Left(_) => Ok(()),
        futures_util::future::Either::Right(_) => Err(match transaction.error() {
            Some(error) => error.into(),
            None => js_sys::Error::new("the browser took the change back").into(),
        }),
    }
}
