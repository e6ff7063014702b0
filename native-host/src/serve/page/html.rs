//! The mark in the page's HTML by which its scripts know that an `ingle` sent it.
//!
//! A page cannot see the headers it came with, and asking for `/api/version` would fail on every
//! other server, in the console of everybody who opens the page there. So the server writes it into
//! the one file that browsers never keep without asking.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Behind this the mark goes; the page's own policy comes first in it and stays in force.
const HEAD: &[u8] = b"<head>";

/// `html` with `<meta name="ingle-server" content="VERSION">`; as it is, if it has no head.
pub fn marked(html: &[u8], version: &str) -> Vec<u8> {
    let head = html.windows(HEAD.len()).position(|window| window.eq_ignore_ascii_case(HEAD));
    let Some((before, after)) = head.and_then(|at| html.split_at_checked(at + HEAD.len())) else {
        return html.to_vec();
    };
    let mark = format!("\n<meta name=\"ingle-server\" content=\"{version}\">");
    [before, mark.as_bytes(), after].concat()
}

/// A name of this content for caches; it need not be the same in the next version.
pub fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}
