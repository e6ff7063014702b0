//! `BlobIo`: the few things the store asks of a file system.
//!
//! One state machine over this trait runs on a real file system ([`crate::native`]), in memory
//! with faults on demand ([`crate::memory`]) and in a browser's private storage, so what the fault
//! tests prove holds everywhere. Opening is `async` because a browser opens handles that way;
//! reading and writing an open file is not, because there and here it is a plain call. No future
//! has to be `Send`.

use gguf::ByteSource;

use crate::path::StorePath;
use crate::sum::Summing;

/// What kind of failure it was, where the store does something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoKind {
    /// There is no such file.
    NotFound,
    /// [`Access::New`] found a file.
    Exists,
    /// The disk, the quota or the store's limit is full.
    Full,
    /// The host may not do that.
    Denied,
    /// Anything else: a broken disk, a process that was killed.
    Other,
}

/// A failed file operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {what} {path}: {message}")]
pub struct IoError {
    /// "write", "open".
    pub what: &'static str,
    /// The file, inside of the store.
    pub path: String,
    /// What kind of failure.
    pub kind: IoKind,
    /// The host's words.
    pub message: String,
}

impl IoError {
    /// An error of this kind.
    pub fn new(what: &'static str, path: &StorePath, kind: IoKind, message: &str) -> IoError {
        IoError { what, path: path.as_str().to_owned(), kind, message: message.to_owned() }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading; the file must exist.
    Read,
    /// Reading and writing; made if it is not there, with its folders.
    Write,
    /// As `Write`, and it must not exist yet.
    New,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub len: u64,
    /// When it was last written, milliseconds since 1970.
    pub modified_ms: u64,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the folder.
    pub name: String,
    /// `None` for a folder. What is neither a file nor a folder is not listed.
    pub file: Option<Stat>,
}

/// An open file. Reading is [`ByteSource`]'s, positional and all or nothing.
pub trait BlobFile: ByteSource + 'static {
    /// Writes all of `bytes` at `offset`, growing the file where needed.
    ///
    /// # Errors
    /// What the host says; [`IoKind::Full`] when there is no room. Part of it may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError>;

    /// Cuts or extends the file to `len` bytes; new bytes are zero.
    ///
    /// # Errors
    /// What the host says.
    fn set_len(&self, len: u64) -> Result<(), IoError>;

    /// Returns when all that was written would survive a power cut.
    ///
    /// # Errors
    /// What the host says. What was written since the last sync is then unknown.
    #[allow(async_fn_in_trait, reason = "one thread runs them")]
    async fn sync(&self) -> Result<(), IoError>;
}

/// A folder with files, and locks that hold between processes.
#[allow(async_fn_in_trait, reason = "one thread runs them")]
pub trait BlobIo: 'static {
    /// An open file.
    type File: BlobFile;
    /// Digests of this store's files.
    type Sum: Summing<Self::File>;
    /// A held lock; dropping it, or the end of the process, releases it.
    type Lock: 'static;

    /// Opens a file.
    ///
    /// # Errors
    /// [`IoKind::NotFound`], [`IoKind::Exists`], or what the host says.
    async fn open(&self, path: &StorePath, access: Access) -> Result<Self::File, IoError>;

    /// Length and time of a file; `None` where there is no file of that name.
    ///
    /// # Errors
    /// What the host says.
    async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError>;

    /// What lies in a folder, sorted by name; nothing where there is no folder.
    ///
    /// # Errors
    /// What the host says.
    async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, IoError>;

    /// Gives a synced file its name, making folders, replacing what had the name, in one step that
    /// survives a power cut once this returns.
    ///
    /// # Errors
    /// What the host says; then either the old or the new state stands.
    async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError>;

    /// Removes a file; false where there was none. Files that are open stay readable or cannot be
    /// removed, as the host has it.
    ///
    /// # Errors
    /// What the host says.
    async fn remove(&self, path: &StorePath) -> Result<bool, IoError>;

    /// Removes a file without a name when its writer is dropped, where that needs no waiting. A
    /// host that has to wait does nothing here; a prune takes the file away.
    fn discard(&self, path: &StorePath) {
        let _ = path;
    }

    /// Removes a folder if it is empty; false where it is not, or is not there.
    ///
    /// # Errors
    /// What the host says.
    async fn remove_folder(&self, folder: &StorePath) -> Result<bool, IoError>;

    /// Bytes that can still be written; `None` where the host does not say. Advice only: writing
    /// may fail earlier.
    async fn free_space(&self) -> Option<u64>;

    /// Takes the lock of this name, also against other processes; `None` while somebody has it,
    /// another task of this process included.
    ///
    /// # Errors
    /// What the host says.
    async fn try_lock(&self, path: &StorePath) -> Result<Option<Self::Lock>, IoError>;

    /// Begins the digest of a file with this many bytes.
    fn sum(&self, len: u64) -> Self::Sum;

    /// True where names may not contain a `:`.
    fn escapes_names(&self) -> bool {
        false
    }
}
