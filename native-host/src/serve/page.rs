//! The chat page, for browsers that open the server's address.
//!
//! The folder is walked once, at the start: only what was found then is served, so no path of a
//! request ever reaches the file system.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use api::http::{Method, Request, Response};
use percent_encoding::percent_decode_str;

use super::files;

/// Files of a page; ours has about 20. A folder with more is most likely not meant.
const MAX_FILES: usize = 2000;
/// Folders within folders; ours has one.
const MAX_DEPTH: usize = 8;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It cannot be read.
    #[error(
        "the page in {} cannot be read ({source}); check the folder after --page", .folder.display()
    )]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It has no `index.html`.
    #[error("{} holds no index.html; --page wants the folder of a built page", .0.display())]
    NoIndex(PathBuf),
    /// It has more files than a page has.
    #[error(
        "{} holds more than {MAX_FILES} files or {MAX_DEPTH} levels of folders; --page wants the \
         folder of a built page", .0.display()
    )]
    TooLarge(PathBuf),
}

/// The files of a page by their paths in addresses.
pub struct Page {
    files: HashMap<String, (PathBuf, u64)>,
}

impl Page {
    /// The page in a folder.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn open(folder: &Path) -> Result<Page, PageError> {
        let mut files = HashMap::new();
        let mut folders = vec![(folder.to_owned(), String::from("/"), 0)];
        while let Some((place, prefix, depth)) = folders.pop() {
            let too_large = || PageError::TooLarge(folder.to_owned());
            let failed = |source| PageError::Io { folder: folder.to_owned(), source };
            for entry in fs::read_dir(place).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let (path, kind) = (entry.path(), entry.metadata().map_err(failed)?);
                let address = format!("{prefix}{name}");
                if kind.is_dir() && depth < MAX_DEPTH {
                    folders.push((path, address + "/", depth + 1));
                } else if kind.is_dir() || files.len() == MAX_FILES {
                    return Err(too_large());
                } else if kind.is_file() {
                    files.insert(address, (path, kind.len()));
                }
            }
        }
        let index = files.get("/index.html").cloned();
        let index = index.ok_or_else(|| PageError::NoIndex(folder.to_owned()))?;
        files.insert("/".to_owned(), index);
        Ok(Page { files })
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
        let (place, len) = self.files.get(path.as_ref())?.clone();
        let mut response = match request.method {
            Method::Head => Response::empty(200),
            _ => match files::body(place.clone(), 0..len).await {
                Ok(body) => Response { body, ..Response::empty(200) },
                Err(error) => {
                    tracing::warn!("{} cannot be read: {error}", place.display());
                    return Some(Response::text(500, "the file could not be read"));
                }
            },
        };
        for (name, value) in [
            ("content-type", media_type(&place)),
            ("content-length", len.to_string().as_str()),
            // The names of most files change with their content, but not that of the page.
            ("cache-control", "no-cache"),
            ("vary", "Accept"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            // The page embeds nothing foreign, so it may be isolated, which gives it threads.
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            response.headers.set(name, value);
        }
        Some(response)
    }
}

/// By the ending; browsers run no module and compile no wasm of another type.
fn media_type(place: &Path) -> &'static str {
    match place.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
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
