//! `Fetch`: HTTP as the store needs it, without an HTTP library.
//!
//! A host implements this over what it has (a client library, a browser's `fetch`). Rules for it:
//! - Redirects are answers: they are returned and not followed, because credentials must be taken
//!   off first. A browser cannot do that; it follows them itself and drops the credentials itself.
//! - No decompression, and `Accept-Encoding: identity` where it may be set: a blob's bytes are
//!   hashed as they come, and a small reply must not unpack to a large one.
//! - [`Request::allow_private`] false means that an address which resolves to a loopback, private
//!   or link-local one is refused after it was resolved. Names are checked here, addresses there.
//! - Dropping a future or a body ends its connection.

use url::Url;

/// The verbs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    Get,
    Head,
    Post,
    Patch,
    Put,
}

impl Method {
    /// "GET".
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Put => "PUT",
        }
    }
}

/// Header names (compared without case) and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of this header.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Adds a header.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Takes a header away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// A header that is a number; `None` where it is missing or is none.
    pub fn number(&self, name: &str) -> Option<u64> {
        let text = self.get(name)?.trim();
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// With which headers; `Host` and `Content-Length` are the host's to add.
    pub headers: Headers,
    /// With which body, at most [`crate::limits::UPLOAD_BYTES`].
    pub body: Vec<u8>,
    /// Whether a private or loopback address may be connected to.
    pub allow_private: bool,
}

/// A reply's head, and its body as it comes.
pub struct Response<B> {
    /// HTTP's status.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// The body.
    pub body: B,
}

/// Why a request got no answer, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke; in the host's words.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// Nothing came for this many seconds.
    #[error("nothing came for {0} s")]
    Stalled(u64),
    /// The body ended early.
    #[error("the connection ended after {got} of {want} bytes")]
    #[allow(missing_docs, reason = "the text says it")]
    Cut { got: u64, want: u64 },
    /// The host refused to send the request at all (a private address, a bad certificate).
    #[error("{0}")]
    Refused(String),
}

/// Bytes that come in pieces: a reply's body, an upload, an archive.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait Body {
    /// The next bytes; `None` at the end. Pieces are small (a host gives what it received).
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>>;
}

/// Sends requests.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait Fetch: 'static {
    /// The body of a reply.
    type Body: Body;

    /// Sends a request and returns when the reply's head is there.
    ///
    /// # Errors
    /// When there is no reply at all. Every status is a reply.
    async fn fetch(&self, request: Request) -> Result<Response<Self::Body>, FetchError>;
}

/// Bytes in memory as a body.
pub struct BytesBody(Option<Vec<u8>>);

impl BytesBody {
    /// A body of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> BytesBody {
        BytesBody(Some(bytes.into()))
    }
}

impl Body for BytesBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        self.0.take().map(Ok)
    }
}
