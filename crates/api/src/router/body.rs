//! Bodies of requests in, streams of objects out.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream;

use crate::error::ApiError;
use crate::http::{Body, BodyError, ChunkStream};
use crate::limits::MAX_JSON_BYTES;

/// The whole body of a request with JSON.
pub(crate) async fn read_body(body: Body) -> Result<Vec<u8>, ApiError> {
    body.collect(MAX_JSON_BYTES).await.map_err(|error| body_error(&error))
}

/// A body's error in HTTP's terms.
pub(crate) fn body_error(error: &BodyError) -> ApiError {
    let status = match error {
        BodyError::Broken(_) => 400,
        BodyError::TimedOut => 408,
        BodyError::TooLarge { .. } => 413,
    };
    ApiError::new(status, error.to_string())
}

/// A stream of chunks from a state and a step, which gives nothing at the end. Empty chunks are
/// left out: some transports take them for the end.
pub(crate) fn stream_items<S, F>(state: S, step: impl FnMut(S) -> F + 'static) -> ChunkStream
where
    S: 'static,
    F: Future<Output = Option<(Vec<u8>, S)>> + 'static,
{
    let chunks = stream::unfold(state, step);
    chunks.filter(|chunk| std::future::ready(!chunk.is_empty())).map(Ok).boxed_local()
}
