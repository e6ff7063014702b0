//! A host in memory, and a client for it.

mod backend;
mod env;
mod library;
mod runner;

pub use backend::FakeBackend;
pub use env::FakeEnv;
pub use library::FakeLibrary;
pub use runner::FakeRunner;

use std::rc::Rc;

use api::http::access::AccessSettings;
use api::http::{Body, Headers, Method, Request, Response};
use api::{Router, Settings, host};
use futures_channel::oneshot;
use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;

/// The parts.
pub struct FakeHost;

impl host::Host for FakeHost {
    type Library = FakeLibrary;
    type Backend = FakeBackend;
    type Env = FakeEnv;
}

/// A router with its host and the thread that runs them.
pub struct Server {
    pub pool: LocalPool,
    pub env: Rc<FakeEnv>,
    pub backend: Rc<FakeBackend>,
    pub library: Rc<FakeLibrary>,
    pub router: Router<FakeHost>,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: String,
}

/// `Settings` as the tables use them.
pub fn settings() -> Settings {
    Settings::new("0.9.9", AccessSettings::loopback(""))
}

/// A request as `curl -d` sends it.
pub fn request(method: &str, path: &str, body: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: Method::parse(method),
        path: path.into(),
        query: query.into(),
        headers: Headers::of([("Host", "localhost:11434")]),
        body: Body::Bytes(body.into()),
    }
}

impl Server {
    pub fn new() -> Server {
        Server::with(settings())
    }

    pub fn with(settings: Settings) -> Server {
        let pool = LocalPool::new();
        let env = Rc::new(FakeEnv::default());
        let backend = Rc::new(FakeBackend::new(Rc::clone(&env)));
        let library = Rc::new(FakeLibrary::default());
        let router =
            Router::new(Rc::clone(&library), Rc::clone(&backend), Rc::clone(&env), settings);
        let scheduler = router.scheduler();
        let run = async move { scheduler.run().await };
        pool.spawner().spawn_local(run).expect("the pool is there");
        Server { pool, env, backend, library, router }
    }

    /// The model's next answers are these pieces.
    pub fn says(&self, pieces: &[&str]) {
        *self.backend.pieces.borrow_mut() = pieces.iter().map(|p| (*p).to_owned()).collect();
    }

    /// Sends a request and reads the whole answer. An answer that never ends fails the test.
    pub fn send(&mut self, request: Request) -> Answer {
        let router = self.router.clone();
        let (sender, mut answer) = oneshot::channel();
        let work = async move {
            let response = router.handle(request).await;
            sender.send(read(response).await).ok();
        };
        self.pool.spawner().spawn_local(work).expect("the pool is there");
        self.pool.run_until_stalled();
        answer.try_recv().ok().flatten().expect("the answer has an end")
    }

    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send(request("POST", path, body))
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(request("GET", path, ""))
    }
}

/// The whole body of a response.
pub async fn read(response: Response) -> Answer {
    let Response { status, headers, body } = response;
    let body = body.collect(usize::MAX).await.expect("bodies of answers have no errors");
    Answer { status, headers, body: String::from_utf8(body).expect("all bodies are texts") }
}
