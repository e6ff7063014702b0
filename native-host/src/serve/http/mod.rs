//! HTTP/1.1 on sockets, in front of anything that answers the router's requests.
//!
//! hyper without a framework: routes, bodies and access are the router's, and what a server must
//! bound (heads, connections, idle and slow clients) frameworks leave to hyper anyway. All of it
//! runs on the router's own thread, since hyper's HTTP/1 asks nothing to be `Send`: a connection
//! that closes drops its handler or its answer's body there and then, which cancels the work, and
//! a client that does not read is a body that is not polled. Nothing crosses threads that a queue
//! could hold back or lose.

mod limits;
mod log;
mod refusal;
mod request;
mod response;
mod socket;
mod talk;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use api::http::{Request, Response};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

pub use limits::{Limits, MAX_CONNECTIONS};
use limits::{MAX_HEAD_BYTES, MAX_HEADERS};
use log::Entry;
use response::ReplyBody;
use socket::Socket;
use talk::Talk;

/// How long no connection is taken after the system refused one, for want of file handles: others
/// must end first, and asking again at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests. Its futures run on one thread and are dropped with their connection.
#[allow(async_fn_in_trait, reason = "without Send on purpose: the router's futures are not")]
pub trait Handler: 'static {
    /// Answers one request.
    async fn handle(&self, request: Request) -> Response;

    /// Time is up: whatever is still answered shall come to an end that its client understands.
    fn cut(&self) {}
}

/// Serves until `stop` ends; then running answers have [`Limits::grace`] to end, and are cut: the
/// handler first, and after [`Limits::cut`] their connections.
/// Must be polled within a [`tokio::task::LocalSet`].
pub async fn serve(
    listener: TcpListener,
    handler: Rc<impl Handler>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let (stopping, is_stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (n, is_full) = (connections.len(), connections.len() >= limits.connections);
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next(), if n > 0 => report(ended),
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((stream, _)) => {
                    let handler = Rc::clone(&handler);
                    let connection = converse(stream, handler, limits, is_stopping.clone());
                    connections.spawn_local(connection);
                }
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // An error means that there is no connection to tell.
    stopping.send(true).ok();
    if timeout(limits.grace, all_ended(&mut connections)).await.is_err() {
        let n = connections.len();
        tracing::warn!("{n} connections were still busy after {:?} and are cut", limits.grace);
        handler.cut();
        drop(timeout(limits.cut, all_ended(&mut connections)).await);
    }
    connections.shutdown().await;
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

/// A handler that panics ends its own connection and no other.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a request ended in a fault of this program; please report it");
    }
}

/// One connection to its end.
async fn converse(
    stream: TcpStream,
    handler: Rc<impl Handler>,
    limits: Limits,
    mut is_stopping: watch::Receiver<bool>,
) {
    // Pieces of a stream are small, and each is to be seen at once. A socket that refuses works.
    stream.set_nodelay(true).ok();
    let talk = Rc::<Talk>::default();
    let socket = TokioIo::new(Socket::new(stream, Rc::clone(&talk), limits));
    let service = service_fn(|request| {
        // At once, and not when the answer is first polled: more may be read before that.
        talk.begin();
        exchange(Rc::clone(&handler), request, limits, Rc::clone(&talk))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(socket, service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(&mut is_stopping) => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // Here what worked for the client is dropped, whatever the client does from now on.
    let mut socket = connection.into_parts().io.into_inner();
    match ended {
        Ok(()) => {}
        Err(_) if socket.is_late() => socket.refuse(408).await,
        // Bytes that hyper does not even call a bad request, such as HTTP/2's first ones.
        Err(error) if error.is_parse() => socket.refuse(400).await,
        Err(error) => tracing::debug!("a connection ended: {error}"),
    }
    tokio::select! {
        () = socket.close() => {}
        () = stopped(&mut is_stopping) => {}
    }
}

/// Ends when the server is to stop, or is gone.
async fn stopped(is_stopping: &mut watch::Receiver<bool>) {
    is_stopping.wait_for(|is_stopping| *is_stopping).await.ok();
}

async fn exchange(
    handler: Rc<impl Handler>,
    request: hyper::Request<Incoming>,
    limits: Limits,
    talk: Rc<Talk>,
) -> Result<hyper::Response<ReplyBody>, Infallible> {
    let log = Entry::new(request.method().as_str(), request.uri().path());
    if request::is_ambiguous(request.headers()) {
        let mut refused = response::to_hyper(refusal::ambiguous(), log, talk);
        refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Ok(refused);
    }
    let response = handler.handle(request::of_hyper(request, limits.body)).await;
    Ok(response::to_hyper(response, log, talk))
}

#[cfg(test)]
mod tests;
