//! The store on a real file system. The only module that touches one.
//!
//! Calls are the operating system's own, made directly: reads and writes of a megabyte cost less
//! than a hop to another thread. Only a sync may take seconds; it waits on a thread of its own, so
//! that the host's thread goes on.
//!
//! What "durable" means here: on Unix a file is synced before it gets its name and its folder
//! after; on Windows folders cannot be synced, a name is as durable as NTFS makes it.

mod import;
mod lock;
mod stream;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_channel::oneshot;
use gguf::{ByteSource, SourceError};

use crate::io::{Access, BlobFile, BlobIo, Entry, IoError, IoKind, Stat};
use crate::path::StorePath;
use crate::sum::SumHere;

pub use import::Placing;
pub use lock::FsLock;
pub use stream::{FileBody, FileSink};

/// A store's folder.
#[derive(Clone, Debug)]
pub struct FsIo {
    root: PathBuf,
    escapes: bool,
}

/// An open file.
#[derive(Debug)]
pub struct FsFile {
    file: Arc<File>,
    path: StorePath,
}

impl FsIo {
    /// A store in this folder, which is made when something is written.
    pub fn new(root: impl Into<PathBuf>) -> FsIo {
        FsIo { root: root.into(), escapes: cfg!(windows) }
    }

    /// The same with names that every file system allows, for folders that travel.
    pub fn portable(root: impl Into<PathBuf>) -> FsIo {
        FsIo { root: root.into(), escapes: true }
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of the store lies.
    pub fn place(&self, path: &StorePath) -> PathBuf {
        path.parts().fold(self.root.clone(), |place, part| place.join(part))
    }

    fn make_folder(&self, path: &StorePath) -> Result<PathBuf, IoError> {
        let place = self.place(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| io_error("make the folder of", path, &error))?;
        }
        Ok(place)
    }

    /// Makes the names in the folder of `path`, and the folders above it, durable.
    fn sync_folders(&self, path: &StorePath) -> Result<(), IoError> {
        let mut folder = path.parent();
        while let Some(this) = folder {
            sync_folder(&self.place(&this)).map_err(|error| io_error("sync", &this, &error))?;
            folder = this.parent();
        }
        sync_folder(&self.root).map_err(|error| io_error("sync the folder of", path, &error))
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network and user-space file systems know no sync of folders.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn io_error(what: &'static str, path: &StorePath, error: &io::Error) -> IoError {
    let kind = match error.kind() {
        ErrorKind::NotFound => IoKind::NotFound,
        ErrorKind::AlreadyExists => IoKind::Exists,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => IoKind::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => IoKind::Denied,
        _ => IoKind::Other,
    };
    IoError::new(what, path, kind, &error.to_string())
}

fn stat_of(metadata: &fs::Metadata) -> Stat {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    Stat { len: metadata.len(), modified_ms: unix_ms(modified) }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl BlobIo for FsIo {
    type File = FsFile;
    type Sum = SumHere;
    type Lock = FsLock;

    fn sum(&self, _: u64) -> SumHere {
        SumHere::default()
    }

    async fn open(&self, path: &StorePath, access: Access) -> Result<FsFile, IoError> {
        let place = match access {
            Access::Read => self.place(path),
            Access::Write | Access::New => self.make_folder(path)?,
        };
        let mut options = OpenOptions::new();
        match access {
            Access::Read => options.read(true),
            Access::Write => options.read(true).write(true).create(true).truncate(false),
            Access::New => options.read(true).write(true).create_new(true),
        };
        let file = options.open(&place).map_err(|error| io_error("open", path, &error))?;
        let metadata = file.metadata().map_err(|error| io_error("open", path, &error))?;
        if !metadata.is_file() {
            return Err(IoError::new("open", path, IoKind::Denied, "it is no regular file"));
        }
        Ok(FsFile { file: Arc::new(file), path: path.clone() })
    }

    async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError> {
        // A blob may be a link into another store, as some people set it up.
        match fs::metadata(self.place(path)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(stat_of(&metadata))),
            Ok(_) => Ok(None),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
                _ => Err(io_error("look at", path, &error)),
            },
        }
    }

    async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, IoError> {
        let failed = |error: io::Error| io_error("list", folder, &error);
        let entries = match fs::read_dir(self.place(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // Names that are no text are nobody's that we know.
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Links are followed: a manifest behind one names blobs like any other.
            let metadata = match fs::metadata(entry.path()) {
                Ok(metadata) => metadata,
                // It was removed since the folder was read, or is a link to nothing.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            let file = match (metadata.is_file(), metadata.is_dir()) {
                (true, _) => Some(stat_of(&metadata)),
                (_, true) => None,
                _ => continue,
            };
            found.push(Entry { name, file });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError> {
        let place = self.make_folder(to)?;
        fs::rename(self.place(from), place).map_err(|error| io_error("name", to, &error))?;
        self.sync_folders(to)
    }

    async fn remove(&self, path: &StorePath) -> Result<bool, IoError> {
        match fs::remove_file(self.place(path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("remove", path, &error)),
        }
    }

    fn discard(&self, path: &StorePath) {
        // If it fails, a prune does it.
        let _ = fs::remove_file(self.place(path));
    }

    async fn remove_folder(&self, folder: &StorePath) -> Result<bool, IoError> {
        match fs::remove_dir(self.place(folder)) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty => Ok(false),
                _ => Err(io_error("remove", folder, &error)),
            },
        }
    }

    async fn free_space(&self) -> Option<u64> {
        // The folder may not be there yet; what it will be made in is.
        self.root.ancestors().find_map(|folder| fs4::available_space(folder).ok())
    }

    async fn try_lock(&self, path: &StorePath) -> Result<Option<FsLock>, IoError> {
        let place = self.make_folder(path)?;
        FsLock::try_take(&place).map_err(|error| io_error("lock", path, &error))
    }

    fn escapes_names(&self) -> bool {
        self.escapes
    }
}

impl ByteSource for FsFile {
    fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        read_exact_at(&self.file, offset, buf).map_err(|error| SourceError::new(error.to_string()))
    }

    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        // On Windows a positional read moves the handle's own position, which nobody uses here.
        Some(self)
    }
}

impl BlobFile for FsFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        write_all_at(&self.file, offset, bytes)
            .map_err(|error| io_error("write", &self.path, &error))
    }

    fn set_len(&self, len: u64) -> Result<(), IoError> {
        self.file.set_len(len).map_err(|error| io_error("resize", &self.path, &error))
    }

    async fn sync(&self) -> Result<(), IoError> {
        let (done, synced) = oneshot::channel();
        let file = self.file.clone();
        let work = move || {
            // Nobody waits any more if sending fails.
            let _ = done.send(file.sync_all());
        };
        let failed = |error: io::Error| io_error("sync", &self.path, &error);
        std::thread::Builder::new().name("store-sync".into()).spawn(work).map_err(failed)?;
        match synced.await {
            Ok(result) => result.map_err(failed),
            Err(_) => Err(IoError::new("sync", &self.path, IoKind::Other, "the thread ended")),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        buf = buf.get_mut(n..).unwrap_or_default();
        offset += n as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if n == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(n..).unwrap_or_default();
        offset += n as u64;
    }
    Ok(())
}
