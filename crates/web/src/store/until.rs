//! Work that a page may call off.

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use std::pin::pin;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::failure::cancelled;
use crate::error::EdgeError;

/// Runs `work` until the signal is aborted; it is then dropped where it stands, which ends its
/// requests, and the store keeps what is safe to keep.
pub async fn unless_aborted<T>(
    signal: &AbortSignal,
    work: impl Future<Output = Result<T, EdgeError>>,
) -> Result<T, EdgeError> {
    if signal.aborted() {
        return Err(cancelled());
    }
    let (tell, told) = oneshot::channel::<()>();
    let listener = Closure::once(move |_: JsValue| _ = tell.send(()));
    signal.set_onabort(Some(listener.as_ref().unchecked_ref()));
    let mut work = pin!(work);
    let ended = select(work.as_mut(), told).await;
    signal.set_onabort(None);
    match ended {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(cancelled()),
    }
}
