//! One line per request: method, path, status, duration. Neither queries nor bodies nor headers
//! are written, because prompts and tokens are in them.

use std::time::Instant;

/// Bytes of a path that are shown; models' names are far shorter.
const MAX_SHOWN: usize = 200;

/// A line that is written when it is dropped, so that a request which ends by a closed connection
/// is logged like any other.
pub struct Entry {
    method: String,
    path: String,
    start: Instant,
    status: Option<u16>,
    is_complete: bool,
}

impl Entry {
    /// A request that came now.
    pub fn new(method: &str, path: &str) -> Entry {
        let shown: String = path.chars().take(MAX_SHOWN).collect();
        let path = crate::term::clean(&shown).into_owned();
        let method = method.chars().take(MAX_SHOWN).collect();
        Entry { method, path, start: Instant::now(), status: None, is_complete: false }
    }

    /// Its answer has begun.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Its answer was made to the end.
    pub fn complete(&mut self) {
        self.is_complete = true;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Entry { method, path, .. } = self;
        // The status that proxies log for a client that went away before there was one.
        let status = self.status.unwrap_or(499);
        let seconds = self.start.elapsed().as_secs_f64();
        match self.is_complete {
            true => tracing::info!("{method} {path} {status} {seconds:.3} s"),
            false => tracing::info!("{method} {path} {status} {seconds:.3} s, cut short"),
        }
    }
}
