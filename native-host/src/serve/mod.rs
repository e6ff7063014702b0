//! `ingle serve`: the router behind sockets, on one thread, until it is asked to stop.
//!
//! Order makes the start and the end safe. The port is taken first, so that a second server ends
//! before it touches the store; then the host's parts are made, then requests are answered. At the
//! end no connection is taken any more, running answers have a few seconds, and models are freed
//! last.

mod address;
mod backend;
mod clock;
mod command;
mod env;
mod error;
mod fetch;
mod files;
mod http;
pub mod library;
mod listen;
mod log;
mod mirror;
pub mod native;
mod page;
mod settings;
mod signals;
mod site;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use api::Router;
use api::host::Host;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

pub use backend::{free_memory, memory_here};
pub use command::{ServeArgs, serve};
pub use error::ServeError;
use http::Limits;
pub use mirror::{Mirror, mirror};
pub use settings::Settings;
use site::Site;

/// Time for models to be freed after the last answer ended; the system frees what is left.
const UNLOAD_TIME: Duration = Duration::from_secs(5);

/// What a host brings, made on the thread of the router.
pub struct Parts<H: Host> {
    /// Stored models.
    pub library: H::Library,
    /// Loaded models.
    pub backend: H::Backend,
    /// Time and chance.
    pub env: H::Env,
    /// The store as a registry, for [`Settings::registry`].
    pub mirror: Mirror,
}

/// Makes the parts; it may take as long as it needs, and connections wait meanwhile. An error is
/// one sentence.
pub trait Build<H: Host>: AsyncFnOnce(&Settings) -> Result<Parts<H>, String> {}

impl<H: Host, F: AsyncFnOnce(&Settings) -> Result<Parts<H>, String>> Build<H> for F {}

/// A server on a thread of its own. Dropping it stops the server and waits for its end.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that the thread has ended already, or panicked and has said why.
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Starts a server on a thread of its own, and returns when it answers.
///
/// # Errors
/// [`ServeError`] of the start.
pub fn spawn<H: Host>(
    settings: Settings,
    build: impl Build<H> + Send + 'static,
) -> Result<Running, ServeError> {
    settings.check_open()?;
    let (listener, address) = listen::listen(&settings.address)?;
    let (stop, stopped) = oneshot::channel();
    let (started, is_started) = mpsc::channel();
    let body = move || {
        // A caller that is gone stops the server by that.
        let ready = || drop(started.send(Ok(())));
        let stopped = async { drop(stopped.await) };
        if let Err(error) = run(listener, &settings, build, ready, stopped) {
            drop(started.send(Err(error)));
        }
    };
    let thread = thread::Builder::new().name("server".into()).spawn(body)?;
    let running = Running { address, stop: Some(stop), thread: Some(thread) };
    match is_started.recv() {
        Ok(result) => result.map(|()| running),
        Err(_) => Err(ServeError::Parts("the server's thread ended at once".to_owned())),
    }
}

/// Serves on this thread until `stop` ends. `ready` is called when requests are answered.
fn run<H: Host>(
    listener: TcpListener,
    settings: &Settings,
    build: impl Build<H>,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let served = local.block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let parts = build(settings).await.map_err(ServeError::Parts)?;
        serve_parts(listener, settings, parts, ready, stop).await
    });
    // A thread of the pool that still waits for a disk must not hold up the end.
    runtime.shutdown_background();
    served
}

async fn serve_parts<H: Host>(
    listener: tokio::net::TcpListener,
    settings: &Settings,
    parts: Parts<H>,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Parts { library, backend, env, mirror } = parts;
    let rules = settings.router();
    let access = rules.access.clone();
    let router = Router::<H>::new(Rc::new(library), Rc::new(backend), Rc::new(env), rules);
    let scheduler = router.scheduler();
    let mut site = Site::new(router, access);
    if let Some(folder) = &settings.page {
        site = site.with_page(folder)?;
    }
    if settings.registry {
        site = site.with_mirror(mirror);
    }
    let timekeeper = scheduler.clone();
    let timekeeping = spawn_local(async move { timekeeper.run().await });
    ready();
    // Waiting requests are refused as soon as the end begins, while running ones go on.
    let (closing, closed) = oneshot::channel();
    let stop = async {
        stop.await;
        let scheduler = scheduler.clone();
        drop(closing.send(spawn_local(async move { scheduler.close().await })));
    };
    http::serve(listener, Rc::new(site), Limits::default(), stop).await;
    if let Ok(closing) = closed.await
        && timeout(UNLOAD_TIME, closing).await.is_err()
    {
        tracing::warn!("models were still in memory after {UNLOAD_TIME:?}");
    }
    timekeeping.abort();
    Ok(())
}

#[cfg(test)]
mod tests;
