//! Reads the header's little-endian numbers and strings through one read-ahead buffer.
//!
//! The header is millions of small fields and the source may be a system call or a browser API
//! away, so bytes are fetched in pieces of [`READ_AHEAD`]. Nothing is allocated before the bytes
//! for it are known to exist: a length is first held against its limit, then against the rest of
//! the file.

use crate::error::Error;
use crate::limits::{Limit, Limits};
use crate::source::ByteSource;

/// Bytes fetched at once: a whole small header, or 1/100 of a large vocabulary.
pub(crate) const READ_AHEAD: u64 = 256 << 10;

pub(crate) struct Cursor<'a> {
    source: &'a dyn ByteSource,
    limits: &'a Limits,
    /// Bytes of the source.
    len: u64,
    /// Where the next field starts.
    pos: u64,
    /// Bytes of the source from `buffer_start` on.
    buffer: Vec<u8>,
    buffer_start: u64,
    read_ahead: u64,
    /// Heap the parsed values take so far, counted as on a 64-bit machine.
    heap: u64,
    leaves_arrays: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a dyn ByteSource, limits: &'a Limits) -> Self {
        Cursor::with_read_ahead(source, limits, READ_AHEAD)
    }

    pub(crate) fn with_read_ahead(
        source: &'a dyn ByteSource,
        limits: &'a Limits,
        read_ahead: u64,
    ) -> Self {
        let len = source.len();
        let buffer = Vec::new();
        Cursor {
            source,
            limits,
            len,
            pos: 0,
            buffer,
            buffer_start: 0,
            read_ahead,
            heap: 0,
            leaves_arrays: false,
        }
    }

    /// For a reader that moves over arrays and keeps none.
    pub(crate) fn without_arrays(self) -> Self {
        Cursor { leaves_arrays: true, ..self }
    }

    pub(crate) fn leaves_arrays(&self) -> bool {
        self.leaves_arrays
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(crate) fn pos(&self) -> u64 {
        self.pos
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes from here to the end of the file.
    pub(crate) fn remaining(&self) -> u64 {
        self.len.saturating_sub(self.pos)
    }

    /// Back to an earlier position.
    pub(crate) fn rewind(&mut self, pos: u64) {
        self.pos = pos;
    }

    /// Counts `bytes` of heap that the caller is about to keep.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.heap = self.heap.saturating_add(bytes);
        self.check(Limit::Heap, self.heap, self.limits.heap_bytes)
    }

    /// `need` held against a limit, at the current position.
    pub(crate) fn check(&self, limit: Limit, need: u64, max: u64) -> Result<(), Error> {
        if need > max {
            return Err(Error::Limit { limit, need, max, offset: self.pos });
        }
        Ok(())
    }

    /// True room for `n` more bytes, in the file and in the header limit; the new position.
    pub(crate) fn room(&self, n: u64, what: &'static str) -> Result<u64, Error> {
        let have = self.remaining();
        if n > have {
            return Err(Error::Truncated { what, offset: self.pos, need: n, have });
        }
        let end = self.pos.saturating_add(n);
        self.check(Limit::Header, end, self.limits.header_bytes)?;
        Ok(end)
    }

    /// Moves over `n` bytes without reading them.
    pub(crate) fn skip(&mut self, n: u64, what: &'static str) -> Result<(), Error> {
        self.pos = self.room(n, what)?;
        Ok(())
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let end = self.room(N as u64, what)?;
        if let Some(found) = self.buffered().first_chunk::<N>() {
            let found = *found;
            self.pos = end;
            return Ok(found);
        }
        let mut out = [0; N];
        self.fill(&mut out, what)?;
        Ok(out)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count, held against its limit.
    pub(crate) fn count(&mut self, limit: Limit, max: u64) -> Result<u64, Error> {
        let offset = self.pos;
        let need = self.u64("a count")?;
        if need > max {
            return Err(Error::Limit { limit, need, max, offset });
        }
        Ok(need)
    }

    /// A string's length, held against its limit and the file's size.
    pub(crate) fn string_len(
        &mut self,
        limit: Limit,
        max: u64,
        what: &'static str,
    ) -> Result<u64, Error> {
        let start = self.pos;
        let n = self.u64(what)?;
        if n > max {
            return Err(Error::Limit { limit, need: n, max, offset: start });
        }
        self.room(n, what)?;
        Ok(n)
    }

    /// `n` bytes, which [`Cursor::string_len`] found to exist.
    pub(crate) fn bytes(&mut self, n: u64, what: &'static str) -> Result<Vec<u8>, Error> {
        self.room(n, what)?;
        // `n` is at most a limit far below 2^32 and the file has that many bytes.
        let n_bytes = usize::try_from(n).map_err(|_| Error::Limit {
            limit: Limit::String,
            need: n,
            max: u64::from(u32::MAX),
            offset: self.pos,
        })?;
        let mut out = vec![0; n_bytes];
        self.fill(&mut out, what)?;
        Ok(out)
    }

    /// Fills `out` from the buffer, fetching more where needed.
    fn fill(&mut self, out: &mut [u8], what: &'static str) -> Result<(), Error> {
        self.room(out.len() as u64, what)?;
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let buffered = match self.buffered() {
                [] => self.fetch()?,
                buffered => buffered,
            };
            let n = buffered.len().min(rest.len());
            rest.split_at_mut(n).0.copy_from_slice(buffered.split_at(n).0);
            done = done.saturating_add(n);
            self.pos = self.pos.saturating_add(n as u64);
        }
        Ok(())
    }

    /// What the buffer holds from the current position on.
    fn buffered(&self) -> &[u8] {
        self.pos
            .checked_sub(self.buffer_start)
            .and_then(|skip| self.buffer.get(usize::try_from(skip).ok()?..))
            .unwrap_or_default()
    }

    /// Fetches from the current position on; never empty where [`Cursor::room`] was true.
    fn fetch(&mut self) -> Result<&[u8], Error> {
        let n = self.remaining().min(self.read_ahead.max(1));
        self.buffer.clear();
        self.buffer.resize(usize::try_from(n).unwrap_or(1), 0);
        self.buffer_start = self.pos;
        let offset = self.pos;
        self.source
            .read_at(offset, &mut self.buffer)
            .map_err(|source| Error::Io { offset, source })?;
        Ok(&self.buffer)
    }
}

/// Grows by doubling, but never past what the file declared.
pub(crate) fn push_within<T>(items: &mut Vec<T>, item: T, declared: u64) {
    if items.len() == items.capacity() {
        let rest = usize::try_from(declared).unwrap_or(usize::MAX).saturating_sub(items.len());
        items.reserve_exact(items.len().max(64).min(rest));
    }
    items.push(item);
}

/// Room for `n` elements, which exist in the file and are within the limits.
pub(crate) fn vec_of<T>(n: u64) -> Vec<T> {
    Vec::with_capacity(usize::try_from(n).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use crate::header::{parse, parse_in_pieces, parse_outline};
    use crate::{Limits, Metadata, Writer};

    #[test]
    fn pieces_of_any_size_read_the_same_header() {
        let mut metadata = Metadata::new();
        metadata.insert("text", "a text that is longer than most of the pieces");
        metadata.insert("tokens", ["a", "bc", "", "def"].map(String::from).to_vec());
        metadata.insert("scores", vec![1.0f32, 2.0, 3.0]);
        let mut writer = Writer::new(metadata);
        writer.tensor("weight", quant::TensorType::Q8_0, &[64, 2]).unwrap();
        let mut data = writer.start(Vec::new()).unwrap();
        data.write_tensor("weight", &[7; 136]).unwrap();
        let bytes = data.finish().unwrap();
        let whole = format!("{:?}", parse(&bytes, &Limits::NATIVE).unwrap());
        for read_ahead in [0, 1, 2, 3, 5, 7, 8, 13, 64, 1000] {
            let pieces = parse_in_pieces(&bytes, &Limits::NATIVE, read_ahead).unwrap();
            assert_eq!(format!("{pieces:?}"), whole, "{read_ahead}");
        }
        let outline = parse_outline(&bytes, &Limits::NATIVE).unwrap();
        assert_eq!(outline.metadata.len(), 1, "the text alone is no array");
        let full = parse(&bytes, &Limits::NATIVE).unwrap();
        assert_eq!(outline.data_start, full.data_start);
        assert_eq!(format!("{:?}", outline.tensors), format!("{:?}", full.tensors));
        for cut in 0..bytes.len() - 24 {
            let cut_bytes = bytes[..cut].to_vec();
            let whole = parse(&cut_bytes, &Limits::NATIVE).unwrap_err();
            let pieces = parse_in_pieces(&cut_bytes, &Limits::NATIVE, 1).unwrap_err();
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }
}
