//! The router's answers, pulled chunk by chunk: a reader that is slow holds its own answer back and
//! nobody else's.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use ::api::http::{Body, ChunkStream, Response};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::request::request;
use super::tape::Tape;
use crate::cancel::CancelFlag;
use crate::edge::{Inner, WasmEngine};
use crate::error::EdgeError;

/// One answer: its head, and its body as it is asked for.
#[wasm_bindgen]
pub struct ApiResponse {
    status: u16,
    headers: Vec<(String, String)>,
    /// Nothing after the end.
    body: Rc<RefCell<Option<ChunkStream>>>,
    cancel: CancelFlag,
    tape: Tape,
    inner: Rc<Inner>,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Answers `{ method, path, query, headers }`, where headers are pairs. `body` is nothing,
    /// bytes, or a function that gives promises of bytes. Resolves to an `ApiResponse`; setting
    /// `cancel` at any time ends the work behind it. With the `tape` of an earlier answer to this
    /// request it is the same answer, from its beginning.
    pub fn fetch(&self, head: JsValue, body: JsValue, cancel: &CancelFlag, tape: &Tape) -> Promise {
        let (inner, cancel, tape) = (Rc::clone(&self.0), cancel.clone(), tape.clone());
        future_to_promise(async move {
            let router = inner.page().router.clone();
            let answer = pin!(tape.clone().within(router.handle(request(head, body)?)));
            match select(answer, pin!(cancel.wait())).await {
                Either::Left((response, _)) => {
                    inner.check_device(&response)?;
                    let cancel = cancel.clone();
                    Ok(ApiResponse::new(response, cancel, tape, Rc::clone(&inner)).into())
                }
                Either::Right(_) => {
                    Err(EdgeError::new("aborted", "the request was cancelled").into())
                }
            }
        })
    }
}

impl Inner {
    /// A device that is gone is no answer to a client: the page gets another engine and asks it.
    fn check_device(&self, response: &Response) -> Result<(), EdgeError> {
        if response.status >= 500 { Ok(self.device.check()?) } else { Ok(()) }
    }
}

#[wasm_bindgen]
impl ApiResponse {
    /// HTTP's status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Pairs of names and values.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Array {
        let pair = |(name, value): &(String, String)| {
            Array::of2(&JsValue::from_str(name), &JsValue::from_str(value))
        };
        self.headers.iter().map(pair).collect()
    }

    /// Resolves to the next bytes, and to nothing at the end or after a cancel. Fails if the device
    /// is gone: what the router says of that is no part of an answer.
    #[wasm_bindgen]
    pub fn next(&self) -> Promise {
        let (body, cancel) = (Rc::clone(&self.body), self.cancel.clone());
        let (tape, inner) = (self.tape.clone(), Rc::clone(&self.inner));
        future_to_promise(async move {
            let Some(mut chunks) = body.borrow_mut().take() else {
                return Ok(JsValue::UNDEFINED);
            };
            let next = match select(pin!(tape.within(chunks.next())), pin!(cancel.wait())).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => None,
            };
            // The streams of responses never fail, and a cancelled one is dropped here.
            let Some(Ok(bytes)) = next else { return Ok(JsValue::UNDEFINED) };
            inner.device.check().map_err(EdgeError::from)?;
            body.replace(Some(chunks));
            Ok(Uint8Array::from(bytes.as_slice()).into())
        })
    }
}

impl ApiResponse {
    fn new(response: Response, cancel: CancelFlag, tape: Tape, inner: Rc<Inner>) -> ApiResponse {
        let headers = response.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = match response.body {
            Body::Bytes(bytes) if bytes.is_empty() => None,
            Body::Bytes(bytes) => Some(futures_util::stream::iter([Ok(bytes)]).boxed_local()),
            Body::Stream(chunks) => Some(chunks),
        };
        ApiResponse {
            status: response.status,
            headers: headers.collect(),
            body: Rc::new(RefCell::new(body)),
            cancel,
            tape,
            inner,
        }
    }
}
