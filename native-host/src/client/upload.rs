//! Files that become blobs of a server: hashed here, sent only if they are not there.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream;
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::{Client, ClientError};
use crate::interrupt;

/// Bytes that are read and sent together.
const PIECE_BYTES: usize = 1 << 20;
/// How often progress is told while a file is sent.
const TELL: Duration = Duration::from_millis(100);

impl Client {
    /// Makes sure that the server has a file's bytes, and gives their digest (`sha256:…`).
    /// `progress` hears what is done and how many bytes of it are.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upload(
        &self,
        path: &Path,
        mut progress: impl FnMut(&str, u64, u64),
    ) -> Result<String, ClientError> {
        let (digest, size) = hash(path, |done, size| progress("hashing", done, size))?;
        let at = format!("/api/blobs/{digest}");
        match self.call(Method::HEAD, &at, None).await {
            Ok(()) => return Ok(digest),
            // A HEAD has no body to say more, so only the status counts.
            Err(ClientError::Protocol { .. } | ClientError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let sent = Arc::new(AtomicU64::new(0));
        let request = self.http.request(Method::POST, self.host.url(&at));
        let request = request.header("content-length", size).body(body(file, sent.clone()));
        let mut work = pin!(request.send());
        let response = loop {
            match tokio::time::timeout(TELL, &mut work).await {
                Ok(response) => break response,
                Err(_) if interrupt::pending() => return Err(ClientError::Interrupted),
                Err(_) => progress("sending", sent.load(Ordering::Relaxed), size),
            }
        };
        self.checked(response).await?;
        progress("sending", size, size);
        Ok(digest)
    }
}

fn hash(path: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(String, u64), ClientError> {
    let fail = |error| unreadable(path, &error);
    let mut file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let (mut hasher, mut done) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        if interrupt::pending() {
            return Err(ClientError::Interrupted);
        }
        let n = file.read(&mut piece).map_err(fail)?;
        if n == 0 {
            break;
        }
        hasher.update(piece.get(..n).unwrap_or_default());
        done += n as u64;
        progress(done, size);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((format!("sha256:{hex}"), done))
}

/// The file as it is read, piece by piece.
fn body(file: File, sent: Arc<AtomicU64>) -> reqwest::Body {
    let pieces = stream::unfold(file, move |mut file| {
        let sent = sent.clone();
        async move {
            let mut piece = vec![0; PIECE_BYTES];
            let n = match file.read(&mut piece) {
                Ok(0) => return None,
                Ok(n) => n,
                Err(error) => return Some((Err(error), file)),
            };
            piece.truncate(n);
            sent.fetch_add(n as u64, Ordering::Relaxed);
            Some((Ok::<_, std::io::Error>(piece), file))
        }
    });
    reqwest::Body::wrap_stream(pieces)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ClientError {
    ClientError::File { path: path.display().to_string(), reason: error.to_string() }
}
