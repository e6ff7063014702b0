//! A file that has its name only when it is whole.
//!
//! Bytes go to `NAME.incomplete`, which is locked while somebody writes it; it is made durable,
//! read again and only then renamed. What a kill leaves is that file, never a model under the final
//! name, and the next try writes over it. Any other end removes it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use gguf::{Gguf, WriteError};
use quantize::Error;
use store::{BlobIo, FsIo};

use crate::failure::Failure;
use crate::source;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// The file under its other name. Dropped before [`PartFile::finish`], it is removed.
pub struct PartFile {
    file: File,
    part: PathBuf,
    name: PathBuf,
    is_done: bool,
}

impl PartFile {
    /// Begins a file of about `n_bytes`.
    ///
    /// # Errors
    /// [`Failure::Full`] if there is no room for it, [`Failure::Output`].
    pub fn create(name: &Path, n_bytes: u64) -> Result<PartFile, Failure> {
        let mut part = name.as_os_str().to_owned();
        part.push(".incomplete");
        let part = PathBuf::from(part);
        let failed = |error| Failure::output(part.display().to_string(), error);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let name = name.display();
                return Err(Failure::Locked(format!(
                    "{name}: another ingle is writing this file; wait for it, or name another"
                )));
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        file.set_len(0).map_err(failed)?;
        let name = name.to_owned();
        let this = PartFile { file, part, name, is_done: false };
        match free_space(this.folder()) {
            Some(have) if have < n_bytes => Err(this.full(n_bytes, have)),
            _ => Ok(this),
        }
    }

    /// The folder it lies in.
    fn folder(&self) -> &Path {
        match self.name.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn full(&self, need: u64, have: u64) -> Failure {
        Failure::Full { place: self.folder().to_owned(), need, have }
    }

    /// Where the bytes go.
    ///
    /// # Errors
    /// [`Failure::Output`] if the system gives no second handle.
    pub fn writer(&self) -> Result<BufWriter<File>, Failure> {
        let file = self.file.try_clone().map_err(|error| self.failed(error))?;
        Ok(BufWriter::with_capacity(BUFFER, file))
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::output(self.name.display().to_string(), error)
    }

    /// What a failed write means: a full disk is said with numbers.
    pub fn explain(&self, error: Error, need: u64) -> Failure {
        match error {
            Error::Write(WriteError::Io(error)) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    let written = self.file.metadata().map_or(0, |metadata| metadata.len());
                    let free = free_space(self.folder()).unwrap_or(0);
                    self.full(need, written.saturating_add(free))
                }
                _ => self.failed(error),
            },
            error => error.into(),
        }
    }

    /// Waits until the bytes are on the disk.
    ///
    /// # Errors
    /// As [`PartFile::explain`].
    pub fn sync(&self) -> Result<(), Failure> {
        let len = self.file.metadata().map_or(0, |metadata| metadata.len());
        self.file.sync_all().map_err(|error| self.explain(WriteError::Io(error).into(), len))
    }

    /// The file as any reader sees it.
    ///
    /// # Errors
    /// [`Failure::File`].
    pub fn open(&self) -> Result<Gguf, Failure> {
        source::open_files(std::slice::from_ref(&self.part), &self.part)
    }

    /// Gives it its name, durably.
    ///
    /// # Errors
    /// [`Failure::Output`]; then there is no file of this name, or still the one before.
    pub fn finish(mut self) -> Result<(), Failure> {
        std::fs::rename(&self.part, &self.name).map_err(|error| self.failed(error))?;
        self.is_done = true;
        // A folder is no file everywhere; where it is, the name is durable with it.
        if let Ok(folder) = File::open(self.folder()) {
            folder.sync_all().ok();
        }
        Ok(())
    }
}

/// Free bytes where this folder lies, where that can be known.
fn free_space(folder: &Path) -> Option<u64> {
    pollster::block_on(FsIo::new(folder).free_space())
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_done {
            std::fs::remove_file(&self.part).ok();
        }
    }
}
