//! A clock that is real, and a server whose file is computed and never in memory.

#![allow(clippy::unwrap_used, dead_code, reason = "shared by tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use store::{
    Body, Clock, Digest, Fetch, FetchError, Headers, Layer, Manifest, Request, Response, media,
};

/// The machine's clock.
#[derive(Clone)]
pub struct Real(pub Instant);

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
pub struct Server {
    manifest: Arc<Vec<u8>>,
    small: Arc<Vec<u8>>,
    pub size: u64,
    pub sent: Arc<AtomicU64>,
    /// Time between two pieces of a body.
    pub pause: Duration,
}

impl Server {
    pub fn new(size: u64) -> Server {
        let mut bytes = vec![0; size as usize];
        for (i, place) in bytes.iter_mut().enumerate() {
            *place = byte(i as u64);
        }
        let small = b"{}".to_vec();
        let config = Layer::new(media::CONFIG, Digest::of(&small), 2);
        let layer = Layer::new(media::MODEL, Digest::of(&bytes), size);
        let manifest = Manifest::new(config, vec![layer]).unwrap().raw().to_vec();
        let (manifest, small) = (Arc::new(manifest), Arc::new(small));
        let pause = Duration::ZERO;
        Server { manifest, small, size, sent: Arc::default(), pause }
    }
}

pub struct Generated {
    pause: Duration,
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
        if !self.pause.is_zero() {
            std::thread::sleep(self.pause);
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
        let body = |at, end, known| {
            let (sent, pause) = (self.sent.clone(), self.pause);
            Generated { at, end, known, sent, pause }
        };
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
