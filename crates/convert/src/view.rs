//! A source seen as the GGUF file it would become: a header in memory, and behind it tensors that
//! are made when they are read.
//!
//! So whatever takes a GGUF file takes any model: the store copies it, a player loads it, and
//! neither learns where the numbers come from.

use gguf::{
    ByteSource, DEFAULT_ALIGNMENT, KEY_ALIGNMENT, Metadata, SourceError, WriteError, Writer,
};
use quant::TensorType;
use quantize::Source;

/// A GGUF file that is nowhere.
pub struct GgufView {
    header: Vec<u8>,
    source: Box<dyn Source>,
    /// First byte and one behind the last of each tensor, ascending.
    places: Vec<(u64, u64)>,
    len: u64,
}

impl std::fmt::Debug for GgufView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GgufView of {} tensors, {} bytes", self.places.len(), self.len)
    }
}

impl GgufView {
    /// Lays out the file of a source.
    ///
    /// # Errors
    /// [`WriteError`] for names and sizes that a GGUF file cannot have.
    pub fn new(source: Box<dyn Source>) -> Result<GgufView, WriteError> {
        let mut metadata = Metadata::new();
        for (key, value) in source.metadata().iter().filter(|(key, _)| !key.starts_with("split.")) {
            metadata.insert(key, value.clone());
        }
        if metadata.get("general.file_type").is_none()
            && let Some(file_type) = file_type(&*source)
        {
            metadata.insert("general.file_type", file_type);
        }
        let alignment = metadata.u32(KEY_ALIGNMENT).ok().flatten();
        let alignment = alignment.map_or(DEFAULT_ALIGNMENT, u64::from);
        let mut writer = Writer::new(metadata);
        for tensor in source.tensors() {
            writer.tensor(&tensor.name, tensor.ty, &tensor.dims)?;
        }
        let mut header = Vec::new();
        drop(writer.start(&mut header)?);
        let mut places = Vec::new();
        let mut end = header.len() as u64;
        for tensor in source.tensors() {
            let start = end;
            // The writer refused what overflows.
            let n_bytes = tensor.n_bytes().unwrap_or(0);
            places.push((start, start.saturating_add(n_bytes)));
            end = start.saturating_add(n_bytes).next_multiple_of(alignment.max(1));
        }
        Ok(GgufView { header, source, places, len: end })
    }

    /// Some bytes at `offset`; how many.
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> Result<usize, SourceError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(rest) = self.header.get(start..).filter(|rest| !rest.is_empty()) {
            let n = rest.len().min(buf.len());
            let (into, from) = (buf.get_mut(..n), rest.get(..n));
            into.unwrap_or_default().copy_from_slice(from.unwrap_or_default());
            return Ok(n);
        }
        let index = self.places.partition_point(|(_, end)| *end <= offset);
        let (start, end) = self.places.get(index).copied().unwrap_or((self.len, self.len));
        if offset < start {
            // Padding.
            let n = (start - offset).min(buf.len() as u64) as usize;
            buf.get_mut(..n).unwrap_or_default().fill(0);
            return Ok(n);
        }
        let n = (end - offset).min(buf.len() as u64) as usize;
        self.read_tensor(index, offset - start, buf.get_mut(..n).unwrap_or_default())
    }

    /// Bytes of a tensor from its byte `at` on: whole rows where they fit, else a part of one.
    fn read_tensor(&self, index: usize, at: u64, buf: &mut [u8]) -> Result<usize, SourceError> {
        let row_bytes = self.source.tensors().get(index).and_then(quantize::Tensor::row_bytes);
        let row_bytes = row_bytes.filter(|n| *n > 0).ok_or_else(|| SourceError::new("no row"))?;
        let (row, in_row) = (at / row_bytes, at % row_bytes);
        let n_whole = buf.len() as u64 / row_bytes;
        if in_row == 0 && n_whole > 0 {
            let n = (n_whole * row_bytes) as usize;
            self.source.read_rows(index, row, buf.get_mut(..n).unwrap_or_default())?;
            return Ok(n);
        }
        let mut whole = vec![0; row_bytes as usize];
        self.source.read_rows(index, row, &mut whole)?;
        let rest = whole.get(in_row as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        let (into, from) = (buf.get_mut(..n), rest.get(..n));
        into.unwrap_or_default().copy_from_slice(from.unwrap_or_default());
        Ok(n)
    }
}

impl ByteSource for GgufView {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            let (n, len) = (buf.len(), self.len);
            return Err(SourceError::new(format!("{n} bytes at {offset} of {len} were asked for")));
        }
        let (mut offset, mut buf) = (offset, buf);
        while !buf.is_empty() {
            let n = self.read_some(offset, buf)?;
            buf = buf.get_mut(n..).unwrap_or_default();
            offset += n as u64;
        }
        Ok(())
    }
}

/// llama.cpp's number for files whose matrices are mostly of one float type.
fn file_type(source: &dyn Source) -> Option<u32> {
    let matrices = source.tensors().iter().filter(|tensor| tensor.dims.len() > 1);
    let largest = matrices.max_by_key(|tensor| tensor.n_elements())?;
    Some(match largest.ty {
        TensorType::F32 => 0,
        TensorType::F16 => 1,
        TensorType::BF16 => 32,
        _ => return None,
    })
}
