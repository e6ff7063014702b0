//! The router's answer, as hyper writes it: chunk by chunk as the connection takes them, and
//! dropped with the connection, which cancels the work behind it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use api::http::{Body, BodyError, ChunkStream, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::header::{HeaderName, HeaderValue};

use super::log::Entry;
use super::talk::Talk;

/// The rest of an answer.
pub struct ReplyBody {
    rest: Rest,
    log: Entry,
    talk: Rc<Talk>,
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        self.talk.end();
    }
}

enum Rest {
    Bytes(Bytes),
    Stream(ChunkStream),
}

/// An answer for hyper. `log` is written when its last byte was handed over, or it was dropped.
pub fn to_hyper(response: Response, mut log: Entry, talk: Rc<Talk>) -> hyper::Response<ReplyBody> {
    log.answered(response.status);
    let rest = match response.body {
        Body::Bytes(bytes) => {
            log.complete();
            Rest::Bytes(bytes.into())
        }
        Body::Stream(chunks) => Rest::Stream(chunks),
    };
    let mut reply = hyper::Response::new(ReplyBody { rest, log, talk });
    // A status or header that HTTP cannot write would be a fault of ours: the router makes them.
    *reply.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers.iter() {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        match pair {
            (Ok(name), Ok(value)) => {
                reply.headers_mut().append(name, value);
            }
            _ => tracing::error!(name, "a header of an answer cannot be written"),
        }
    }
    reply
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let ReplyBody { rest, log, .. } = &mut *self;
        let chunks = match rest {
            Rest::Bytes(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Rest::Bytes(bytes) => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
            }
            Rest::Stream(chunks) => chunks,
        };
        let polled = chunks.as_mut().poll_next(context);
        if let Poll::Ready(None) = polled {
            log.complete();
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map(|bytes| Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.rest, Rest::Bytes(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Rest::Stream(_) => SizeHint::default(),
        }
    }
}
