//! A file as a row of browser blobs of one size.
//!
//! Blobs lie outside of the module's memory (a browser keeps large ones on disk), and a worker can
//! read them without waiting. So a model is never whole in memory here either. Writing into the
//! middle of a blob makes a new one; the store writes whole pieces in all but its small files.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gguf::SourceError;
use js_sys::{Array, Date, Uint8Array};
use store::{IoError, IoKind, StorePath};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, FileReaderSync};

use super::disk::Saved;
use crate::store::scope::words_of;

/// Bytes of a blob: what the store writes at once.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// What an open or remembered file consists of.
pub struct Content {
    chunks: RefCell<Vec<Blob>>,
    len: Cell<u64>,
    modified_ms: Cell<u64>,
    /// Where changes are kept; none in memory.
    saved: Option<Rc<Saved>>,
}

impl Content {
    /// A file of these blobs, all of them but the last [`CHUNK_BYTES`] long.
    pub fn new(chunks: Vec<Blob>, modified_ms: u64, saved: Option<Rc<Saved>>) -> Content {
        let len = chunks.iter().map(|chunk| chunk.size() as u64).sum();
        let (len, modified_ms) = (Cell::new(len), Cell::new(modified_ms));
        Content { chunks: RefCell::new(chunks), len, modified_ms, saved }
    }

    /// The blobs of a file that a person chose: nothing is copied.
    pub fn slices(blob: &Blob) -> Result<Vec<Blob>, JsValue> {
        let len = blob.size() as u64;
        let starts = (0..len.div_ceil(CHUNK_BYTES)).map(|index| index * CHUNK_BYTES);
        starts
            .map(|start| {
                let end = (start + CHUNK_BYTES).min(len);
                blob.slice_with_f64_and_f64(start as f64, end as f64)
            })
            .collect()
    }

    /// Replaces everything.
    pub fn set(&self, chunks: Vec<Blob>) {
        self.len.set(chunks.iter().map(|chunk| chunk.size() as u64).sum());
        *self.chunks.borrow_mut() = chunks;
        self.touch();
    }

    pub fn len(&self) -> u64 {
        self.len.get()
    }

    pub fn modified_ms(&self) -> u64 {
        self.modified_ms.get()
    }

    pub fn saved(&self) -> Option<&Rc<Saved>> {
        self.saved.as_ref()
    }

    fn touch(&self) {
        self.modified_ms.set(Date::now() as u64);
    }

    /// The whole file as one blob, of the same bytes.
    pub fn blob(&self) -> Result<Blob, JsValue> {
        let parts: Array = self.chunks.borrow().iter().collect();
        Blob::new_with_blob_sequence(&parts)
    }

    /// Reads all of `buf`.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let mut rest = buf;
        self.read(offset, rest.len(), |bytes| {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(bytes.length() as usize);
            bytes.copy_to(now);
            rest = later;
        })
    }

    /// Fills an array of the script.
    pub fn fill(&self, offset: u64, into: &Uint8Array) -> Result<(), SourceError> {
        let mut done = 0;
        self.read(offset, into.length() as usize, |bytes| {
            into.set(bytes, done);
            done += bytes.length();
        })
    }

    /// Reads `len` bytes, and gives them in parts.
    fn read(
        &self,
        offset: u64,
        len: usize,
        mut take: impl FnMut(&Uint8Array),
    ) -> Result<(), SourceError> {
        let end = offset.saturating_add(len as u64);
        if end > self.len() {
            let len = self.len();
            return Err(SourceError::new(format!("nothing to read at byte {len} of {len}")));
        }
        let mut at = offset;
        while at < end {
            let (index, from) = (at / CHUNK_BYTES, at % CHUNK_BYTES);
            let n = (end - at).min(CHUNK_BYTES - from);
            let bytes = self.read_chunk(index as usize, from, n as usize);
            take(&bytes.map_err(|error| SourceError::new(words_of(&error)))?);
            at += n;
        }
        Ok(())
    }

    fn read_chunk(&self, index: usize, from: u64, n: usize) -> Result<Uint8Array, JsValue> {
        let chunks = self.chunks.borrow();
        let gone = || JsValue::from(js_sys::Error::new("a part of the file is gone"));
        let chunk = chunks.get(index).ok_or_else(gone)?;
        let part = chunk.slice_with_f64_and_f64(from as f64, (from + n as u64) as f64)?;
        let bytes = Uint8Array::new(&FileReaderSync::new()?.read_as_array_buffer(&part)?.into());
        if bytes.length() as usize == n { Ok(bytes) } else { Err(gone()) }
    }

    /// Writes all of `bytes`, growing the file.
    pub fn write_at(&self, path: &StorePath, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        if offset > self.len() {
            self.set_len(path, offset)?;
        }
        let failed = |error: JsValue| IoError::new("write", path, IoKind::Other, &words_of(&error));
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (index, from) = ((at / CHUNK_BYTES) as usize, (at % CHUNK_BYTES) as usize);
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES as usize - from));
            let chunk = self.patched(index, from, now).map_err(failed)?;
            let mut chunks = self.chunks.borrow_mut();
            match chunks.get_mut(index) {
                Some(old) => *old = chunk,
                None => chunks.push(chunk),
            }
            at += now.len() as u64;
            rest = later;
            self.len.set(self.len().max(at));
            drop(chunks);
            self.save(path, index)?;
        }
        self.touch();
        Ok(())
    }

    /// A chunk with these bytes in it.
    fn patched(&self, index: usize, from: usize, bytes: &[u8]) -> Result<Blob, JsValue> {
        let parts = Array::new();
        let old = self.chunks.borrow().get(index).cloned();
        let (from, end) = (from as f64, (from + bytes.len()) as f64);
        if let Some(old) = old.as_ref().filter(|_| from > 0.0) {
            parts.push(&old.slice_with_f64_and_f64(0.0, from)?.into());
        }
        // A copy: blobs cannot be made of memory that is shared.
        parts.push(&Uint8Array::new_from_slice(bytes));
        if let Some(old) = old.as_ref().filter(|old| old.size() > end) {
            parts.push(&old.slice_with_f64_and_f64(end, old.size())?.into());
        }
        // Read and made anew, so that it does not hold on to the blobs it was made of.
        let whole = Blob::new_with_blob_sequence(&parts)?;
        if parts.length() == 1 {
            return Ok(whole);
        }
        let bytes = FileReaderSync::new()?.read_as_array_buffer(&whole)?;
        Blob::new_with_buffer_source_sequence(&Array::of1(&bytes))
    }

    /// Cuts the file, or extends it by zeros.
    pub fn set_len(&self, path: &StorePath, len: u64) -> Result<(), IoError> {
        let failed = |error: JsValue| IoError::new("cut", path, IoKind::Other, &words_of(&error));
        while self.len() < len {
            let room = CHUNK_BYTES - self.len() % CHUNK_BYTES;
            let zeros = vec![0; room.min(len - self.len()) as usize];
            self.write_at(path, self.len(), &zeros)?;
        }
        if self.len() > len {
            let mut chunks = self.chunks.borrow_mut();
            chunks.truncate(len.div_ceil(CHUNK_BYTES) as usize);
            if let Some(last) = chunks.last_mut().filter(|_| !len.is_multiple_of(CHUNK_BYTES)) {
                let cut = last.slice_with_f64_and_f64(0.0, (len % CHUNK_BYTES) as f64);
                *last = cut.map_err(failed)?;
            }
            let index = chunks.len().saturating_sub(1);
            drop(chunks);
            self.len.set(len);
            self.save(path, index)?;
        }
        self.touch();
        Ok(())
    }

    /// Begins to save a chunk and the file's length.
    fn save(&self, path: &StorePath, index: usize) -> Result<(), IoError> {
        let Some(saved) = &self.saved else { return Ok(()) };
        let chunk = self.chunks.borrow().get(index).cloned();
        saved.put(path, index, chunk.as_ref(), self.len())
    }
}
