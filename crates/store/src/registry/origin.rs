//! One origin: requests with credentials, challenges, redirects.
//!
//! Credentials stand in a request only if it goes to the scheme, host and port a person named.
//! Every status is handed back; what it means is for the caller to say.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use url::Url;

use super::Access;
use super::auth::Credentials;
use super::guard::{self, Guard};
use crate::clock::{Clock, within};
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method, Request, Response};
use crate::limits::{REDIRECTS, REPLY_BYTES, REPLY_MS, RETRY_AFTER_MAX_MS, TRIES};
use crate::waits::{Wait, Waits};

/// What a person named: a registry, or the server of a file.
pub(crate) struct Origin<F, C> {
    pub fetch: Rc<F>,
    pub clock: C,
    pub access: Access,
    pub base: Url,
    guard: Guard,
    /// Whether a busy server is waited for.
    pub waits: Waits,
    /// The `Authorization` of the last token we got.
    token: RefCell<Option<String>>,
}

impl<F: Fetch, C: Clock> Origin<F, C> {
    pub(crate) fn new(fetch: Rc<F>, clock: C, base: Url, access: Access) -> Self {
        let guard = Guard::new(&base, access.insecure, access.allow_private);
        let (waits, token) = (Waits::default(), RefCell::new(None));
        Origin { fetch, clock, access, base, guard, waits, token }
    }

    /// The host as people see it.
    pub(crate) fn host(&self) -> String {
        guard::host_of(&self.base)
    }

    /// An address that a reply names.
    pub(crate) fn join(&self, base: &Url, location: &str) -> Result<Url, Error> {
        self.guard.join(base, location)
    }

    /// Sends a request as [`Origin::try_send`] does, and again when a registry that is busy says
    /// when. For requests that nobody else repeats.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Response<F::Body>, Error> {
        for attempt in 2..=TRIES {
            let sent = self.try_send(method, url, headers, body).await;
            let asked = match &sent {
                Ok(response) => again_ms(&self.clock, response),
                // Who gives tokens may be busy too.
                Err(Error::Status { again_ms, .. }) => *again_ms,
                Err(_) => None,
            };
            let Some(wait) = asked.filter(|ms| *ms <= RETRY_AFTER_MAX_MS) else {
                self.waits.end();
                return sent;
            };
            drop(sent);
            let wait = wait.max(LEAST_WAIT_MS);
            let until = self.clock.now_ms().saturating_add(wait);
            self.waits.begin(Wait::asked_for(attempt, until));
            self.clock.sleep_ms(wait).await;
        }
        self.waits.end();
        self.try_send(method, url, headers, body).await
    }

    /// Sends a request, answers one challenge, follows redirects of reads.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        url: &Url,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Response<F::Body>, Error> {
        let response = self.send_following(method, url, headers, body).await?;
        if response.status != 401 {
            return Ok(response);
        }
        let challenge = response.headers.get("www-authenticate").unwrap_or("").to_owned();
        drop(response);
        let token = self.answer(&challenge).await?;
        *self.token.borrow_mut() = Some(token);
        let response = self.send_following(method, url, headers, body).await?;
        match response.status {
            401 | 403 => {
                let reason = match self.access.credentials {
                    Credentials::None => "this model needs a user and a password, or a token",
                    _ => "it does not accept this user, password or token for this model",
                };
                Err(Error::Auth { host: self.host(), reason: self.unknown(reason) })
            }
            _ => Ok(response),
        }
    }

    async fn send_following(
        &self,
        method: Method,
        url: &Url,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Response<F::Body>, Error> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send_once(method, &url, headers, body).await?;
            let is_read = matches!(method, Method::Get | Method::Head);
            let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
            if !is_read || !is_redirect {
                return Ok(response);
            }
            let host = guard::host_of(&url);
            let location = response.headers.get("location");
            let location =
                location.ok_or_else(|| Error::protocol(&host, "a redirect that leads nowhere"))?;
            url = self.guard.join(&url, location)?;
        }
        let reason = format!("it redirects more than {REDIRECTS} times");
        Err(Error::Unsafe { host: self.host(), reason })
    }

    async fn send_once(
        &self,
        method: Method,
        url: &Url,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Response<F::Body>, Error> {
        let mut headers = headers.clone();
        headers.push("Accept-Encoding", "identity");
        headers.push("User-Agent", concat!("ingle/", env!("CARGO_PKG_VERSION")));
        if guard::same_origin(url, &self.base) {
            let token = self.token.borrow().clone();
            let known = token.or_else(|| self.access.credentials.header());
            headers.0.extend(known.map(|value| ("Authorization".to_owned(), value)));
        }
        let allow_private = self.guard.allows_private(url);
        let request =
            Request { method, url: url.clone(), headers, body: body.to_vec(), allow_private };
        fetch_head(&*self.fetch, &self.clock, request).await
    }

    /// An error made of a reply that was not expected, with what the server says about it.
    pub(crate) async fn status_error(&self, what: &str, response: Response<F::Body>) -> Error {
        status_error(&self.clock, what, &self.host(), response).await
    }
}

/// Wait before a new try where a registry says "at once".
const LEAST_WAIT_MS: u64 = 1000;

/// How long a server that is busy wants to be left alone: seconds, or until a date.
fn again_ms<B, C: Clock>(clock: &C, response: &Response<B>) -> Option<u64> {
    if !matches!(response.status, 429 | 503) {
        return None;
    }
    if let Some(seconds) = response.headers.number("retry-after") {
        return Some(seconds.saturating_mul(1000));
    }
    let until = httpdate::parse_http_date(response.headers.get("retry-after")?).ok()?;
    let until = until.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(u64::try_from(until).ok()?.saturating_sub(clock.unix_ms()))
}

/// Sends a request and waits for the reply's head, for a limited time.
pub(crate) async fn fetch_head<F: Fetch, C: Clock>(
    fetch: &F,
    clock: &C,
    request: Request,
) -> Result<Response<F::Body>, Error> {
    let host = guard::host_of(&request.url);
    match within(clock, REPLY_MS, fetch.fetch(request)).await {
        Some(Ok(response)) => Ok(response),
        Some(Err(error @ FetchError::Refused(_))) => {
            Err(Error::Unsafe { host, reason: error.to_string() })
        }
        Some(Err(error)) => Err(Error::Network { host, error }),
        None => Err(Error::Network { host, error: FetchError::Stalled(REPLY_MS / 1000) }),
    }
}

/// Reads a short body as a whole, within a limit of bytes and of time.
pub(crate) async fn read_body<B: Body, C: Clock>(
    clock: &C,
    host: &str,
    response: &mut Response<B>,
    limit: usize,
) -> Result<Vec<u8>, Error> {
    let too_large = || {
        let reason = format!("its reply has more than the {limit} bytes that are allowed");
        Error::protocol(host, reason)
    };
    if response.headers.number("content-length").is_some_and(|n| n > limit as u64) {
        return Err(too_large());
    }
    let network = |error| Error::Network { host: host.to_owned(), error };
    let read = async {
        let mut bytes = Vec::new();
        while let Some(piece) = response.body.next().await {
            bytes.extend(piece.map_err(network)?);
            if bytes.len() > limit {
                return Err(too_large());
            }
        }
        Ok(bytes)
    };
    match within(clock, REPLY_MS, read).await {
        Some(result) => result,
        None => Err(network(FetchError::Stalled(REPLY_MS / 1000))),
    }
}

/// What a registry says in an error: `{"errors":[{"code","message"}]}`, or `{"error":"…"}`.
pub(crate) async fn status_error<B: Body, C: Clock>(
    clock: &C,
    what: &str,
    host: &str,
    mut response: Response<B>,
) -> Error {
    /// Longest message that is shown.
    const SHOWN_CHARS: usize = 300;
    let again_ms = again_ms(clock, &response);
    let body = read_body(clock, host, &mut response, REPLY_BYTES).await.unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let first = json.pointer("/errors/0");
    let text = [first.and_then(|first| first.get("message")), first.and_then(|e| e.get("code"))]
        .into_iter()
        .chain([json.get("error")])
        .flatten()
        .find_map(|text| text.as_str().filter(|text| !text.is_empty()));
    let message = text.unwrap_or("").chars().take(SHOWN_CHARS).collect();
    let (what, host, status) = (what.into(), host.into(), response.status);
    Error::Status { what, host, status, message, again_ms }
}
