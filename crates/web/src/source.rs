//! A file of the browser as a [`ByteSource`]: positional and synchronous.
//!
//! Only a dedicated worker has such files: the access handles of private storage, and blobs read
//! by `FileReaderSync`. The worker's script gives both the same three methods, so one wrapper
//! serves; it is declared here by shape and not taken from `web-sys`, which knows only the first.
//! Bytes are read straight into the module's memory, with no copy in between.

use gguf::{ByteSource, SourceError};
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

/// One browser read at most: larger ones are cut, since a view of the memory is a 32-bit length.
const MAX_READ_BYTES: usize = 64 << 20;

#[wasm_bindgen]
extern "C" {
    /// `FileSystemSyncAccessHandle`, or anything with its `getSize` and `read`.
    pub type SyncFile;

    #[wasm_bindgen(method, catch, js_name = getSize)]
    fn get_size(this: &SyncFile) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn read(this: &SyncFile, into: &Uint8Array, options: &Object) -> Result<f64, JsValue>;
}

/// An open file; the script closes it.
pub struct FileSource {
    file: SyncFile,
    len: u64,
}

impl FileSource {
    /// Takes the file's length now: a file that shrinks later is a failed read, not a short one.
    pub fn new(file: SyncFile) -> Result<FileSource, SourceError> {
        let len = file.get_size().map_err(|error| refused(&error))?;
        Ok(FileSource { file, len: len as u64 })
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let options = Object::new();
        let mut done = 0;
        while done < buf.len() {
            // A double holds every offset up to 2^53; `u64` would become a BigInt.
            let at = JsValue::from_f64((offset + done as u64) as f64);
            Reflect::set(&options, &JsValue::from_str("at"), &at).map_err(|e| refused(&e))?;
            let end = buf.len().min(done + MAX_READ_BYTES);
            let rest = &mut buf[done..end];
            // SAFETY: the view is used for one synchronous read, during which nothing in this
            // module runs, so the memory cannot move under it; `rest` outlives the call.
            let view = unsafe { Uint8Array::view_mut_raw(rest.as_mut_ptr(), rest.len()) };
            let n = self.file.read(&view, &options).map_err(|error| refused(&error))?;
            if n <= 0.0 {
                let len = self.len;
                let at = offset + done as u64;
                return Err(SourceError::new(format!("nothing to read at byte {at} of {len}")));
            }
            done += n as usize;
        }
        Ok(())
    }
}

fn refused(error: &JsValue) -> SourceError {
    let text = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.to_string()));
    SourceError::new(text.unwrap_or_else(|| "the browser refused to read the file".to_owned()))
}
