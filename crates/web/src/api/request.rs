//! `{ method, path, query, headers }` and a body, as the router takes them.

use ::api::http::{Body, BodyError, Headers, Method, Request};
use futures_util::StreamExt;
use futures_util::stream;
use js_sys::{Function, Promise, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::error::EdgeError;

#[derive(Deserialize)]
struct Head {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

/// The request; `body` is nothing, bytes, or a function that gives a promise of the next bytes and
/// of nothing at the end.
pub fn request(head: JsValue, body: JsValue) -> Result<Request, EdgeError> {
    let Head { method, path, query, headers } = serde_wasm_bindgen::from_value(head)?;
    let (method, headers) = (Method::parse(&method), Headers::of(headers));
    Ok(Request { method, path, query, headers, body: to_body(body) })
}

fn to_body(body: JsValue) -> Body {
    if let Some(bytes) = body.dyn_ref::<Uint8Array>() {
        return Body::Bytes(bytes.to_vec());
    }
    match body.dyn_into::<Function>() {
        Err(_) => Body::empty(),
        Ok(next) => Body::Stream(stream::unfold(next, chunk).boxed_local()),
    }
}

async fn chunk(next: Function) -> Option<(Result<Vec<u8>, BodyError>, Function)> {
    match pull(&next).await {
        Ok(value) => {
            let bytes = value.dyn_into::<Uint8Array>().ok()?.to_vec();
            Some((Ok(bytes), next))
        }
        Err(error) => {
            let reason = error.dyn_ref::<js_sys::Error>().map(|error| error.message().into());
            let reason: String = reason.unwrap_or_else(|| "the page stopped sending".to_owned());
            Some((Err(BodyError::Broken(reason)), next))
        }
    }
}

async fn pull(next: &Function) -> Result<JsValue, JsValue> {
    let promise = next.call0(&JsValue::UNDEFINED)?;
    JsFuture::from(promise.dyn_into::<Promise>()?).await
}
