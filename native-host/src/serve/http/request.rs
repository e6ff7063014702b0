//! What came over a connection, as the router takes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use api::http::{Body, BodyError, Headers, Method, Request};
use futures_util::StreamExt;
use futures_util::stream;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use tokio::time::{Instant, timeout};

use super::limits::MIN_BODY_SPEED;

/// A request of hyper's; its body is read as it is asked for, so a slow handler slows its client.
pub fn of_hyper(request: hyper::Request<Incoming>, patience: Duration) -> Request {
    let (head, body) = request.into_parts();
    let mut headers = Headers::default();
    for (name, value) in &head.headers {
        headers.add(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    // A target in absolute form overrules the header, by HTTP's rules.
    if let Some(authority) = head.uri.authority() {
        headers.set("host", authority.as_str());
    }
    Request {
        method: Method::parse(head.method.as_str()),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: match body.is_end_stream() {
            true => Body::empty(),
            false => Body::Stream(chunks(Arriving::new(body, patience)).boxed_local()),
        },
    }
}

/// Whether a body has two lengths: its end is then where each reader thinks, and what follows may
/// be a request to one of them only. hyper takes the chunks; HTTP lets a server refuse.
pub fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        && (headers.contains_key(CONTENT_LENGTH)
            || headers.get_all(TRANSFER_ENCODING).iter().count() > 1)
}

/// A body on its way.
struct Arriving {
    body: Incoming,
    /// Time it was waited for; the time in which nobody asked for more is not the client's.
    waited: Duration,
    /// Bytes that came.
    received: u64,
    patience: Duration,
}

impl Arriving {
    fn new(body: Incoming, patience: Duration) -> Arriving {
        Arriving { body, waited: Duration::ZERO, received: 0, patience }
    }

    async fn next(&mut self) -> Option<Result<Vec<u8>, BodyError>> {
        let earned = Duration::from_secs(self.received / MIN_BODY_SPEED);
        let left = self.patience.saturating_add(earned).saturating_sub(self.waited);
        let start = Instant::now();
        let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
        let Ok(frame) = timeout(left, frame).await else {
            return Some(Err(BodyError::TimedOut));
        };
        self.waited += start.elapsed();
        match frame? {
            // Trailers say nothing that anybody asked for.
            Ok(frame) => {
                let bytes = frame.into_data().map(Vec::from).unwrap_or_default();
                self.received += bytes.len() as u64;
                Some(Ok(bytes))
            }
            Err(error) => Some(Err(BodyError::Broken(error.to_string()))),
        }
    }
}

/// The chunks, up to the first error.
fn chunks(body: Arriving) -> impl futures_util::Stream<Item = Result<Vec<u8>, BodyError>> {
    stream::unfold(Some(body), |body| async {
        let mut body = body?;
        let chunk = body.next().await?;
        let rest = chunk.is_ok().then_some(body);
        Some((chunk, rest))
    })
}
