//! A registry on a socket: answers from a store, takes uploads, and can be cut while it sends.
//!
//! One thread per connection and one request per connection: this is a table lamp, not a server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gguf::ByteSource;
use store::registry_server::{Reply, ReplyBody};
use store::{Digest, FsIo, Manifest, Name, Store};

use super::super::NativeStore;
use super::lab::run;
use crate::serve::clock::TokioClock;

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// A running registry. It ends with the test's process.
#[derive(Clone)]
pub struct Registry {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// Bytes of blobs that were sent.
    sent: AtomicU64,
    /// All connections break when so many were sent; new ones are served.
    cut_at: AtomicU64,
    uploads: Mutex<HashMap<String, Vec<u8>>>,
    guard: Option<Guard>,
}

/// What stands before the registry: a whole answer, or nothing where the request may pass.
pub type Guard = Box<dyn Fn(&Request) -> Option<String> + Send + Sync>;

pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Registry {
    /// Serves the store in this folder on a free port.
    pub fn start(folder: impl Into<PathBuf>) -> Registry {
        Registry::start_behind(folder, None)
    }

    /// The same behind a guard.
    pub fn start_behind(folder: impl Into<PathBuf>, guard: Option<Guard>) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            folder: folder.into(),
            sent: AtomicU64::new(0),
            cut_at: AtomicU64::new(u64::MAX),
            uploads: Mutex::default(),
            guard,
        });
        let registry = Registry { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                // A connection that breaks is the client's to notice.
                std::thread::spawn(move || serve(&shared, stream).ok());
            }
        });
        registry
    }

    /// Breaks all connections once when this many bytes of blobs were sent.
    pub fn cut_at(&self, bytes: u64) {
        self.shared.cut_at.store(bytes, Ordering::SeqCst);
    }

    /// Bytes of blobs that were sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let request = read_request(&mut stream)?;
    if let Some(answer) = shared.guard.as_ref().and_then(|guard| guard(&request)) {
        return stream.write_all(answer.as_bytes());
    }
    let store: NativeStore = Store::new(FsIo::new(&shared.folder), TokioClock::new());
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        let range = request.headers.get("range").map(String::as_str);
        let reply = store.registry_reply(&request.method, &request.path, range);
        return send(shared, &store, &mut stream, run(reply).unwrap());
    }
    let (status, location) = run(upload(shared, &store, &request));
    let head = format!(
        "HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let len = headers.get("content-length").map_or(0, |len| len.parse().unwrap());
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

fn send(
    shared: &Shared,
    store: &NativeStore,
    stream: &mut TcpStream,
    reply: Reply,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers.0 {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    match reply.body {
        ReplyBody::Empty => Ok(()),
        ReplyBody::Bytes(bytes) => stream.write_all(&bytes),
        ReplyBody::Blob(digest, range) => {
            let cut_at = shared.cut_at.load(Ordering::SeqCst);
            let file = run(store.open_blob(&digest)).unwrap();
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_at(range.start, &mut bytes).unwrap();
            for piece in bytes.chunks(PIECE) {
                stream.write_all(piece)?;
                let sent = shared.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
                if sent + piece.len() as u64 >= cut_at {
                    // Who comes now is served to the end.
                    shared.cut_at.store(u64::MAX, Ordering::SeqCst);
                    return stream.shutdown(std::net::Shutdown::Both);
                }
            }
            Ok(())
        }
    }
}

/// Status and `Location` of what is sent to a registry.
async fn upload(shared: &Shared, store: &NativeStore, request: &Request) -> (u16, String) {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let uploads = || shared.uploads.lock().unwrap();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["v2", namespace, model, "blobs", "uploads"]) => {
            let mut uploads = uploads();
            let place = format!("/v2/{namespace}/{model}/blobs/uploads/{}", uploads.len());
            uploads.insert(place.clone(), Vec::new());
            (202, place)
        }
        ("PATCH", [.., "uploads", _]) => {
            uploads().get_mut(&request.path).unwrap().extend(&request.body);
            (202, request.path.clone())
        }
        ("PUT", [.., "uploads", _]) => {
            let digest = request.query.strip_prefix("digest=").unwrap().replace("%3A", ":");
            let bytes = uploads().get(&request.path).cloned().unwrap();
            let stored = store.put_bytes(&bytes).await.unwrap();
            let is_right = digest.parse::<Digest>() == Ok(stored);
            (if is_right { 201 } else { 400 }, String::new())
        }
        ("PUT", ["v2", namespace, model, "manifests", tag]) => {
            let name = Name::from_parts("registry.ollama.ai", namespace, model, tag).unwrap();
            let manifest = Manifest::parse(&request.body).unwrap();
            let is_stored = store.commit(&name, &manifest).await.is_ok();
            (if is_stored { 201 } else { 400 }, String::new())
        }
        _ => (404, String::new()),
    }
}
