//! Locks between processes: the operating system's advisory file locks.
//!
//! They end with the process, however it ends, so a kill leaves no lock behind and nobody has to
//! guess whether one is stale. The files stay, empty; removing them would let two processes lock
//! two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A held lock.
#[derive(Debug)]
pub struct FsLock(File);

impl FsLock {
    /// Takes the lock if it is free.
    pub(super) fn try_take(place: &Path) -> io::Result<Option<FsLock>> {
        let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
        let file = options.open(place)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FsLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for FsLock {
    fn drop(&mut self) {
        // Closing releases it too; only later, if a child process has inherited the file.
        let _ = self.0.unlock();
    }
}
