//! Web Locks: they hold between all tabs and workers of a page's origin, and end with their worker
//! however it ends.

use std::cell::Cell;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::scope::scope;

#[wasm_bindgen]
extern "C" {
    /// `LockManager`, which `web-sys` has only among its unstable parts.
    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &Object, then: &JsValue) -> Promise;
}

/// A held lock.
pub struct PageLock {
    release: Function,
}

impl Drop for PageLock {
    fn drop(&mut self) {
        // It resolves a promise; nothing can go wrong.
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// Takes the lock of this name if nobody has it, in this worker or elsewhere.
pub async fn try_lock(name: &str) -> Result<Option<PageLock>, JsValue> {
    let navigator = scope().navigator();
    let locks = Reflect::get(&navigator, &"locks".into())?;
    if !locks.is_object() {
        return Err(js_sys::Error::new("this browser has no locks between tabs").into());
    }
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into())?;
    let (tell, told) = oneshot::channel();
    let answer = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if lock.is_null() {
            let _ = tell.send(None);
            return JsValue::UNDEFINED;
        }
        let release = Cell::new(None);
        let held = Promise::new(&mut |resolve, _| release.set(Some(resolve)));
        let lock = release.take().map(|release| PageLock { release });
        // If nobody waits any more, the message is dropped, and the lock with it.
        let _ = tell.send(lock);
        held.into()
    });
    let (failed, failure) = oneshot::channel();
    let ended = locks.unchecked_into::<LockManager>().request(name, &options, &answer);
    spawn_local(async move {
        if let Err(error) = JsFuture::from(ended).await {
            let _ = failed.send(error);
        }
    });
    match select(told, failure).await {
        Either::Left((told, _)) => Ok(told.ok().flatten()),
        Either::Right((Ok(error), _)) => Err(error),
        // It ended without an error: it was told before.
        Either::Right((Err(_), told)) => Ok(told.await.ok().flatten()),
    }
}
