//! Every limit of the store, with its reason.
//!
//! Names, manifests and replies come from strangers; whatever they declare is compared with one of
//! these before memory or disk is spent on it.

/// Most bytes of a manifest. The largest real ones, one layer per tensor, have about 1 MiB.
pub const MANIFEST_BYTES: usize = 4 << 20;

/// Most layers of a manifest. Ollama's layout with one layer per tensor has up to a few thousand;
/// a manifest with a million layers is an attack.
pub const LAYERS: usize = 4096;

/// Most bytes of a reply that is not a blob or a manifest: tokens and error texts, a few KiB.
pub const REPLY_BYTES: usize = 256 << 10;

/// Most bytes of one blob: 16 TiB is above any model and still far from overflow in sums of
/// [`LAYERS`] sizes.
pub const BLOB_BYTES: u64 = 1 << 44;

/// Most bytes of a config or text layer that is read into memory at once (licenses, templates).
pub const TEXT_BYTES: u64 = 16 << 20;

/// Most manifests a listing looks at, so that a folder of millions of files cannot hang it.
pub const MANIFESTS: usize = 100_000;

/// Most characters of a name as typed: all parts at their longest, with a digest.
pub const NAME_CHARS: usize = 700;

/// Most characters of a host (Ollama's rule).
pub const HOST_CHARS: usize = 350;

/// Most characters of a namespace, model or tag (Ollama's rule).
pub const PART_CHARS: usize = 80;

/// Most bytes of a model file's header that are fetched to look at it. The largest vocabularies in
/// use make about 20 MiB.
pub const HEADER_BYTES: u64 = 64 << 20;

/// Most redirects followed: registries need one, mirrors two.
pub const REDIRECTS: usize = 5;

/// Most characters of an address, of ours or of a redirect; signed addresses have up to 2 KiB.
pub const URL_CHARS: usize = 8 << 10;

/// Bytes that are hashed, copied or uploaded at once. Between two of them other tasks of the same
/// thread may run, so it is also the longest a caller waits: a few milliseconds.
pub const COPY_BYTES: usize = 1 << 20;

/// Connections per download. Two saturate most links; four hide the time of requests.
pub const CONNECTIONS: usize = 4;

/// Bytes that are written, recorded and verified as one piece. A kill loses at most one unfinished
/// piece per connection, 8 MiB together; all pieces in flight need that much memory.
pub const PIECE_BYTES: u64 = 2 << 20;

/// Most pieces of a download. Very large files have larger pieces, so that the record stays small.
pub const PIECES: u64 = 1 << 16;

/// Pieces asked for with one request: 64 MiB keep the number of requests low and the last
/// connection from working alone for long.
pub const PIECES_PER_REQUEST: u64 = 32;

/// Pieces of the smallest requests, at a file's end: 8 MiB are worth a question.
pub const LEAST_PER_REQUEST: u64 = 4;

/// A connection without a byte for this long is given up and asked for again, milliseconds.
pub const STALL_MS: u64 = 30_000;

/// Deadline of a request's head, and of a short reply as a whole, milliseconds.
pub const REPLY_MS: u64 = 60_000;

/// Tries in a row without any progress before a download gives up.
pub const TRIES: u32 = 6;

/// A download without a byte for this long, that waits for a new try, says so, milliseconds. While
/// other connections bring bytes, or a cut is mended at once, there is nothing to say.
pub const QUIET_MS: u64 = 2_000;

/// Longest wait between two tries, milliseconds. Waits double from one second.
pub const BACKOFF_MAX_MS: u64 = 32_000;

/// Longest wait that a registry may ask for by `Retry-After`, milliseconds. Limits of registries
/// count by the minute; who asks for longer is not waited for, and a person decides.
pub const RETRY_AFTER_MAX_MS: u64 = 300_000;

/// Time between two looks at a download that another process does, milliseconds.
pub const LOCK_POLL_MS: u64 = 100;

/// The same for the lock of a short change, which is held for milliseconds.
pub const SHORT_LOCK_POLL_MS: u64 = 10;

/// Longest wait for the lock of a short change (no download holds it), milliseconds.
pub const LOCK_WAIT_MS: u64 = 30_000;

/// Unreferenced blobs and left-over parts younger than this are kept: somebody may be about to
/// write the manifest that names them. Milliseconds.
pub const GRACE_MS: u64 = 3_600_000;

/// Left-over parts of downloads are kept this long to be resumed. Milliseconds (seven days).
pub const PART_GRACE_MS: u64 = 7 * 24 * GRACE_MS;

/// Bytes of a disk that are never filled: manifests and records need a little room to be written.
pub const SPACE_MARGIN: u64 = 16 << 20;

/// Bytes of one part of an upload. Object stores want at least 5 MiB, memory wants few.
pub const UPLOAD_BYTES: u64 = 8 << 20;
