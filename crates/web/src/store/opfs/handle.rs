//! Open files of private storage, shared within this worker.
//!
//! A synchronous access handle locks its file, against other tabs and against this worker itself.
//! So one table holds every handle this worker has, and who opens a file again gets the same one.
//! Reading asks for a mode that lets other readers in; browsers that do not know it lock the file
//! anyway. A lock outlives its page for a moment after a reload, so a locked file is tried again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use gguf::{ByteSource, SourceError};
use js_sys::{Object, Promise, Reflect};
use store::{Clock, IoError, IoKind, StorePath};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{FileSystemFileHandle, FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

use crate::store::clock::PageClock;
use crate::store::scope::{io_error, name_of, words_of};

#[wasm_bindgen]
extern "C" {
    /// `FileSystemFileHandle`, with what `web-sys` has only among its unstable parts.
    #[wasm_bindgen(extends = FileSystemFileHandle)]
    pub type Entry;

    #[wasm_bindgen(method, catch, js_name = createSyncAccessHandle)]
    fn open_sync(this: &Entry, options: &Object) -> Result<Promise, JsValue>;
}

/// How long a locked file is tried, milliseconds: browsers let go of a reloaded page's locks late.
const PATIENCE_MS: u64 = 5000;
/// Between two tries, milliseconds.
const RETRY_MS: u64 = 50;
/// One browser call at most: a view of the memory is a 32-bit length.
const MAX_CALL_BYTES: usize = 64 << 20;

/// An open file; closed when the last user drops it.
pub struct Handle {
    inner: FileSystemSyncAccessHandle,
    path: StorePath,
    /// Called after closing: the file was removed while it was open.
    pub after: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.close();
        if let Some(after) = self.after.take() {
            after();
        }
    }
}

/// The handles of this worker.
#[derive(Clone, Default)]
pub struct Handles(Rc<RefCell<HashMap<StorePath, Weak<Handle>>>>);

impl Handles {
    /// The handle of a file that is open here.
    pub fn get(&self, path: &StorePath) -> Option<Rc<Handle>> {
        self.0.borrow().get(path)?.upgrade()
    }

    /// Opens a file, or shares the handle that is open.
    pub async fn open(
        &self,
        path: &StorePath,
        entry: &Entry,
        for_reading: bool,
        clock: &PageClock,
    ) -> Result<Rc<Handle>, IoError> {
        let options = Object::new();
        if for_reading {
            // Setting a field of a plain object cannot fail.
            let _ = Reflect::set(&options, &"mode".into(), &"read-only".into());
        }
        let start = clock.now_ms();
        loop {
            if let Some(handle) = self.get(path) {
                return Ok(handle);
            }
            let opened = async { JsFuture::from(entry.open_sync(&options)?).await }.await;
            match opened {
                Ok(inner) => return Ok(self.keep(path, inner.unchecked_into())),
                Err(error) if name_of(&error) != "NoModificationAllowedError" => {
                    return Err(io_error("open", path, &error));
                }
                Err(_) if clock.now_ms().saturating_sub(start) > PATIENCE_MS => {
                    let words = "it is in use in another tab; close it there and try again";
                    return Err(IoError::new("open", path, IoKind::Denied, words));
                }
                Err(_) => clock.sleep_ms(RETRY_MS).await,
            }
        }
    }

    fn keep(&self, path: &StorePath, inner: FileSystemSyncAccessHandle) -> Rc<Handle> {
        let handle = Rc::new(Handle { inner, path: path.clone(), after: Cell::new(None) });
        let mut open = self.0.borrow_mut();
        open.retain(|_, handle| handle.strong_count() > 0);
        open.insert(path.clone(), Rc::downgrade(&handle));
        handle
    }
}

fn at(offset: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    // A double holds every offset up to 2^53.
    options.set_at_f64(offset as f64);
    options
}

impl Handle {
    /// Bytes of the file; 0 if the browser does not say.
    pub fn len(&self) -> u64 {
        self.inner.get_size().map_or(0, |len| len as u64)
    }

    /// Reads all of `buf`.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let mut done = 0;
        while done < buf.len() {
            let end = buf.len().min(done + MAX_CALL_BYTES);
            let options = at(offset + done as u64);
            let read = self.inner.read_with_u8_array_and_options(&mut buf[done..end], &options);
            match read.map_err(|error| SourceError::new(words_of(&error)))? {
                n if n > 0.0 => done += n as usize,
                _ => {
                    let (at, len) = (offset + done as u64, self.len());
                    return Err(SourceError::new(format!("nothing to read at byte {at} of {len}")));
                }
            }
        }
        Ok(())
    }

    /// Reads into an array of the script; bytes read.
    pub fn read_into(&self, offset: u64, into: &js_sys::Uint8Array) -> Result<f64, JsValue> {
        self.inner.read_with_js_u8_array_and_options(into, &at(offset))
    }

    /// Fills an array of the script.
    pub fn fill(&self, offset: u64, into: &js_sys::Uint8Array) -> Result<(), SourceError> {
        let (mut done, len) = (0, into.length());
        while done < len {
            let at = offset + u64::from(done);
            let read = self.read_into(at, &into.subarray(done, len));
            match read.map_err(|error| SourceError::new(words_of(&error)))? {
                n if n > 0.0 => done += n as u32,
                _ => {
                    let len = self.len();
                    return Err(SourceError::new(format!("nothing to read at byte {at} of {len}")));
                }
            }
        }
        Ok(())
    }

    /// Writes all of `bytes`. A browser may take fewer at once.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let mut done = 0;
        while done < bytes.len() {
            let end = bytes.len().min(done + MAX_CALL_BYTES);
            let options = at(offset + done as u64);
            let written = self.inner.write_with_u8_array_and_options(&bytes[done..end], &options);
            match written.map_err(|error| io_error("write", &self.path, &error))? {
                n if n > 0.0 => done += n as usize,
                _ => {
                    let words = "the browser took none of the bytes";
                    return Err(IoError::new("write", &self.path, IoKind::Full, words));
                }
            }
        }
        Ok(())
    }

    /// Cuts or extends the file.
    pub fn set_len(&self, len: u64) -> Result<(), IoError> {
        let cut = self.inner.truncate_with_f64(len as f64);
        cut.map_err(|error| io_error("cut", &self.path, &error))
    }

    /// Makes what was written durable; tried twice, since a first failure may be passing.
    pub fn flush(&self) -> Result<(), IoError> {
        let flushed = self.inner.flush().or_else(|_| self.inner.flush());
        flushed.map_err(|error| io_error("sync", &self.path, &error))
    }
}

/// An open file, as the store has it.
#[derive(Clone)]
pub struct OpfsFile(pub Rc<Handle>);

impl ByteSource for OpfsFile {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_at(offset, buf)
    }
}
