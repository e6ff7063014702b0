//! Requests and responses without a transport.
//!
//! Plain values, so that a server on sockets and a service worker in a page fill in the same ones,
//! and a test needs neither. What only a transport can see (slow headers, broken chunks, too many
//! connections) is the transport's to refuse.

pub mod access;
mod body;
mod headers;
mod host_policy;
mod origin_policy;
mod path;

pub use body::{Body, BodyError, ChunkStream};
pub use headers::Headers;
pub use host_policy::HostPolicy;
pub use origin_policy::OriginPolicy;
pub(crate) use path::{decode, segments};

use serde::Serialize;

/// What a client wants done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// Any other; no route has it.
    Other,
}

impl Method {
    /// The method of a request line; names are case-sensitive.
    pub fn parse(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }

    /// As in a request line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Other => "OTHER",
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// The path as it was sent, still percent-encoded, without the query.
    pub path: String,
    /// What follows the `?`, still encoded; empty if there is none.
    pub query: String,
    /// Every header that came, doubles included. Where a transport has the authority elsewhere
    /// (HTTP/2, a target in absolute form), it stands here as `host`, in place of the header.
    pub headers: Headers,
    /// The body, whole or as it arrives.
    pub body: Body,
}

/// One answer.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers; the transport adds those about lengths and connections.
    pub headers: Headers,
    /// The body. Dropping a stream before its end cancels the work that makes it.
    pub body: Body,
}

/// Media type of JSON, with the charset that gin writes.
pub const JSON: &str = "application/json; charset=utf-8";
/// Media type of one JSON object per line.
pub const NDJSON: &str = "application/x-ndjson";
/// Media type of server-sent events.
pub const SSE: &str = "text/event-stream";

impl Response {
    /// No body.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Headers::default(), body: Body::empty() }
    }

    /// A body of one media type.
    pub fn with_type(status: u16, media_type: &str, body: impl Into<Body>) -> Response {
        let mut headers = Headers::default();
        headers.set("content-type", media_type);
        Response { status, headers, body: body.into() }
    }

    /// Plain text.
    pub fn text(status: u16, text: &str) -> Response {
        Response::with_type(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }

    /// One JSON object.
    pub fn json(status: u16, value: &impl Serialize) -> Response {
        Response::with_type(status, JSON, to_json(value))
    }

    /// A stream of chunks of one media type.
    pub fn stream(media_type: &str, chunks: ChunkStream) -> Response {
        Response::with_type(200, media_type, Body::Stream(chunks))
    }
}

/// The JSON text of a value of ours. Our types have string keys and derived code, which cannot
/// fail to serialize; a number that is not finite becomes null.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

/// One line of NDJSON.
pub(crate) fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = to_json(value);
    line.push(b'\n');
    line
}

/// One server-sent event without a name.
pub(crate) fn sse_data(value: &impl Serialize) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.extend(to_json(value));
    event.extend(b"\n\n");
    event
}

/// One server-sent event with a name.
pub(crate) fn sse_event(name: &str, value: &impl Serialize) -> Vec<u8> {
    let mut event = format!("event: {name}\n").into_bytes();
    event.extend(sse_data(value));
    event
}

/// The end of an OpenAI stream.
pub(crate) const SSE_DONE: &[u8] = b"data: [DONE]\n\n";
