//! The page's `fetch` as the store wants it.
//!
//! A browser decides more than a client library does: it follows redirects, takes credentials off
//! where they would leak, resolves names and refuses mixed content. What is left to do here is to
//! ask plainly. To another origin only headers go that cause no extra question to its server (a
//! range and what is accepted), because many file hosts do not answer that question; and nothing
//! passes through the HTTP cache, which would keep a second copy and let requests for one file
//! wait for each other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{IteratorNext, Uint8Array};
use store::{Body, Fetch, FetchError, Request, Response};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader, RequestInit};

use super::scope::{scope, words_of};

/// Requests that are remembered, for people to look at.
const MAX_REQUESTS: usize = 100;

/// Headers of a reply that the store reads.
const REPLY_HEADERS: [&str; 9] = [
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "location",
    "retry-after",
    "www-authenticate",
];

/// Headers that go to other origins: plain ones, and a token where a person gave one.
const PLAIN_HEADERS: [&str; 3] = ["accept", "authorization", "range"];

/// Headers that a page may not set.
const FORBIDDEN_HEADERS: [&str; 2] = ["accept-encoding", "user-agent"];

/// A request that was made: when (milliseconds since 1970), to whom, and how many bytes came.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Made {
    at: f64,
    host: String,
    bytes: u64,
}

type Log = Rc<RefCell<VecDeque<Rc<RefCell<Made>>>>>;

/// The network.
#[derive(Clone, Default)]
pub struct PageFetch {
    log: Log,
}

impl PageFetch {
    /// The last requests, newest last.
    pub fn made(&self) -> Vec<Made> {
        self.log.borrow().iter().map(|made| made.borrow().clone()).collect()
    }

    fn note(&self, request: &Request) -> Rc<RefCell<Made>> {
        let host = match (request.url.host_str(), request.url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let made = Rc::new(RefCell::new(Made { at: js_sys::Date::now(), host, bytes: 0 }));
        let mut log = self.log.borrow_mut();
        log.push_back(made.clone());
        if log.len() > MAX_REQUESTS {
            log.pop_front();
        }
        made
    }
}

/// Ends a request when it is dropped.
struct Stop(AbortController);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of a reply.
pub struct PageBody {
    reader: Option<ReadableStreamDefaultReader>,
    made: Rc<RefCell<Made>>,
    _stop: Stop,
}

impl Fetch for PageFetch {
    type Body = PageBody;

    async fn fetch(&self, request: Request) -> Result<Response<PageBody>, FetchError> {
        let failed = |error: JsValue| FetchError::Connection(words_of(&error));
        let made = self.note(&request);
        let stop = Stop(AbortController::new().map_err(failed)?);
        let init = init(&request, &stop).map_err(failed)?;
        let asked = scope().fetch_with_str_and_init(request.url.as_str(), &init);
        let reply = JsFuture::from(asked).await.map_err(failed)?;
        let reply: web_sys::Response = reply.unchecked_into();
        let mut headers = store::Headers::default();
        for name in REPLY_HEADERS {
            if let Ok(Some(value)) = reply.headers().get(name) {
                headers.push(name, value);
            }
        }
        let reader = reply.body().map(|body| body.get_reader().unchecked_into());
        let body = PageBody { reader, made, _stop: stop };
        Ok(Response { status: reply.status(), headers, body })
    }
}

fn init(request: &Request, stop: &Stop) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(request.method.name());
    init.set_signal(Some(&stop.0.signal()));
    init.set_credentials(web_sys::RequestCredentials::Omit);
    init.set_cache(web_sys::RequestCache::NoStore);
    init.set_redirect(web_sys::RequestRedirect::Follow);
    init.set_referrer_policy(web_sys::ReferrerPolicy::NoReferrer);
    if !request.body.is_empty() {
        // A copy: the module's memory may be shared, which a request cannot send from.
        init.set_body(&Uint8Array::new_from_slice(&request.body).into());
    }
    let is_ours = request.url.origin().ascii_serialization() == scope().location().origin();
    let headers = web_sys::Headers::new()?;
    for (name, value) in &request.headers.0 {
        let name = name.to_ascii_lowercase();
        let is_plain = PLAIN_HEADERS.contains(&name.as_str());
        if is_plain || is_ours && !FORBIDDEN_HEADERS.contains(&name.as_str()) {
            headers.set(&name, value)?;
        }
    }
    init.set_headers_headers(&headers);
    Ok(init)
}

impl Body for PageBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        let reader = self.reader.as_ref()?;
        let failed = |error: JsValue| FetchError::Connection(words_of(&error));
        let read = match JsFuture::from(reader.read()).await.map_err(failed) {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let read: IteratorNext = read.unchecked_into();
        if read.done() {
            self.reader = None;
            return None;
        }
        let bytes = read.value().unchecked_into::<Uint8Array>().to_vec();
        self.made.borrow_mut().bytes += bytes.len() as u64;
        Some(Ok(bytes))
    }
}
