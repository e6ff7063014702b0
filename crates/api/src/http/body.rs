//! Bodies: bytes that are there, or chunks that come.

use futures_util::StreamExt;
use futures_util::stream::LocalBoxStream;

/// Why the rest of a request's body did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The client went away or broke the rules of the transport.
    #[error("the request's body ended early: {0}; send it again")]
    Broken(String),
    /// The client sent nothing for longer than the transport waits.
    #[error("no more of the request's body came in time; send it again")]
    TimedOut,
    /// More bytes than the route takes.
    #[error("the request's body is larger than {limit} bytes, which is the most that is accepted")]
    TooLarge {
        /// The bound, in bytes.
        limit: u64,
    },
}

/// Chunks of a body. The streams of responses never fail: an error is said inside of them.
pub type ChunkStream = LocalBoxStream<'static, Result<Vec<u8>, BodyError>>;

/// A body.
pub enum Body {
    /// All of it.
    Bytes(Vec<u8>),
    /// As it comes.
    Stream(ChunkStream),
}

impl Body {
    /// No body.
    pub fn empty() -> Body {
        Body::Bytes(Vec::new())
    }

    /// All bytes, at most `limit`.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] as soon as more have come, and what the stream reports.
    pub async fn collect(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let too_large = BodyError::TooLarge { limit: limit as u64 };
        match self {
            Body::Bytes(bytes) if bytes.len() > limit => Err(too_large),
            Body::Bytes(bytes) => Ok(bytes),
            Body::Stream(mut chunks) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = chunks.next().await {
                    let chunk = chunk?;
                    if chunk.len() > limit - bytes.len() {
                        return Err(too_large);
                    }
                    bytes.extend(chunk);
                }
                Ok(bytes)
            }
        }
    }

    /// As a stream that ends with an error once more than `limit` bytes have come.
    pub fn into_stream(self, limit: u64) -> ChunkStream {
        let chunks = match self {
            Body::Bytes(bytes) => futures_util::stream::iter([Ok(bytes)]).boxed_local(),
            Body::Stream(chunks) => chunks,
        };
        let mut left = limit;
        let counted = chunks.map(move |chunk| {
            let chunk = chunk?;
            left = left.checked_sub(chunk.len() as u64).ok_or(BodyError::TooLarge { limit })?;
            Ok(chunk)
        });
        counted.boxed_local()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Body::Stream(_) => f.write_str("Stream"),
        }
    }
}
