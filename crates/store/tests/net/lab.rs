//! A registry in memory, with a script for everything that can go wrong.
//!
//! What it serves comes out of a second store through the mirror's own answers. What it counts is
//! every byte of a body and every request, so that tests can say what was fetched twice and what
//! was told to whom.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use store::registry_server::{Reply, ReplyBody};
use store::{
    Body, Client, Clock, Digest, Fetch, FetchError, Headers, Layer, Manifest, ManualClock,
    MemoryIo, Method, ModelConfig, Name, Request, Response, Store, Tuning, media,
};

pub type LabStore = Store<MemoryIo, ManualClock>;
pub type LabClient = Client<MemoryIo, Lab, ManualClock>;

/// What the script makes of a request; `None` leaves it to the registry.
type Script = Box<dyn FnMut(&Request) -> Option<Answer>>;

/// The network, the registry behind it, and the time.
#[derive(Clone)]
pub struct Lab(Rc<World>);

pub struct World {
    pub clock: ManualClock,
    pub registry: LabStore,
    pub script: RefCell<Script>,
    pub log: RefCell<Vec<Request>>,
    /// Bytes of blob bodies that were sent.
    pub sent: Cell<u64>,
    /// Bytes of one piece of a body.
    pub chunk: Cell<usize>,
    /// How many bytes the next bodies may send before they are cut; chosen by the test.
    pub cuts: RefCell<Box<dyn FnMut() -> Option<u64>>>,
}

impl std::ops::Deref for Lab {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

/// A reply a script gives.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// What comes after the body.
    pub end: End,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq)]
pub enum End {
    Clean,
    /// The connection breaks.
    Cut,
    /// Nothing comes any more, and the connection stays open.
    Silence,
    /// The body is sent again and again.
    Endless,
}

pub fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Option<Answer> {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Some(Answer { status, headers, body: body.to_vec(), end: End::Clean })
}

impl Answer {
    pub fn ending(mut self, end: End) -> Option<Answer> {
        self.end = end;
        Some(self)
    }
}

impl Lab {
    pub fn new() -> Lab {
        let clock = ManualClock::default();
        Lab(Rc::new(World {
            registry: Store::new(MemoryIo::default(), clock.clone()),
            clock,
            script: RefCell::new(Box::new(|_| None)),
            log: RefCell::default(),
            sent: Cell::new(0),
            chunk: Cell::new(300),
            cuts: RefCell::new(Box::new(|| None)),
        }))
    }

    /// A client with a store of its own, which cuts small.
    pub fn client(&self, io: &MemoryIo) -> LabClient {
        let store = Store::new(io.clone(), self.clock.clone());
        Client::new(store, self.clone()).with_tuning(TUNING)
    }

    pub fn script(&self, script: impl FnMut(&Request) -> Option<Answer> + 'static) {
        *self.script.borrow_mut() = Box::new(script);
    }

    /// A script for requests whose path ends so.
    pub fn at(
        &self,
        end: &'static str,
        mut script: impl FnMut(&Request) -> Option<Answer> + 'static,
    ) {
        self.script(move |request| match request.url.path().contains(end) {
            true => script(request),
            false => None,
        });
    }

    /// Puts a model of one large and two small layers into the registry.
    pub fn publish(&self, name: &str, weights: &[u8]) -> Manifest {
        let store = &self.registry;
        let manifest = self.clock.run(make_model(store, weights));
        self.clock.run(store.commit(&name.parse().unwrap(), &manifest)).unwrap();
        manifest
    }

    /// Requests for blobs so far.
    pub fn count(&self, part: &str) -> usize {
        self.log.borrow().iter().filter(|request| request.url.path().contains(part)).count()
    }
}

pub const TUNING: Tuning = Tuning { connections: 4, piece_bytes: 1000, pieces_per_request: 4 };

pub async fn make_model(store: &LabStore, weights: &[u8]) -> Manifest {
    let mut layers = Vec::new();
    for (media_type, bytes) in [
        (media::MODEL, weights),
        (media::TEMPLATE, b"{{ .Prompt }}".as_slice()),
        (media::LICENSE, b"free".as_slice()),
    ] {
        let digest = store.put_bytes(bytes).await.unwrap();
        layers.push(Layer::new(media_type, digest, bytes.len() as u64));
    }
    store.manifest_of(ModelConfig::default(), layers).await.unwrap()
}

/// Bytes that differ everywhere, as a seed decides.
pub fn weights(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..n).map(|_| next()).collect()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Runs at most so many steps of a future, then drops it: a kill at any point where it waits.
pub async fn killed_after<T>(steps: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

impl Fetch for Lab {
    type Body = LabBody;

    async fn fetch(&self, request: Request) -> Result<Response<LabBody>, FetchError> {
        self.log.borrow_mut().push(request.clone());
        breathe().await;
        let scripted = (self.script.borrow_mut())(&request);
        if let Some(answer) = scripted {
            let headers = answer.headers.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            let body = LabBody::new(self, answer.body, answer.end);
            return Ok(Response { status: answer.status, headers: Headers(headers), body });
        }
        let (method, path) = (request.method.name(), request.url.path());
        let range = request.headers.get("range");
        let reply = self.registry.registry_reply(method, path, range).await;
        let Reply { status, headers, body } =
            reply.map_err(|e| FetchError::Connection(e.to_string()))?;
        let mut body = match body {
            ReplyBody::Empty => LabBody::new(self, Vec::new(), End::Clean),
            ReplyBody::Bytes(bytes) => LabBody::new(self, bytes, End::Clean),
            ReplyBody::Blob(digest, range) => {
                let file = self.registry.open_blob(&digest).await.unwrap();
                let mut bytes = vec![0; (range.end - range.start) as usize];
                gguf::ByteSource::read_at(&file, range.start, &mut bytes).unwrap();
                LabBody { is_blob: true, ..LabBody::new(self, bytes, End::Clean) }
            }
        };
        if body.is_blob
            && let Some(cut) = (self.cuts.borrow_mut())()
        {
            body.cut_to(cut);
        }
        Ok(Response { status, headers, body })
    }
}

pub struct LabBody {
    lab: Lab,
    bytes: Vec<u8>,
    at: usize,
    end: End,
    is_blob: bool,
}

impl LabBody {
    fn new(lab: &Lab, bytes: Vec<u8>, end: End) -> LabBody {
        LabBody { lab: lab.clone(), bytes, at: 0, end, is_blob: false }
    }

    fn cut_to(&mut self, n: u64) {
        if (n as usize) < self.bytes.len() {
            self.bytes.truncate(n as usize);
            self.end = End::Cut;
        }
    }
}

impl Body for LabBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        breathe().await;
        if self.at >= self.bytes.len() {
            match self.end {
                End::Clean => return None,
                End::Cut => return Some(Err(FetchError::Connection("reset by peer".into()))),
                End::Silence => loop {
                    self.lab.clock.sleep_ms(1_000_000_000).await;
                },
                End::Endless => self.at = 0,
            }
        }
        let end = (self.at + self.lab.chunk.get()).min(self.bytes.len());
        let piece = self.bytes[self.at..end].to_vec();
        self.at = end;
        if self.is_blob {
            self.lab.sent.set(self.lab.sent.get() + piece.len() as u64);
        }
        Some(Ok(piece))
    }
}

async fn breathe() {
    let mut is_second = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Everything in this store is whole: models are complete, blobs are what their names say.
pub fn assert_whole(clock: &ManualClock, io: &MemoryIo) {
    let store = Store::new(io.clone(), clock.clone());
    let report = clock.run(store.verify(None, |_| ())).unwrap();
    assert!(report.is_good(), "{report:?}");
    for (path, bytes) in io.dump() {
        if let Some(name) = path.strip_prefix("blobs/") {
            assert_eq!(name.parse(), Ok(Digest::of(&bytes)), "{path}");
        }
    }
}

/// Nothing but complete models and what a resumed download needs; nameless files are gone.
pub fn rests(io: &MemoryIo) -> Vec<String> {
    let files = io.dump().into_iter().map(|(path, _)| path);
    files.filter(|path| path.starts_with("ingle/")).collect()
}

/// Many futures at once.
pub async fn all<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|context| {
        for (future, done) in &mut futures {
            if done.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        match futures.iter().all(|(_, done)| done.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}

/// Credentials stand in requests to this host only.
pub fn assert_told_nobody_but(lab: &Lab, host: &str) {
    for request in lab.log.borrow().iter() {
        let told = request.headers.get("authorization").is_some();
        assert!(!told || request.url.host_str() == Some(host), "{}", request.url);
        assert!(request.method != Method::Get || request.body.is_empty());
    }
}
