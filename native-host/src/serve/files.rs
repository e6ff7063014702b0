//! Files as bodies: read piece by piece, as the client takes them.
//!
//! Reading waits for disks, and the thread of the router must not: each piece is read on a thread
//! of the runtime's pool.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use api::http::{Body, BodyError};
use futures_util::StreamExt;
use futures_util::stream;

/// Bytes of one piece: large enough that a disk is read at its speed, and all that a client that
/// reads slowly costs in memory.
const PIECE_BYTES: u64 = 256 << 10;

/// The bytes `range` of a file.
pub async fn body(path: PathBuf, range: Range<u64>) -> std::io::Result<Body> {
    let open = move || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        Ok((file, range.end.saturating_sub(range.start)))
    };
    let (file, left) = on_pool(open).await?;
    let pieces = stream::unfold(Some((file, left)), |state| async {
        let (file, left) = state.filter(|(_, left)| *left > 0)?;
        // An error ends the connection before the length that was promised, so it is seen.
        Some(match on_pool(move || piece(file, left)).await {
            Ok((bytes, file, left)) => (Ok(bytes), Some((file, left))),
            Err(error) => (Err(BodyError::Broken(error.to_string())), None),
        })
    });
    Ok(Body::Stream(pieces.boxed_local()))
}

fn piece(mut file: File, left: u64) -> std::io::Result<(Vec<u8>, File, u64)> {
    let n = left.min(PIECE_BYTES);
    let mut bytes = vec![0; usize::try_from(n).map_err(std::io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok((bytes, file, left - n))
}

async fn on_pool<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
