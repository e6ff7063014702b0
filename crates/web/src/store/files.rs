//! Stored files as the loader takes them: by the three methods every file of a page has.

use gguf::ByteSource;
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, FileReaderSync};

use super::io::PageFile;

/// An open file of the store.
#[wasm_bindgen]
pub struct StoredFile {
    /// `None` after closing.
    file: Option<PageFile>,
    /// The bytes, where the file is made of blobs.
    blob: Option<Blob>,
}

#[wasm_bindgen]
impl StoredFile {
    /// Bytes of the file.
    #[wasm_bindgen(js_name = getSize)]
    pub fn get_size(&self) -> f64 {
        self.file.as_ref().map_or(0.0, |file| file.len() as f64)
    }

    /// Reads from `options.at` on; bytes read. `into` may lie in this module's memory, so nothing
    /// is allocated here.
    pub fn read(&self, into: &Uint8Array, options: &Object) -> Result<f64, JsValue> {
        let at = Reflect::get(options, &"at".into())?.as_f64().unwrap_or(0.0);
        match (&self.file, &self.blob) {
            (Some(PageFile::Opfs(file)), _) => file.0.read_into(at as u64, into),
            (Some(_), Some(blob)) => {
                let end = at + f64::from(into.length());
                let part = blob.slice_with_f64_and_f64(at, end)?;
                let bytes = FileReaderSync::new()?.read_as_array_buffer(&part)?;
                let bytes = Uint8Array::new(&bytes.into());
                into.set(&bytes, 0);
                Ok(f64::from(bytes.length()))
            }
            _ => Err(js_sys::Error::new("the file was closed").into()),
        }
    }

    /// Lets the file go.
    pub fn close(&mut self) {
        (self.file, self.blob) = (None, None);
    }
}

impl StoredFile {
    /// Makes an open file the script's.
    pub fn new(file: PageFile) -> Result<StoredFile, JsValue> {
        let blob = match &file {
            PageFile::Opfs(_) => None,
            PageFile::Chunks(file) => Some(file.blob()?),
        };
        Ok(StoredFile { file: Some(file), blob })
    }
}
