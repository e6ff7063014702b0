//! A proxy between a client and a registry that counts bytes and, at chosen counts, lets the test
//! do something: cut the connection, kill somebody, fill a disk.
//!
//! It works on bytes and not on requests, so a cut may fall anywhere: into a head, between two
//! chunks, into the last byte.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Bytes that are passed on at once.
const PIECE: usize = 16 << 10;

/// Time between two pieces, so that what was passed on was also received: unread bytes in the
/// sockets of this machine would count as fetched twice when they are cut.
const PAUSE: Duration = Duration::from_micros(400);

/// Which bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the registry: pulls.
    Down,
    /// To the registry: pushes.
    Up,
}

/// What becomes of the connection whose bytes reached the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Cut,
    GoOn,
}

type Deed = Box<dyn FnMut() -> Act + Send>;

/// A proxy on a free port; it ends with the test's process.
#[derive(Clone)]
pub struct Proxy {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    to: String,
    way: Way,
    down: AtomicU64,
    up: AtomicU64,
    /// The counts at which something happens, ascending.
    at: Mutex<VecDeque<u64>>,
    deed: Mutex<Deed>,
}

impl Proxy {
    /// A proxy to `to` that does this when so many bytes went that way.
    pub fn start(
        to: &str,
        way: Way,
        mut at: Vec<u64>,
        deed: impl FnMut() -> Act + Send + 'static,
    ) -> Proxy {
        at.sort_unstable();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            to: to.to_owned(),
            way,
            down: AtomicU64::new(0),
            up: AtomicU64::new(0),
            at: Mutex::new(at.into()),
            deed: Mutex::new(Box::new(deed)),
        });
        let proxy = Proxy { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                connect(&shared, client);
            }
        });
        proxy
    }

    /// A proxy that only counts.
    pub fn counting(to: &str) -> Proxy {
        Proxy::start(to, Way::Down, Vec::new(), || Act::GoOn)
    }

    /// Bytes that came from the registry, heads included.
    pub fn down(&self) -> u64 {
        self.shared.down.load(Ordering::SeqCst)
    }

    /// Bytes that went to the registry, heads included.
    pub fn up(&self) -> u64 {
        self.shared.up.load(Ordering::SeqCst)
    }

    /// Counts at which nothing has happened yet.
    pub fn left(&self) -> usize {
        self.shared.at.lock().unwrap().len()
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) {
    // A registry that is gone is seen as a connection that ends.
    let Ok(server) = TcpStream::connect(&shared.to) else { return };
    for (way, from, to) in [(Way::Down, &server, &client), (Way::Up, &client, &server)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let shared = shared.clone();
        std::thread::spawn(move || {
            // Either end may go away at any time.
            let _ = pass_on(&shared, way, from, to);
        });
    }
}

fn pass_on(
    shared: &Shared,
    way: Way,
    mut from: TcpStream,
    mut to: TcpStream,
) -> std::io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..n])?;
        let count = if way == Way::Down { &shared.down } else { &shared.up };
        let passed = count.fetch_add(n as u64, Ordering::SeqCst) + n as u64;
        if way == shared.way
            && is_due(shared, passed)
            && (shared.deed.lock().unwrap())() == Act::Cut
        {
            drop(from.shutdown(Shutdown::Both));
            return to.shutdown(Shutdown::Both);
        }
        if n > 1024 {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Takes the next count if it is reached.
fn is_due(shared: &Shared, passed: u64) -> bool {
    let mut at = shared.at.lock().unwrap();
    let is_due = at.front().is_some_and(|next| passed >= *next);
    if is_due {
        at.pop_front();
    }
    is_due
}
