//! `/v2/`: the store as a read-only registry for the other machines of a network.

use std::rc::Rc;

use api::http::{Body, Headers, Request, Response};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use percent_encoding::percent_decode_str;
use store::registry_server::{Reply, ReplyBody};
use store::{Clock, FsIo, Store, StorePath};

use super::files;

/// Answers requests below `/v2/`; a function, so that nothing else need know the store's clock.
pub type Mirror = Rc<dyn Fn(Request) -> LocalBoxFuture<'static, Response>>;

/// A mirror of this store.
pub fn mirror<C: Clock + 'static>(store: Store<FsIo, C>) -> Mirror {
    Rc::new(move |request| {
        let store = store.clone();
        async move { answer(&store, &request).await }.boxed_local()
    })
}

/// Whether a path is a registry's.
pub fn is_registry(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}

async fn answer<C: Clock>(store: &Store<FsIo, C>, request: &Request) -> Response {
    let path = percent_decode_str(&request.path).decode_utf8_lossy();
    let range = request.headers.get("range");
    let reply = match store.registry_reply(request.method.name(), &path, range).await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::warn!("the registry cannot answer {}: {error}", crate::term::clean(&path));
            Reply::error(500, "UNKNOWN", "the store cannot be read")
        }
    };
    let body = match reply.body {
        ReplyBody::Empty => Body::empty(),
        ReplyBody::Bytes(bytes) => Body::Bytes(bytes),
        ReplyBody::Blob(digest, range) => {
            let place = store.io().place(&StorePath::blob(&digest));
            match files::body(place, range).await {
                Ok(body) => body,
                Err(error) => {
                    tracing::warn!("the blob {digest} cannot be read: {error}");
                    return Response::text(500, "the blob cannot be read");
                }
            }
        }
    };
    Response { status: reply.status, headers: Headers::of(reply.headers.0), body }
}
