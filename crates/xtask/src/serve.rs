//! A static file server for this machine's browser: the chat page, and at most one model file.
//!
//! Written here (on `tiny_http`) because the page asks for three things that the usual one-line
//! servers lack together: the MIME type `application/wasm`, range requests for gigabyte files, and
//! a refusal of every name but loopback's, so that no web page elsewhere can read the model through
//! a re-bound host name. Nothing is cached, since the files change with every build.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

/// Requests answered at the same time: a page load opens six connections, a model download one.
const N_WORKERS: usize = 8;

/// What is served.
#[derive(Clone, Debug)]
pub struct Site {
    /// Folder behind `/`.
    pub page: PathBuf,
    /// File behind `/models/<its name>`.
    pub model: Option<PathBuf>,
}

/// A running server; it lives until the program ends.
pub struct Running {
    pub addr: SocketAddr,
    workers: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// Serves until the program is ended.
    pub fn wait(self) {
        for worker in self.workers {
            // A worker that panicked has printed why; the others go on.
            let _ = worker.join();
        }
    }
}

/// Starts serving on loopback; `port` 0 takes a free one.
pub fn start(site: Site, port: u16) -> Result<Running> {
    let server = Server::http((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| anyhow!("cannot listen on 127.0.0.1:{port}: {error}"))?;
    let addr = server.server_addr().to_ip().context("the server has no IP address")?;
    let (server, site) = (Arc::new(server), Arc::new(site));
    let workers = (0..N_WORKERS).map(|_| {
        let (server, site) = (Arc::clone(&server), Arc::clone(&site));
        thread::spawn(move || {
            while let Ok(request) = server.recv() {
                answer(&site, addr.port(), request);
            }
        })
    });
    Ok(Running { addr, workers: workers.collect() })
}

fn answer(site: &Site, port: u16, request: Request) {
    let reply = match refusal(&request, port) {
        Some(status) => plain(status),
        None => file_reply(site, &request).unwrap_or_else(plain),
    };
    // An error here means that the browser closed the connection; there is nobody to tell.
    let _ = request.respond(reply);
}

type Reply = Response<Box<dyn Read + Send>>;

fn plain(status: u16) -> Reply {
    let text = match status {
        403 => "this server answers on 127.0.0.1 and localhost only",
        404 => "no such file",
        405 => "only GET and HEAD",
        416 => "no such range",
        _ => "the file could not be read",
    };
    let body: Box<dyn Read + Send> = Box::new(text.as_bytes());
    let headers = headers(&[("Content-Type", "text/plain; charset=utf-8")]);
    Response::new(StatusCode(status), headers, body, Some(text.len()), None)
}

fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
    pairs
        .iter()
        .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok())
        .collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let found =
        request.headers().iter().find(|h| h.field.as_str().as_str().eq_ignore_ascii_case(name));
    found.map(|header| header.value.as_str())
}

fn refusal(request: &Request, port: u16) -> Option<u16> {
    let host = header(request, "Host").unwrap_or_default();
    if host != format!("127.0.0.1:{port}") && host != format!("localhost:{port}") {
        return Some(403);
    }
    let is_read = matches!(request.method(), Method::Get | Method::Head);
    (!is_read).then_some(405)
}

fn file_reply(site: &Site, request: &Request) -> Result<Reply, u16> {
    let path = find(site, request.url()).ok_or(404u16)?;
    let mut file = File::open(&path).map_err(|_| 404u16)?;
    let len = file.metadata().map_err(|_| 500u16)?.len();
    let range = match header(request, "Range") {
        Some(text) => Some(parse_range(text, len).ok_or(416u16)?),
        None => None,
    };
    let (first, end) = range.unwrap_or((0, len));
    file.seek(SeekFrom::Start(first)).map_err(|_| 500u16)?;
    let mut headers = headers(&[
        ("Content-Type", mime(&path)),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
        // The page embeds nothing foreign, so it may be isolated, which gives it threads.
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
    ]);
    if range.is_some() {
        let last = end.saturating_sub(1);
        headers.extend(
            Header::from_bytes("Content-Range", format!("bytes {first}-{last}/{len}")).ok(),
        );
    }
    let status = StatusCode(if range.is_some() { 206 } else { 200 });
    let n_bytes = end - first;
    let body: Box<dyn Read + Send> = Box::new(file.take(n_bytes));
    let data_len = usize::try_from(n_bytes).map_err(|_| 500u16)?;
    // The threshold keeps Content-Length instead of chunks, so that a page can show progress.
    let reply = Response::new(status, headers, body, Some(data_len), None);
    Ok(reply.with_chunked_threshold(usize::MAX))
}

/// The file behind a URL: below the page's folder, or the model. Never outside of them.
fn find(site: &Site, url: &str) -> Option<PathBuf> {
    let path = decode(url.split(['?', '#']).next()?)?;
    let path = path.strip_prefix('/')?;
    // The page has a folder of that name too, with its demo model.
    let is_model = |model: &&PathBuf| {
        let name = model.file_name().and_then(|name| name.to_str());
        name.is_some() && path.strip_prefix("models/") == name
    };
    if let Some(model) = site.model.as_ref().filter(is_model) {
        return Some(model.clone());
    }
    let is_inside = |part: &str| part != ".." && !part.contains(['\\', ':', '\0']);
    if !path.split('/').all(is_inside) {
        return None;
    }
    let file = site.page.join(path);
    let file = if file.is_dir() { file.join("index.html") } else { file };
    file.is_file().then_some(file)
}

/// Undoes percent-encoding; `None` for broken or non-UTF-8 text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a file name for a URL: everything but letters, digits and `-._~`.
pub fn encode(name: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if keep(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// One byte range of a file of `len` bytes, as `first..end`. Of several ranges none is served.
fn parse_range(text: &str, len: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    if first.is_empty() {
        let n_bytes: u64 = last.parse().ok()?;
        return (n_bytes > 0 && len > 0).then(|| (len.saturating_sub(n_bytes), len));
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first < len && first <= last).then(|| (first, last.saturating_add(1).min(len)))
}

fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Serves `page` for a moment and asks for what a browser would ask: the page and a range of the
/// wasm module, with their types.
pub fn check_page(page: &Path) -> Result<()> {
    let addr = start(Site { page: page.to_path_buf(), model: None }, 0)?.addr;
    let index = ask(addr, "/", "")?;
    let wasm = files_below(page)?.into_iter().find(|path| path.ends_with(".wasm"));
    let wasm = wasm.with_context(|| format!("no .wasm file below {}", page.display()))?;
    let range = ask(addr, &format!("/{wasm}"), "Range: bytes=0-3\r\n")?;
    for (text, wanted) in [
        (&index, "HTTP/1.1 200"),
        (&index, "text/html"),
        (&index, "Cross-Origin-Embedder-Policy: require-corp"),
        (&range, "HTTP/1.1 206"),
        (&range, "application/wasm"),
        (&range, "\0asm"),
    ] {
        ensure!(text.contains(wanted), "the page's server did not say '{wanted}' but:\n{text}");
    }
    Ok(())
}

fn ask(addr: SocketAddr, url: &str, headers: &str) -> Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {addr}\r\n{headers}Connection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Paths relative to `folder`, with `/`.
fn files_below(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} has not been built", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            files.extend(
                files_below(&entry.path())?.into_iter().map(|file| format!("{name}/{file}")),
            );
        } else {
            files.push(name);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
