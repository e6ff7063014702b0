//! A file that a person chose, read where it lies.

use gguf::{ByteSource, SourceError};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{File, FileReaderSync};

/// A chosen file. It can be read without waiting in a worker.
pub struct ChosenFile {
    file: File,
    len: u64,
}

impl ChosenFile {
    pub fn new(file: &File) -> ChosenFile {
        ChosenFile { file: file.clone(), len: file.size() as u64 }
    }
}

impl ByteSource for ChosenFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let gone = || {
            let name = self.file.name();
            SourceError::new(format!("{name} was moved, changed or removed"))
        };
        let end = offset.saturating_add(buf.len() as u64);
        if end > self.len {
            let len = self.len;
            return Err(SourceError::new(format!("nothing to read at byte {offset} of {len}")));
        }
        let read = || {
            let part = self.file.slice_with_f64_and_f64(offset as f64, end as f64)?;
            FileReaderSync::new()?.read_as_array_buffer(&part)
        };
        let bytes = Uint8Array::new(&read().map_err(|_: JsValue| gone())?.into());
        if bytes.length() as usize != buf.len() {
            return Err(gone());
        }
        bytes.copy_to(buf);
        Ok(())
    }
}
