//! The chat page, for browsers that open the server's address.
//!
//! It comes from the program itself or from a folder. What there is, is known at the start: only
//! that is served, so no path of a request ever reaches the file system. The program's copy is
//! sent as it was packed when it was built; nothing is compressed while somebody waits.

mod folder;
mod html;
mod packed;

use std::collections::HashMap;
use std::path::PathBuf;

use api::http::{Body, Headers, Method, Request, Response};
use percent_encoding::percent_decode_str;

use store::Digest;

use super::files;
use super::library::DEMO;
pub use folder::PageError;
use packed::Packed;

/// Where the page expects the demo model.
const DEMO_ADDRESS: &str = "/models/demo.gguf";

/// What a browser is told at `/` by a program that was built without the page.
const NO_PAGE: &str = "Ollama is running, and this ingle was built without its chat page: \
    `cargo xtask start` builds one with it, and `ingle serve --page DIR` serves a built page.\n";

/// The files of a page by their paths in addresses; none for a program without a page.
#[derive(Default)]
pub struct Page {
    files: HashMap<String, File>,
}

/// Where a file of the page is.
#[derive(Clone)]
enum File {
    /// On disk, with its length in bytes.
    Disk(PathBuf, u64),
    /// In this program.
    Packed(Packed),
    /// In this program, as it is: a model file, which gzip would not make smaller.
    Plain { bytes: &'static [u8], etag: String },
    /// HTML, which says that a server sent it.
    Html { bytes: Vec<u8>, etag: String },
}

impl Page {
    /// The page in this program, and the demo model beside it, which the page gets at the first
    /// visit.
    pub fn of_program() -> Page {
        let mut page = Page::of_table(include!(concat!(env!("OUT_DIR"), "/page.rs")));
        if !page.files.is_empty() {
            let bytes = DEMO.bytes;
            let etag = format!("\"{}\"", Digest::of(bytes));
            page.files.insert(DEMO_ADDRESS.to_owned(), File::Plain { bytes, etag });
        }
        page
    }

    /// A page of addresses and packed files; what is not gzip is left out.
    fn of_table(table: &[(&str, &'static [u8])]) -> Page {
        let mut files = HashMap::new();
        for (address, bytes) in table {
            let Some(packed) = Packed::new(bytes) else { continue };
            let file = match address.ends_with(".html") {
                true => packed.unpacked().map(|html| File::html(&html)),
                false => Some(File::Packed(packed)),
            };
            files.extend(file.map(|file| (String::from(*address), file)));
        }
        Page::of_files(files)
    }

    fn of_files(mut files: HashMap<String, File>) -> Page {
        if let Some(index) = files.get("/index.html").cloned() {
            files.insert("/".to_owned(), index);
        }
        Page { files }
    }

    /// The answer, if the request is for the page and not for the router.
    pub async fn answer(&self, request: &Request) -> Option<Response> {
        let is_read = matches!(request.method, Method::Get | Method::Head);
        let path = percent_decode_str(&request.path).decode_utf8().ok()?;
        // Programs ask for `/` to see whether the server runs; browsers say that they want a page.
        let accept = request.headers.get("accept").unwrap_or_default();
        if !is_read || path == "/" && !accept.contains("text/html") {
            return None;
        }
        if path == "/" && self.files.is_empty() {
            return Some(Response::text(200, NO_PAGE));
        }
        let file = self.files.get(path.as_ref())?;
        let mut response = file.response(&request.headers).await;
        let address = if path == "/" { "/index.html" } else { path.as_ref() };
        response.headers.set("content-type", media_type(address));
        set_headers(&mut response.headers);
        if request.method == Method::Head {
            response.body = Body::empty();
        }
        Some(response)
    }
}

impl File {
    fn html(html: &[u8]) -> File {
        let bytes = html::marked(html, env!("CARGO_PKG_VERSION"));
        File::Html { etag: html::etag(&bytes), bytes }
    }

    /// The whole file, or 304 where the browser has it.
    async fn response(&self, headers: &Headers) -> Response {
        let etag = match self {
            // A file on disk may be another one by now, and its name tells as much as a tag.
            File::Disk(..) => None,
            File::Packed(packed) => Some(packed.etag()),
            File::Html { etag, .. } | File::Plain { etag, .. } => Some(etag.clone()),
        };
        let mut response = match &etag {
            Some(etag) if is_known(headers, etag) => Response::empty(304),
            _ => self.whole(headers).await,
        };
        if let Some(etag) = etag {
            response.headers.set("etag", etag);
        }
        response
    }

    async fn whole(&self, headers: &Headers) -> Response {
        let (body, len, encoding) = match self {
            File::Disk(place, len) => match files::body(place.clone(), 0..*len).await {
                Ok(body) => (body, *len, None),
                Err(error) => {
                    tracing::warn!("{} cannot be read: {error}", place.display());
                    return Response::text(500, "the file could not be read");
                }
            },
            File::Packed(packed) if takes_gzip(headers) => {
                let bytes = packed.bytes();
                (Body::Bytes(bytes.to_vec()), bytes.len() as u64, Some("gzip"))
            }
            File::Packed(packed) => match packed.unpacked() {
                Some(bytes) => (Body::Bytes(bytes), packed.len(), None),
                None => return Response::text(500, "the file could not be unpacked"),
            },
            File::Plain { bytes, .. } => (Body::Bytes(bytes.to_vec()), bytes.len() as u64, None),
            File::Html { bytes, .. } => (Body::Bytes(bytes.clone()), bytes.len() as u64, None),
        };
        let mut response = Response { body, ..Response::empty(200) };
        response.headers.set("content-length", len.to_string());
        if let Some(encoding) = encoding {
            response.headers.set("content-encoding", encoding);
        }
        response
    }
}

/// What every file of a page is sent with. The page's policy for its scripts is in its HTML, where
/// it holds wherever the page is served from.
fn set_headers(headers: &mut Headers) {
    for (name, value) in [
        // The names of most files change with their content, but not that of the page.
        ("cache-control", "no-cache"),
        ("vary", "Accept, Accept-Encoding"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        // What only a header can say of the policy.
        ("content-security-policy", "frame-ancestors 'none'"),
        // The page embeds nothing foreign, so it may be isolated, which gives it threads.
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.set(name, value);
    }
}

/// Whether the browser's copy is this one; tags are compared without their `W/`.
fn is_known(headers: &Headers, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers.all("if-none-match").flat_map(|list| list.split(',')).any(|tag| {
        let tag = bare(tag);
        tag == "*" || tag == bare(etag)
    })
}

/// Whether `Accept-Encoding` names gzip and does not rule it out.
fn takes_gzip(headers: &Headers) -> bool {
    headers.all("accept-encoding").flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map(|q| q.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0) | Err(_)))
    })
}

/// By the ending; browsers run no module and compile no wasm of another type.
fn media_type(address: &str) -> &'static str {
    match address.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
