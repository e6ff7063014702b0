//! Snapshots: what a slot's cache holds, kept by the host, so that a long prompt need not be read
//! again after a reload.
//!
//! A request names its snapshot by a key of the host's ([`Request::snapshot`]). Where the host has
//! one under that key whose ids begin as the prompt does, further than any slot's cache, its rows
//! are put into the slot's cache before the rest is read; this is the reuse of a common prefix,
//! from a file instead of from memory. After the answer the host may have the slot's rows kept
//! ([`Command::Save`](crate::actor::Command::Save)).
//!
//! A snapshot of another model, of another kind of cache, of a newer version, or a damaged one, is
//! as good as none: the prompt is read. What is written is in `format`.
//!
//! [`Request::snapshot`]: crate::Request::snapshot

mod format;
mod restore;
mod save;

use kernels::{KvShape, KvType, Plan};

pub use format::{Format, VERSION};
pub(crate) use restore::Restore;
pub use save::Saved;
pub(crate) use save::{Filed, Saving};

use crate::session::Session;

/// Where the host keeps snapshots.
pub trait Shelf {
    /// Opens what is kept under `key`, empty if there is nothing yet. `None` where nothing can be
    /// kept or read now, which is no error: there is no snapshot then.
    fn open(&mut self, key: &str) -> Option<Box<dyn Kept>>;
}

/// One open snapshot, the only one of its key. Each method says whether it did all of what it was
/// asked; what it did not do is treated as a snapshot that is not there.
pub trait Kept {
    /// Bytes it has.
    fn size(&self) -> u64;
    /// Fills `into` from `at` on.
    fn read(&mut self, at: u64, into: &mut [u8]) -> bool;
    /// Writes all of `bytes` at `at`, growing it where needed.
    fn write(&mut self, at: u64, bytes: &[u8]) -> bool;
    /// Drops what is behind `size`.
    fn cut(&mut self, size: u64) -> bool;
}

/// Why a snapshot is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what each one is")]
pub enum SnapshotError {
    #[error("this is no snapshot of a conversation; the prompt is read instead")]
    NotOne,
    #[error(
        "the snapshot has version {version} and only {known} is known here; the prompt is read \
         instead"
    )]
    Version { version: u32, known: u32 },
    #[error(
        "the snapshot is of another model, another cache type or another form of long context; \
         the prompt is read instead"
    )]
    Foreign,
    #[error("piece {piece} of the snapshot is damaged; the prompt is read from there on")]
    Damaged { piece: usize },
    #[error("the snapshot could not be read at byte {at}; the prompt is read instead")]
    Read { at: u64 },
}

/// A session's part: where snapshots are, and what they look like.
#[derive(Default)]
pub(crate) struct Snapshots {
    /// What rows look like, and a sum of the rotations that are in the keys; none for models of
    /// whose cache nothing is kept.
    shape: Option<(KvShape, u64)>,
    open: Option<(Box<dyn Shelf>, Format)>,
    /// Bytes of a piece, on their way.
    bytes: Vec<u8>,
}

impl Snapshots {
    pub fn new(plan: &Plan, kv: KvType) -> Snapshots {
        let shape = KvShape::of(plan, kv).map(|shape| (shape, format::sum_of_ropes(plan)));
        Snapshots { shape, ..Snapshots::default() }
    }
}

impl Session {
    /// Has snapshots kept on `shelf` from now on. `model` tells the model's bytes from others: a
    /// digest. False for models of whose cache nothing is kept.
    pub fn keep_snapshots(&mut self, shelf: Box<dyn Shelf>, model: &str) -> bool {
        let Some((shape, ropes)) = &self.snapshots.shape else { return false };
        let format = Format::new(shape, *ropes, model);
        self.snapshots.open = Some((shelf, format));
        true
    }
}
