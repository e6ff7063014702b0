//! A store in memory: for a browser that has no storage (private mode), and for tests.
//!
//! For tests it can run full, fail at any operation, and crash there: what was not synced is then
//! gone or torn, in an order that a seed decides, as after a power cut. Failing at every operation
//! in turn and looking at what is left is how the store's promises are checked.

mod loss;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gguf::{ByteSource, SourceError};

use crate::io::{Access, BlobFile, BlobIo, Entry, IoError, IoKind, Stat};
use crate::path::StorePath;
use crate::sum::SumHere;
use loss::{next, tear};

/// Files in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryIo(Rc<Disk>);

#[derive(Default)]
struct Disk {
    files: RefCell<BTreeMap<StorePath, Rc<Content>>>,
    locks: RefCell<BTreeSet<StorePath>>,
    capacity: Cell<Option<u64>>,
    now_ms: Cell<u64>,
    ops: Cell<u64>,
    fault: Cell<Option<(u64, Fault)>>,
    is_down: Cell<bool>,
    boots: Cell<u64>,
}

#[derive(Default)]
struct Content {
    bytes: RefCell<Vec<u8>>,
    synced: RefCell<Option<Vec<u8>>>,
    modified_ms: Cell<u64>,
}

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This operation fails, once.
    Error,
    /// This operation finds the disk full, once.
    Full,
    /// The machine stops here; all later operations fail until [`MemoryIo::restart`].
    Crash,
}

/// What a crash leaves of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it: the process was killed.
    Nothing,
    /// Some blocks of it, as this seed decides: the power was cut.
    Unsynced(u64),
}

impl MemoryIo {
    /// Limits the bytes of all files together; `None` for no limit.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.0.capacity.set(capacity);
    }

    /// The time that files written from now on carry, milliseconds since 1970.
    pub fn set_time(&self, now_ms: u64) {
        self.0.now_ms.set(now_ms);
    }

    /// Operations so far that changed something: opening for writing, writing, cutting, syncing,
    /// renaming, removing.
    pub fn ops(&self) -> u64 {
        self.0.ops.get()
    }

    /// Lets the operation with this number (counted by [`MemoryIo::ops`] from 0) fail.
    pub fn fail_at(&self, op: u64, fault: Fault) {
        self.0.fault.set(Some((op, fault)));
    }

    /// Calls the planned failure off; true if it was still to come.
    pub fn call_off(&self) -> bool {
        self.0.fault.take().is_some()
    }

    /// Starts again after a crash, or instead of one: locks are free, old handles dead.
    pub fn restart(&self, loss: Loss) {
        let disk = &self.0;
        disk.is_down.set(false);
        disk.fault.set(None);
        disk.boots.set(disk.boots.get() + 1);
        disk.locks.borrow_mut().clear();
        let Loss::Unsynced(seed) = loss else { return };
        let mut random = seed;
        disk.files.borrow_mut().retain(|_, content| {
            let synced = content.synced.borrow().clone();
            let exists = synced.is_some() || !next(&mut random).is_multiple_of(2);
            let torn = tear(&synced.unwrap_or_default(), &content.bytes.borrow(), &mut random);
            *content.bytes.borrow_mut() = torn;
            exists
        });
    }

    /// Every file and its bytes, for a test's eye.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.0.files.borrow();
        files.iter().map(|(path, c)| (path.as_str().to_owned(), c.bytes.borrow().clone())).collect()
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.0.files.borrow().values().map(|content| content.bytes.borrow().len() as u64).sum()
    }

    /// Counts an operation; fails if it is the one to fail.
    fn step(&self, what: &'static str, path: &StorePath) -> Result<(), IoError> {
        let disk = &self.0;
        let fail = |kind, message| Err(IoError::new(what, path, kind, message));
        if disk.is_down.get() {
            return fail(IoKind::Other, "the machine is down");
        }
        let op = disk.ops.get();
        disk.ops.set(op + 1);
        match disk.fault.get() {
            Some((at, fault)) if at == op => {
                disk.fault.set(None);
                disk.is_down.set(fault == Fault::Crash);
                match fault {
                    Fault::Error => fail(IoKind::Other, "I/O error"),
                    Fault::Full => fail(IoKind::Full, "no space left"),
                    Fault::Crash => fail(IoKind::Other, "the machine stopped"),
                }
            }
            _ => Ok(()),
        }
    }
}

/// An open file in memory.
pub struct MemoryFile {
    io: MemoryIo,
    path: StorePath,
    content: Rc<Content>,
    boot: u64,
    is_writable: bool,
}

impl MemoryFile {
    fn change(&self, what: &'static str) -> Result<(), IoError> {
        if self.boot != self.io.0.boots.get() || !self.is_writable {
            let kind = IoKind::Denied;
            return Err(IoError::new(what, &self.path, kind, "the file is not open for writing"));
        }
        self.io.step(what, &self.path)
    }

    /// Room for a file of this length?
    fn room(&self, what: &'static str, len: usize) -> Result<(), IoError> {
        let Some(capacity) = self.io.0.capacity.get() else { return Ok(()) };
        let now = self.content.bytes.borrow().len();
        let used = self.io.used().saturating_sub(now as u64);
        match len > now && used.saturating_add(len as u64) > capacity {
            true => Err(IoError::new(what, &self.path, IoKind::Full, "no space left")),
            false => Ok(()),
        }
    }
}

impl ByteSource for MemoryFile {
    fn len(&self) -> u64 {
        self.content.bytes.borrow().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        match self.io.0.is_down.get() || self.boot != self.io.0.boots.get() {
            true => Err(SourceError::new("the machine is down")),
            false => self.content.bytes.borrow().as_slice().read_at(offset, buf),
        }
    }
}

impl BlobFile for MemoryFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.change("write")?;
        let too_large = || IoError::new("write", &self.path, IoKind::Full, "larger than memory");
        let start = usize::try_from(offset).map_err(|_| too_large())?;
        let end = start.checked_add(bytes.len()).ok_or_else(too_large)?;
        self.room("write", end)?;
        let mut content = self.content.bytes.borrow_mut();
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        self.content.modified_ms.set(self.io.0.now_ms.get());
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), IoError> {
        self.change("resize")?;
        let too_large = |_| IoError::new("resize", &self.path, IoKind::Full, "larger than memory");
        let len = usize::try_from(len).map_err(too_large)?;
        self.room("resize", len)?;
        self.content.bytes.borrow_mut().resize(len, 0);
        Ok(())
    }

    async fn sync(&self) -> Result<(), IoError> {
        self.change("sync")?;
        *self.content.synced.borrow_mut() = Some(self.content.bytes.borrow().clone());
        Ok(())
    }
}

/// A lock in memory.
pub struct MemoryLock {
    io: MemoryIo,
    path: StorePath,
    boot: u64,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        if self.boot == self.io.0.boots.get() {
            self.io.0.locks.borrow_mut().remove(&self.path);
        }
    }
}

impl BlobIo for MemoryIo {
    type File = MemoryFile;
    type Sum = SumHere;
    type Lock = MemoryLock;

    fn sum(&self, _: u64) -> SumHere {
        SumHere::default()
    }

    async fn open(&self, path: &StorePath, access: Access) -> Result<MemoryFile, IoError> {
        let found = self.0.files.borrow().get(path).cloned();
        let fail = |kind, message| Err(IoError::new("open", path, kind, message));
        if access != Access::Read {
            self.step("open", path)?;
        } else if self.0.is_down.get() {
            return fail(IoKind::Other, "the machine is down");
        }
        let content = match (found, access) {
            (Some(_), Access::New) => return fail(IoKind::Exists, "it exists"),
            (None, Access::Read) => return fail(IoKind::NotFound, "there is no such file"),
            (Some(content), _) => content,
            (None, _) => {
                let content = Rc::new(Content::default());
                content.modified_ms.set(self.0.now_ms.get());
                self.0.files.borrow_mut().insert(path.clone(), content.clone());
                content
            }
        };
        let (boot, is_writable) = (self.0.boots.get(), access != Access::Read);
        Ok(MemoryFile { io: self.clone(), path: path.clone(), content, boot, is_writable })
    }

    async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError> {
        Ok(self.0.files.borrow().get(path).map(|content| stat(content)))
    }

    async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, IoError> {
        let prefix = format!("{folder}/");
        let mut entries: BTreeMap<String, Option<Stat>> = BTreeMap::new();
        for (path, content) in self.0.files.borrow().iter() {
            let Some(rest) = path.as_str().strip_prefix(&prefix) else { continue };
            match rest.split_once('/') {
                Some((name, _)) => entries.insert(name.to_owned(), None),
                None => entries.insert(rest.to_owned(), Some(stat(content))),
            };
        }
        Ok(entries.into_iter().map(|(name, file)| Entry { name, file }).collect())
    }

    async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError> {
        self.step("rename", from)?;
        let mut files = self.0.files.borrow_mut();
        let not_found = || IoError::new("rename", from, IoKind::NotFound, "there is no such file");
        let content = files.remove(from).ok_or_else(not_found)?;
        files.insert(to.clone(), content);
        Ok(())
    }

    async fn remove(&self, path: &StorePath) -> Result<bool, IoError> {
        self.step("remove", path)?;
        Ok(self.0.files.borrow_mut().remove(path).is_some())
    }

    fn discard(&self, path: &StorePath) {
        // A machine that is down removes nothing.
        if !self.0.is_down.get() {
            self.0.files.borrow_mut().remove(path);
        }
    }

    async fn remove_folder(&self, _: &StorePath) -> Result<bool, IoError> {
        // A folder is here as long as a file is in it.
        Ok(false)
    }

    async fn free_space(&self) -> Option<u64> {
        self.0.capacity.get().map(|capacity| capacity.saturating_sub(self.used()))
    }

    async fn try_lock(&self, path: &StorePath) -> Result<Option<MemoryLock>, IoError> {
        if self.0.is_down.get() {
            return Err(IoError::new("lock", path, IoKind::Other, "the machine is down"));
        }
        let is_free = self.0.locks.borrow_mut().insert(path.clone());
        let (io, boot) = (self.clone(), self.0.boots.get());
        Ok(is_free.then(|| MemoryLock { io, path: path.clone(), boot }))
    }
}

fn stat(content: &Content) -> Stat {
    Stat { len: content.bytes.borrow().len() as u64, modified_ms: content.modified_ms.get() }
}
