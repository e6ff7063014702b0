//! The store in browser blobs: kept in IndexedDB where there is no private file storage, or for
//! the life of the tab where there is neither (private windows).

mod content;
mod disk;
mod request;
mod turns;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use gguf::{ByteSource, SourceError};
use js_sys::Uint8Array;
use store::{Access, Entry, IoError, IoKind, Stat, StorePath};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::scope::io_error;
use content::Content;
use disk::{Disk, Row, Saved};

/// An open file.
#[derive(Clone)]
pub struct ChunkFile {
    content: Rc<Content>,
    path: StorePath,
}

/// Files of blobs.
#[derive(Clone)]
pub struct ChunkIo(Rc<Kept>);

enum Kept {
    /// Gone with the tab.
    Memory(RefCell<BTreeMap<StorePath, Rc<Content>>>),
    /// The database, and the files that are open here, so that all who have one see the same.
    Disk { disk: Rc<Disk>, open: RefCell<BTreeMap<StorePath, Weak<Content>>> },
}

impl ChunkIo {
    /// Files that go with the tab.
    pub fn memory() -> ChunkIo {
        ChunkIo(Rc::new(Kept::Memory(RefCell::default())))
    }

    /// Files in IndexedDB.
    pub async fn indexed_db() -> Result<ChunkIo, JsValue> {
        let disk = Rc::new(Disk::open().await?);
        Ok(ChunkIo(Rc::new(Kept::Disk { disk, open: RefCell::default() })))
    }

    /// True for files that are still there after a reload.
    pub fn is_kept(&self) -> bool {
        matches!(*self.0, Kept::Disk { .. })
    }

    /// Fills an empty file with a person's file, without a copy; false where one is needed.
    pub fn place(&self, path: &StorePath, blob: &Blob) -> Result<bool, JsValue> {
        let Kept::Memory(files) = &*self.0 else { return Ok(false) };
        let content = files.borrow().get(path).cloned();
        let Some(content) = content else { return Ok(false) };
        content.set(Content::slices(blob)?);
        Ok(true)
    }

    pub(super) async fn open_file(
        &self,
        path: &StorePath,
        access: Access,
    ) -> Result<ChunkFile, IoError> {
        let content = match &*self.0 {
            Kept::Memory(files) => {
                let found = files.borrow().get(path).cloned();
                let content = granted(path, access, found)?;
                content.unwrap_or_else(|| {
                    let content = Rc::new(Content::new(Vec::new(), now_ms(), None));
                    files.borrow_mut().insert(path.clone(), content.clone());
                    content
                })
            }
            Kept::Disk { disk, open } => {
                let is_open = open.borrow().get(path).and_then(Weak::upgrade);
                let content = match granted(path, access, is_open) {
                    Ok(Some(content)) => content,
                    Err(error) if error.kind == IoKind::Exists => return Err(error),
                    Ok(None) | Err(_) => read(disk, path, access).await?,
                };
                let mut open = open.borrow_mut();
                open.retain(|_, content| content.strong_count() > 0);
                open.insert(path.clone(), Rc::downgrade(&content));
                content
            }
        };
        Ok(ChunkFile { content, path: path.clone() })
    }

    pub(super) async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError> {
        let of =
            |content: &Rc<Content>| Stat { len: content.len(), modified_ms: content.modified_ms() };
        match &*self.0 {
            Kept::Memory(files) => Ok(files.borrow().get(path).map(of)),
            Kept::Disk { disk, .. } => {
                let row = disk.row(path).await.map_err(|e| io_error("look at", path, &e))?;
                let stat =
                    |row: Row| Stat { len: row.len as u64, modified_ms: row.modified_ms as u64 };
                Ok(row.map(stat))
            }
        }
    }

    pub(super) async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, IoError> {
        match &*self.0 {
            Kept::Disk { disk, .. } => {
                disk.list(folder).await.map_err(|error| io_error("list", folder, &error))
            }
            Kept::Memory(files) => {
                let start = format!("{}/", folder.as_str());
                let mut found: BTreeMap<String, Option<Stat>> = BTreeMap::new();
                for (path, content) in &*files.borrow() {
                    let Some(rest) = path.as_str().strip_prefix(&start) else { continue };
                    let (name, file) = match rest.split_once('/') {
                        Some((name, _)) => (name, None),
                        None => {
                            let (len, modified_ms) = (content.len(), content.modified_ms());
                            (rest, Some(Stat { len, modified_ms }))
                        }
                    };
                    found.insert(name.to_owned(), file);
                }
                Ok(found.into_iter().map(|(name, file)| Entry { name, file }).collect())
            }
        }
    }

    pub(super) async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError> {
        match &*self.0 {
            Kept::Memory(files) => {
                let mut files = files.borrow_mut();
                let content = files.remove(from).ok_or_else(|| missing("name", from))?;
                files.insert(to.clone(), content);
                Ok(())
            }
            Kept::Disk { disk, .. } => {
                disk.rename(from, to).await.map_err(|error| io_error("name", to, &error))
            }
        }
    }

    pub(super) async fn remove(&self, path: &StorePath) -> Result<bool, IoError> {
        match &*self.0 {
            Kept::Memory(files) => Ok(files.borrow_mut().remove(path).is_some()),
            Kept::Disk { disk, .. } => {
                disk.remove(path).await.map_err(|error| io_error("remove", path, &error))
            }
        }
    }
}

fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

fn missing(what: &'static str, path: &StorePath) -> IoError {
    IoError::new(what, path, IoKind::NotFound, "it is not there")
}

/// What is there, if it may be opened so; `None` for a file that is to be made.
fn granted(
    path: &StorePath,
    access: Access,
    found: Option<Rc<Content>>,
) -> Result<Option<Rc<Content>>, IoError> {
    match (access, found) {
        (Access::Read, None) => Err(missing("open", path)),
        (Access::New, Some(_)) => {
            Err(IoError::new("make", path, IoKind::Exists, "it is there already"))
        }
        (_, found) => Ok(found),
    }
}

/// A file of the database, made where it may be.
async fn read(disk: &Rc<Disk>, path: &StorePath, access: Access) -> Result<Rc<Content>, IoError> {
    let failed = |error: JsValue| io_error("open", path, &error);
    match disk.row(path).await.map_err(failed)? {
        Some(_) if access == Access::New => {
            Err(IoError::new("make", path, IoKind::Exists, "it is there already"))
        }
        Some(row) => {
            let chunks = disk.chunks(&row).await.map_err(failed)?;
            let saved = Saved::new(disk.clone(), row);
            Ok(Rc::new(Content::new(chunks, row.modified_ms as u64, Some(saved))))
        }
        None if access == Access::Read => Err(missing("open", path)),
        None => {
            let row = Row::new();
            disk.make(path, &row).await.map_err(failed)?;
            let saved = Saved::new(disk.clone(), row);
            Ok(Rc::new(Content::new(Vec::new(), now_ms(), Some(saved))))
        }
    }
}

impl ChunkFile {
    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.content.write_at(&self.path, offset, bytes)
    }

    pub(super) fn set_len(&self, len: u64) -> Result<(), IoError> {
        self.content.set_len(&self.path, len)
    }

    pub(super) async fn sync(&self) -> Result<(), IoError> {
        match self.content.saved() {
            Some(saved) => saved.settle(&self.path).await,
            None => Ok(()),
        }
    }

    /// Fills an array of the script.
    pub fn fill(&self, offset: u64, into: &Uint8Array) -> Result<(), SourceError> {
        self.content.fill(offset, into)
    }

    /// The whole file as one blob.
    pub fn blob(&self) -> Result<Blob, JsValue> {
        self.content.blob()
    }
}

impl ByteSource for ChunkFile {
    fn len(&self) -> u64 {
        self.content.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.content.read_at(offset, buf)
    }
}
