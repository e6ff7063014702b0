//! The store in the browser's private file storage (OPFS).
//!
//! Folders and files as on a disk, under one folder of ours. What differs: a file that is open
//! cannot be named or removed (so removing waits until it is closed), a `:` may not stand in a
//! name, and there are no syncs of folders: a name is as durable as the browser makes it.

mod handle;

use std::rc::Rc;

use js_sys::{AsyncIterator, IteratorNext, Promise, Reflect};
use store::{Access, Clock, Entry, IoError, IoKind, Stat, StorePath};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemHandle, FileSystemHandleKind, FileSystemRemoveOptions,
};

use super::clock::PageClock;
use super::scope::{io_error, name_of, storage};
use handle::{Entry as FileEntry, Handles};
pub use handle::OpfsFile;

#[wasm_bindgen]
extern "C" {
    /// `move` is in all browsers and in no standard.
    #[wasm_bindgen(extends = FileSystemHandle)]
    type Movable;

    #[wasm_bindgen(method, catch, js_name = move)]
    fn move_to(
        this: &Movable,
        folder: &FileSystemDirectoryHandle,
        name: &str,
    ) -> Result<Promise, JsValue>;
}

/// The folder of the store within private storage.
const FOLDER: &str = "ingle";

/// A store's folder.
#[derive(Clone)]
pub struct OpfsIo {
    root: FileSystemDirectoryHandle,
    handles: Handles,
    clock: PageClock,
}

/// Awaits what a browser promises, as the type it is.
async fn settled<T: JsCast>(promise: Result<Promise, JsValue>) -> Result<T, JsValue> {
    Ok(JsFuture::from(promise?).await?.unchecked_into())
}

/// The top folder of private storage.
pub async fn top() -> Result<FileSystemDirectoryHandle, JsValue> {
    let storage = storage().ok_or_else(|| JsValue::from_str("no storage"))?;
    if Reflect::get(&storage, &"getDirectory".into())?.is_undefined() {
        return Err(JsValue::from_str("no private file storage"));
    }
    settled(Ok(storage.get_directory())).await
}

impl OpfsIo {
    /// Opens private storage, and tries what the store needs of it, because only doing tells:
    /// some browsers have the interface and refuse it in private windows, others lack a part.
    pub async fn open(clock: &PageClock) -> Result<OpfsIo, JsValue> {
        let root = folder_in(&top().await?, FOLDER, true).await?;
        let io = OpfsIo { root, handles: Handles::default(), clock: clock.clone() };
        let n = js_sys::Math::random() * f64::from(u32::MAX);
        let (from, to) = (StorePath::temp(0, n as u64), StorePath::temp(1, n as u64));
        let tried = async {
            let file = io.open_file(&from, Access::Write).await?;
            file.0.flush()?;
            drop(file);
            io.rename(&from, &to).await?;
            io.remove(&to).await
        };
        tried.await.map_err(|error: IoError| JsValue::from_str(&error.to_string()))?;
        Ok(io)
    }

    /// A folder of the store.
    pub async fn folder(
        &self,
        path: Option<&StorePath>,
        create: bool,
    ) -> Result<FileSystemDirectoryHandle, JsValue> {
        let mut folder = self.root.clone();
        for part in path.iter().flat_map(|path| path.parts()) {
            folder = folder_in(&folder, part, create).await?;
        }
        Ok(folder)
    }

    async fn entry(&self, path: &StorePath, create: bool) -> Result<FileEntry, JsValue> {
        let folder = self.folder(path.parent().as_ref(), create).await?;
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        settled(Ok(folder.get_file_handle_with_options(path.file_name(), &options))).await
    }

    /// A browser's own file of this path, for handing out.
    pub async fn file(&self, path: &StorePath) -> Result<File, IoError> {
        let found = async { settled(Ok(self.entry(path, false).await?.get_file())).await };
        found.await.map_err(|error| io_error("open", path, &error))
    }

    pub(super) async fn open_file(
        &self,
        path: &StorePath,
        access: Access,
    ) -> Result<OpfsFile, IoError> {
        if access == Access::New && self.stat(path).await?.is_some() {
            return Err(IoError::new("make", path, IoKind::Exists, "it is there already"));
        }
        let entry = self.entry(path, access != Access::Read).await;
        let entry = entry.map_err(|error| io_error("open", path, &error))?;
        let for_reading = access == Access::Read;
        Ok(OpfsFile(self.handles.open(path, &entry, for_reading, &self.clock).await?))
    }

    pub(super) async fn stat(&self, path: &StorePath) -> Result<Option<Stat>, IoError> {
        if let Some(handle) = self.handles.get(path) {
            return Ok(Some(Stat { len: handle.len(), modified_ms: self.clock.unix_ms() }));
        }
        match self.entry(path, false).await {
            Ok(entry) => self.stat_of(path, &entry).await,
            Err(error) => match name_of(&error).as_str() {
                "NotFoundError" | "TypeMismatchError" => Ok(None),
                _ => Err(io_error("look at", path, &error)),
            },
        }
    }

    async fn stat_of(&self, path: &StorePath, entry: &FileEntry) -> Result<Option<Stat>, IoError> {
        let file: Result<File, JsValue> = settled(Ok(entry.get_file())).await;
        match file {
            Ok(file) => {
                let (len, modified_ms) = (file.size() as u64, file.last_modified() as u64);
                Ok(Some(Stat { len, modified_ms }))
            }
            Err(error) if name_of(&error) == "NotFoundError" => Ok(None),
            Err(error) => Err(io_error("look at", path, &error)),
        }
    }

    pub(super) async fn list(&self, path: &StorePath) -> Result<Vec<Entry>, IoError> {
        let failed = |error: JsValue| io_error("list", path, &error);
        let folder = match self.folder(Some(path), false).await {
            Ok(folder) => folder,
            Err(error) if name_of(&error) == "NotFoundError" => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for handle in entries(&folder).await.map_err(failed)? {
            let name = handle.name();
            let file = match handle.kind() {
                FileSystemHandleKind::Directory => None,
                _ => {
                    let Some(path) = path.child(&name) else { continue };
                    match self.stat_of(&path, handle.unchecked_ref()).await? {
                        Some(stat) => Some(stat),
                        None => continue,
                    }
                }
            };
            found.push(Entry { name, file });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub(super) async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), IoError> {
        let named = async {
            let entry = self.entry(from, false).await?;
            let folder = self.folder(to.parent().as_ref(), true).await?;
            move_into(entry.unchecked_ref(), &folder, to.file_name()).await
        };
        named.await.map_err(|error| io_error("name", to, &error))
    }

    pub(super) async fn remove(&self, path: &StorePath) -> Result<bool, IoError> {
        if let Some(handle) = self.handles.get(path) {
            let (io, path) = (self.clone(), path.clone());
            handle.after.set(Some(Box::new(move || io.discard(&path))));
            return Ok(true);
        }
        let folder = match self.folder(path.parent().as_ref(), false).await {
            Ok(folder) => folder,
            Err(error) if name_of(&error) == "NotFoundError" => return Ok(false),
            Err(error) => return Err(io_error("remove", path, &error)),
        };
        match JsFuture::from(folder.remove_entry(path.file_name())).await {
            Ok(_) => Ok(true),
            Err(error) if name_of(&error) == "NotFoundError" => Ok(false),
            Err(error) => Err(io_error("remove", path, &error)),
        }
    }

    /// Removes a file soon; if that fails, a prune does it.
    pub(super) fn discard(&self, path: &StorePath) {
        let (io, path) = (self.clone(), path.clone());
        spawn_local(async move {
            let _ = io.remove(&path).await;
        });
    }

    pub(super) async fn remove_folder(&self, path: &StorePath) -> Result<bool, IoError> {
        // Not recursive: a folder with something in it is refused.
        match self.remove(path).await {
            Err(error) if error.kind == IoKind::Other => Ok(false),
            other => other,
        }
    }
}

/// Moves a file; the name's old bearer is replaced.
pub async fn move_into(
    entry: &FileSystemHandle,
    folder: &FileSystemDirectoryHandle,
    name: &str,
) -> Result<(), JsValue> {
    let entry: &Movable = entry.unchecked_ref();
    settled::<JsValue>(entry.move_to(folder, name)).await.map(drop)
}

/// A folder within another.
pub async fn folder_in(
    folder: &FileSystemDirectoryHandle,
    name: &str,
    create: bool,
) -> Result<FileSystemDirectoryHandle, JsValue> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    settled(Ok(folder.get_directory_handle_with_options(name, &options))).await
}

/// Removes a folder with everything in it.
pub async fn remove_all(folder: &FileSystemDirectoryHandle, name: &str) -> Result<(), JsValue> {
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    settled::<JsValue>(Ok(folder.remove_entry_with_options(name, &options))).await.map(drop)
}

/// A file as the browser's own.
pub async fn file_of(handle: &FileSystemHandle) -> Result<File, JsValue> {
    settled(Ok(handle.unchecked_ref::<FileEntry>().get_file())).await
}

/// What lies in a folder.
pub async fn entries(
    folder: &FileSystemDirectoryHandle,
) -> Result<Vec<Rc<FileSystemHandle>>, JsValue> {
    let all: AsyncIterator = folder.values();
    let mut found = Vec::new();
    loop {
        let next: IteratorNext = settled(all.next()).await?;
        if next.done() {
            return Ok(found);
        }
        found.push(Rc::new(next.value().unchecked_into()));
    }
}
