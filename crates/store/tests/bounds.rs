//! Memory and processes: a large pull onto a real disk holds little memory, and of eight
//! processes that want the same model one transfers it.
//!
//! The allocator counts, so this test is alone in its program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pollster::block_on;
use store::{
    Body, Client, Clock, Digest, Fetch, FetchError, FsIo, Headers, Layer, Manifest, Name,
    RegistryAccess, Request, Response, Store, media,
};

/// Counts what is allocated now and at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Real(Instant);

impl Clock for Real {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(since.as_millis()).unwrap()
    }

    /// An alarm on a thread of its own: others of the same future go on.
    async fn sleep_ms(&self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        std::future::poll_fn(|context| {
            if Instant::now() >= until {
                return std::task::Poll::Ready(());
            }
            // Alarms that are never needed (a stall of 30 s) do not get a thread.
            if ms < 1000 {
                let waker = context.waker().clone();
                std::thread::spawn(move || {
                    std::thread::sleep(until - Instant::now());
                    waker.wake();
                });
            }
            std::task::Poll::Pending
        })
        .await;
    }
}

/// A file whose bytes are computed: byte `i` depends on its position only.
fn byte(i: u64) -> u8 {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

#[derive(Clone)]
struct Server {
    manifest: Arc<Vec<u8>>,
    small: Arc<Vec<u8>>,
    size: u64,
    sent: Arc<AtomicU64>,
}

impl Server {
    fn new(size: u64) -> Server {
        let mut bytes = vec![0; size as usize];
        for (i, place) in bytes.iter_mut().enumerate() {
            *place = byte(i as u64);
        }
        let small = b"{}".to_vec();
        let config = Layer::new(media::CONFIG, Digest::of(&small), 2);
        let layer = Layer::new(media::MODEL, Digest::of(&bytes), size);
        let manifest = Manifest::new(config, vec![layer]).unwrap().raw().to_vec();
        let (manifest, small) = (Arc::new(manifest), Arc::new(small));
        Server { manifest, small, size, sent: Arc::default() }
    }
}

struct Generated {
    at: u64,
    end: u64,
    known: Option<Vec<u8>>,
    sent: Arc<AtomicU64>,
}

impl Body for Generated {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        if let Some(bytes) = self.known.take() {
            return Some(Ok(bytes));
        }
        let end = (self.at + (64 << 10)).min(self.end);
        let bytes: Vec<u8> = (self.at..end).map(byte).collect();
        self.sent.fetch_add(end - self.at, Ordering::Relaxed);
        self.at = end;
        (!bytes.is_empty()).then_some(Ok(bytes))
    }
}

impl Fetch for Server {
    type Body = Generated;

    async fn fetch(&self, request: Request) -> Result<Response<Generated>, FetchError> {
        let path = request.url.path();
        let known = match path.contains("/manifests/") {
            true => Some(&self.manifest),
            false => path.ends_with(&Digest::of(&self.small).to_string()).then_some(&self.small),
        };
        let body = |at, end, known| Generated { at, end, known, sent: self.sent.clone() };
        let mut headers = Headers::default();
        if let Some(bytes) = known {
            let body = body(0, 0, Some(bytes.to_vec()));
            return Ok(Response { status: 200, headers, body });
        }
        let range = request.headers.get("range").and_then(|r| r.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return Ok(Response { status: 200, headers, body: body(0, self.size, None) });
        };
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        headers.push("Content-Range", format!("bytes {first}-{last}/{}", self.size));
        Ok(Response { status: 206, headers, body: body(first, last + 1, None) })
    }
}

fn pull(root: &Path, server: &Server) {
    let store = Store::new(FsIo::new(root), Real(Instant::now()));
    let client = Client::new(store, server.clone());
    let name: Name = "m".parse().unwrap();
    block_on(client.pull(&name, RegistryAccess::default(), |_| ())).unwrap();
    assert!(block_on(client.store().get(&name)).is_ok());
}

#[test]
fn a_large_pull_holds_little_memory_and_eight_pulls_are_one_transfer() {
    const MIB: u64 = 1 << 20;
    let large = Server::new(160 * MIB);
    let folder = tempfile::tempdir().unwrap();
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    pull(&folder.path().join("large"), &large);
    let most = MOST.load(Ordering::Relaxed) - before;
    // Four connections with a buffer of 1 MiB each, one to hash: nothing grows with the file.
    assert!(most < (16 << 20), "{most} bytes");
    assert_eq!(large.sent.load(Ordering::Relaxed), large.size);

    let server = Server::new(24 * MIB);
    let root = folder.path().join("shared");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (root, server) = (root.clone(), server.clone());
            std::thread::spawn(move || pull(&root, &server))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(server.sent.load(Ordering::Relaxed), server.size);
    let store = Store::new(FsIo::new(&root), Real(Instant::now()));
    assert!(block_on(store.verify(None, |_| ())).unwrap().is_good());
}
