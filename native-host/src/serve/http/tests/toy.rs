//! A server with a handler whose insides can be seen, and a client that may break every rule.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use api::http::{BodyError, Request, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::super::{Handler, Limits, serve};

/// Bytes of one piece of `/flood`.
pub const PIECE: usize = 64 << 10;

/// What a handler did.
#[derive(Default)]
pub struct Probe {
    /// Requests that are worked on.
    pub running: AtomicUsize,
    /// Pieces that were made.
    pub pieces: AtomicUsize,
}

struct Toy {
    probe: Arc<Probe>,
    broken: RefCell<mpsc::Sender<BodyError>>,
}

/// Counts work that is under way.
struct Work(Arc<Probe>);

impl Work {
    fn new(probe: &Arc<Probe>) -> Work {
        probe.running.fetch_add(1, Ordering::SeqCst);
        Work(probe.clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Toy {
    async fn handle(&self, request: Request) -> Response {
        let work = Work::new(&self.probe);
        match request.path.as_str() {
            "/hello" => Response::text(200, "hello"),
            "/echo" => match request.body.collect(1 << 20).await {
                Ok(bytes) => Response::with_type(200, "text/plain", bytes),
                Err(error) => {
                    let status = if error == BodyError::TimedOut { 408 } else { 400 };
                    drop(self.broken.borrow().send(error));
                    Response::text(status, "broken")
                }
            },
            "/wait" => std::future::pending().await,
            "/host" => {
                let host = request.headers.get("host").unwrap_or("none");
                Response::text(200, &format!("{host} {} {}", request.path, request.query))
            }
            // One line each 50 ms: as many as the query says.
            "/lines" => {
                let n = request.query.parse().unwrap_or(u32::MAX);
                let lines = stream::unfold((0, work), move |(i, work)| async move {
                    sleep(Duration::from_millis(50)).await;
                    work.0.pieces.fetch_add(1, Ordering::SeqCst);
                    (i < n).then(|| (Ok(format!("{{\"i\":{i}}}\n").into_bytes()), (i + 1, work)))
                });
                Response::stream(api::http::NDJSON, lines.boxed_local())
            }
            "/flood" => {
                let pieces = stream::unfold(work, |work| async {
                    work.0.pieces.fetch_add(1, Ordering::SeqCst);
                    Some((Ok(vec![b'x'; PIECE]), work))
                });
                Response::stream("text/plain", pieces.boxed_local())
            }
            _ => panic!("a fault, on purpose"),
        }
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub probe: Arc<Probe>,
    /// Why bodies broke off.
    broken: mpsc::Receiver<BodyError>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Longest wait for what happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// No time of a client's is short: a busy machine would use it up. Tests that wait for the end of
/// one say which. The times of the server's own end are short.
pub fn limits() -> Limits {
    Limits {
        connections: 64,
        idle: PATIENCE,
        head: PATIENCE,
        body: PATIENCE,
        write: PATIENCE,
        grace: Duration::from_millis(600),
        cut: Duration::from_millis(200),
        linger: PATIENCE,
    }
}

pub fn start(limits: Limits) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, broken) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let probe = Arc::<Probe>::default();
    let seen = probe.clone();
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let toy = Toy { probe: seen, broken: RefCell::new(sender) };
            serve(listener, Rc::new(toy), limits, async { drop(stopped.await) }).await;
        });
    };
    let thread = Some(thread::spawn(body));
    Server { address, probe, broken, stop: Some(stop), thread }
}

impl Server {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes and reads until the connection ends.
    pub fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that refuses early may close before all is sent.
        stream.write_all(bytes).ok();
        rest(&mut stream)
    }

    /// Asks for a path on a connection of its own.
    pub fn get(&self, path: &str) -> String {
        self.exchange(
            format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes(),
        )
    }

    /// Why the next body broke off.
    pub fn broken(&self) -> BodyError {
        self.broken.recv_timeout(PATIENCE).unwrap()
    }

    pub fn running(&self) -> usize {
        self.probe.running.load(Ordering::SeqCst)
    }

    pub fn pieces(&self) -> usize {
        self.probe.pieces.load(Ordering::SeqCst)
    }

    /// Waits until so many requests are worked on.
    pub fn until_running(&self, n: usize) {
        let start = Instant::now();
        while self.running() != n {
            assert!(start.elapsed() < PATIENCE / 2, "{} are running", self.running());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Begins to stop.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end; returns how long that took.
    pub fn join(mut self) -> Duration {
        let start = Instant::now();
        self.thread.take().unwrap().join().unwrap();
        start.elapsed()
    }
}

/// All that still comes; a reset is an end.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until what came contains `wanted`.
pub fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains(wanted) {
        let n = match stream.read(&mut buffer) {
            // Other tests of this process send themselves signals.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.unwrap(),
        };
        assert!(n > 0, "the connection ended after {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    text
}
