//! Writes GGUF version 3 to anything that takes bytes, without holding a tensor.
//!
//! The header comes first and names every tensor's place, so the tensors are declared before any
//! data are written ([`Writer`]), then their bytes are streamed in the declared order
//! ([`DataWriter`]); `Seek` is not needed. Sizes and places come from the reader's own layout
//! functions, so what is written is what is read.

use std::io::{self, Write};

use quant::TensorType;

use crate::layout::{Layout, align_up, tensor_bytes};
use crate::limits::Limits;
use crate::metadata::Metadata;
use crate::value::{Array, Value};
use crate::{DEFAULT_ALIGNMENT, KEY_ALIGNMENT, MAGIC};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The destination failed.
    #[error("the file could not be written: {0}")]
    Io(#[from] io::Error),
    /// `general.alignment` is no u32 power of two within the limits.
    #[error("general.alignment must be a uint32 power of two up to 1048576")]
    Alignment,
    /// A name, key or shape the reader would refuse.
    #[error("\"{}\" cannot be written: {reason}", .name.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    Invalid { name: String, reason: &'static str },
    /// More or fewer bytes than declared.
    #[error("tensor \"{name}\" was declared with {want} bytes and got {got}")]
    #[allow(missing_docs, reason = "the text above says it")]
    Size { name: String, want: u64, got: u64 },
    /// Data although every declared tensor is complete, or for another tensor than the next one.
    #[error("data for tensor \"{got}\" where {want} comes next")]
    #[allow(missing_docs, reason = "the text above says it")]
    Order { got: String, want: String },
}

/// The header of a file to be written.
#[derive(Debug)]
pub struct Writer {
    metadata: Metadata,
    tensors: Vec<(String, TensorType, Vec<u64>, u64)>,
}

impl Writer {
    /// A file with these metadata and no tensors yet.
    pub fn new(metadata: Metadata) -> Self {
        Writer { metadata, tensors: Vec::new() }
    }

    /// Declares the next tensor: `dims` in ggml's order, `dims[0]` contiguous.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] for a name or a shape the reader would refuse.
    pub fn tensor(
        &mut self,
        name: impl Into<String>,
        ty: TensorType,
        dims: &[u64],
    ) -> Result<(), WriteError> {
        let name = name.into();
        let limits = &Limits::NATIVE;
        if name.is_empty()
            || name.len() as u64 > limits.name_bytes
            || name.chars().any(char::is_control)
        {
            let reason = "a tensor name has 1 to 63 bytes and no control characters";
            return Err(WriteError::Invalid { name, reason });
        }
        if dims.len() as u64 > u64::from(limits.n_dims) {
            return Err(WriteError::Invalid { name, reason: "at most 4 dimensions are possible" });
        }
        let Some(n_bytes) = tensor_bytes(ty, dims) else {
            let reason = "its rows are no whole blocks or it is larger than a file can be";
            return Err(WriteError::Invalid { name, reason });
        };
        self.tensors.push((name, ty, dims.to_vec(), n_bytes));
        Ok(())
    }

    /// Writes the header and its padding; the data are next.
    ///
    /// # Errors
    /// [`WriteError::Io`], or a key, name or alignment the reader would refuse.
    pub fn start<W: Write>(self, out: W) -> Result<DataWriter<W>, WriteError> {
        let alignment = self.alignment()?;
        self.check()?;
        let mut header = Vec::from(MAGIC);
        header.extend(3u32.to_le_bytes());
        header.extend((self.tensors.len() as u64).to_le_bytes());
        header.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in self.metadata.iter() {
            put_string(&mut header, key.as_bytes());
            header.extend(value.value_type().id().to_le_bytes());
            put_value(&mut header, value);
        }
        let mut layout = Layout::new(alignment);
        for (name, ty, dims, n_bytes) in &self.tensors {
            put_string(&mut header, name.as_bytes());
            // At most 4, checked in `tensor`.
            header.extend(u32::try_from(dims.len()).unwrap_or(u32::MAX).to_le_bytes());
            dims.iter().for_each(|dim| header.extend(dim.to_le_bytes()));
            header.extend(ty.id().to_le_bytes());
            header.extend(layout.end().to_le_bytes());
            let reason = "the file becomes larger than a file can be";
            let too_large = || WriteError::Invalid { name: name.clone(), reason };
            layout.push(*n_bytes).ok_or_else(too_large)?;
        }
        let mut pieces: Vec<(String, u64)> =
            self.tensors.into_iter().map(|(name, _, _, n_bytes)| (name, n_bytes)).collect();
        pieces.reverse();
        let mut data = DataWriter { out, alignment, pieces, written: 0 };
        data.out.write_all(&header)?;
        data.pad(header.len() as u64)?;
        data.skip_empty();
        Ok(data)
    }

    fn alignment(&self) -> Result<u64, WriteError> {
        match self.metadata.get(KEY_ALIGNMENT) {
            None => Ok(DEFAULT_ALIGNMENT),
            Some(Value::U32(n)) if n.is_power_of_two() => Some(u64::from(*n))
                .filter(|n| *n <= Limits::NATIVE.alignment)
                .ok_or(WriteError::Alignment),
            Some(_) => Err(WriteError::Alignment),
        }
    }

    fn check(&self) -> Result<(), WriteError> {
        let limits = &Limits::NATIVE;
        for (key, _) in self.metadata.iter() {
            let fits = (1..=limits.key_bytes).contains(&(key.len() as u64));
            if !fits || key.chars().any(char::is_control) {
                let reason = "a key has 1 to 65535 bytes and no control characters";
                return Err(WriteError::Invalid { name: key.to_owned(), reason });
            }
        }
        let mut names: Vec<&str> = self.tensors.iter().map(|tensor| tensor.0.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some([name, ..]) => Err(WriteError::Invalid {
                name: (*name).to_owned(),
                reason: "two tensors cannot have the same name",
            }),
            _ => Ok(()),
        }
    }
}

/// The tensor data of a file whose header is written.
#[derive(Debug)]
pub struct DataWriter<W: Write> {
    out: W,
    alignment: u64,
    /// Name and size of the tensors that are not complete, the next one last.
    pieces: Vec<(String, u64)>,
    /// Bytes of the next tensor that are written.
    written: u64,
}

impl<W: Write> DataWriter<W> {
    /// Name of the tensor whose bytes are expected; `None` when all are complete.
    pub fn next_tensor(&self) -> Option<&str> {
        self.pieces.last().map(|(name, _)| name.as_str())
    }

    /// A whole tensor at once.
    ///
    /// # Errors
    /// [`WriteError::Order`] if another tensor is next, [`WriteError::Size`] if it is not whole.
    pub fn write_tensor(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let next = self.pieces.last().filter(|(next, _)| next == name && self.written == 0);
        match next {
            None if bytes.is_empty() => Ok(()),
            None => Err(self.order(name)),
            Some((_, want)) if *want != bytes.len() as u64 => Err(WriteError::Size {
                name: name.to_owned(),
                want: *want,
                got: bytes.len() as u64,
            }),
            Some(_) => self.write(bytes),
        }
    }

    /// The next bytes of the next tensor; it is padded when it is complete.
    ///
    /// # Errors
    /// [`WriteError::Size`] for more bytes than the tensor has left.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let Some((name, n_bytes)) = self.pieces.last() else {
            return if bytes.is_empty() { Ok(()) } else { Err(self.order("(more)")) };
        };
        let (n_bytes, got) = (*n_bytes, self.written.saturating_add(bytes.len() as u64));
        if got > n_bytes {
            return Err(WriteError::Size { name: name.clone(), want: n_bytes, got });
        }
        self.out.write_all(bytes)?;
        self.written = got;
        if got == n_bytes {
            self.pad(n_bytes)?;
            self.pieces.pop();
            self.written = 0;
            self.skip_empty();
        }
        Ok(())
    }

    /// Ends the file and gives the destination back.
    ///
    /// # Errors
    /// [`WriteError::Size`] if a tensor is not complete.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if let Some((name, want)) = self.pieces.last() {
            return Err(WriteError::Size { name: name.clone(), want: *want, got: self.written });
        }
        self.out.flush()?;
        Ok(self.out)
    }

    fn order(&self, got: &str) -> WriteError {
        let want = self.next_tensor().map_or("nothing".to_owned(), |name| format!("\"{name}\""));
        WriteError::Order { got: got.to_owned(), want }
    }

    /// Tensors without elements are complete as they are.
    fn skip_empty(&mut self) {
        while self.pieces.last().is_some_and(|(_, n_bytes)| *n_bytes == 0) {
            self.pieces.pop();
        }
    }

    fn pad(&mut self, n: u64) -> Result<(), WriteError> {
        let n_pad = align_up(n, self.alignment).unwrap_or(n).saturating_sub(n);
        io::copy(&mut io::Read::take(io::repeat(0), n_pad), &mut self.out)?;
        Ok(())
    }
}

fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(v) => out.extend(v.to_le_bytes()),
        Value::I8(v) => out.extend(v.to_le_bytes()),
        Value::U16(v) => out.extend(v.to_le_bytes()),
        Value::I16(v) => out.extend(v.to_le_bytes()),
        Value::U32(v) => out.extend(v.to_le_bytes()),
        Value::I32(v) => out.extend(v.to_le_bytes()),
        Value::U64(v) => out.extend(v.to_le_bytes()),
        Value::I64(v) => out.extend(v.to_le_bytes()),
        Value::F32(v) => out.extend(v.to_le_bytes()),
        Value::F64(v) => out.extend(v.to_le_bytes()),
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::String(v) => put_string(out, v.as_bytes()),
        Value::Bytes(v) => put_string(out, v),
        Value::Array(array) => put_array(out, array),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    out.extend(array.element_type().id().to_le_bytes());
    out.extend((array.len() as u64).to_le_bytes());
    match array {
        Array::U8(v) => out.extend(v),
        Array::I8(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::U16(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::I16(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::U32(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::I32(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::U64(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::I64(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::F32(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::F64(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        Array::Bool(v) => v.iter().for_each(|x| out.push(u8::from(*x))),
        Array::String(v) => v.iter().for_each(|x| put_string(out, x.as_bytes())),
        Array::Bytes(v) => v.iter().for_each(|x| put_string(out, x)),
    }
}
