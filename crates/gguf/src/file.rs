//! An open model: the parsed header and the sources its tensors are read from.
//!
//! A split model is one `Gguf` over several sources: metadata come from its first file, tensors
//! from all of them, each naming its file. `Gguf` owns the sources, so nothing can be read that was
//! not checked when it was opened.

use std::fmt;

use crate::error::Error;
use crate::header::{Header, parse, parse_outline};
use crate::limits::{Limit, Limits};
use crate::metadata::{Metadata, sorted_positions};
use crate::source::ByteSource;
use crate::split;
use crate::tensors::TensorInfo;

/// A model file, or the files of a split model.
pub struct Gguf {
    /// Version of the (first) file: 2 or 3.
    pub version: u32,
    /// Metadata of the (first) file.
    pub metadata: Metadata,
    /// All tensors in file order.
    pub tensors: Vec<TensorInfo>,
    /// Alignment of the tensor data in the (first) file, bytes.
    pub alignment: u64,
    /// First byte of tensor data in the (first) file.
    pub data_start: u64,
    /// Bytes after the tensor data, over all files: not part of the model.
    pub trailing_bytes: u64,
    by_name: Vec<u32>,
    sources: Vec<Box<dyn ByteSource>>,
}

impl Gguf {
    /// Opens a model of one file, with the limits of this machine.
    ///
    /// # Errors
    /// Any reason to refuse the file; [`Error::Split`] for a part of a split model.
    pub fn open(source: Box<dyn ByteSource>) -> Result<Gguf, Error> {
        Gguf::open_split(vec![source])
    }

    /// Opens a model of one or several files, in order, with the limits of this machine.
    ///
    /// # Errors
    /// As [`Gguf::open`]; with several files the error says which one ([`Error::Shard`]).
    pub fn open_split(sources: Vec<Box<dyn ByteSource>>) -> Result<Gguf, Error> {
        Gguf::open_with(sources, Limits::host())
    }

    /// Opens a model with given limits.
    ///
    /// # Errors
    /// As [`Gguf::open_split`].
    pub fn open_with(sources: Vec<Box<dyn ByteSource>>, limits: &Limits) -> Result<Gguf, Error> {
        Gguf::open_by(sources, limits, parse)
    }

    /// Opens a model of one or several files for a look at it: its metadata have no arrays, which
    /// are passed over with only their lengths checked. A tenth of the time of [`Gguf::open_split`]
    /// for a file with a large vocabulary.
    ///
    /// # Errors
    /// As [`Gguf::open_split`], but for what is wrong within arrays.
    pub fn open_outline(sources: Vec<Box<dyn ByteSource>>) -> Result<Gguf, Error> {
        Gguf::open_by(sources, Limits::host(), parse_outline)
    }

    fn open_by(
        sources: Vec<Box<dyn ByteSource>>,
        limits: &Limits,
        parse: fn(&dyn ByteSource, &Limits) -> Result<Header, Error>,
    ) -> Result<Gguf, Error> {
        let (need, max) = (sources.len() as u64, limits.n_shards);
        if need > max {
            return Err(Error::Limit { limit: Limit::Shards, need, max, offset: 0 });
        }
        let mut headers = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            headers.push(parse(&**source, limits).map_err(|error| match sources.len() {
                1 => error,
                _ => Error::Shard { index, error: Box::new(error) },
            })?);
        }
        split::check(&headers.iter().map(|h| (&h.metadata, h.tensors.len())).collect::<Vec<_>>())?;
        Gguf::join(headers, sources)
    }

    fn join(headers: Vec<Header>, sources: Vec<Box<dyn ByteSource>>) -> Result<Gguf, Error> {
        let trailing_bytes = headers.iter().map(|header| header.trailing_bytes).sum();
        let n_files = headers.len();
        let mut headers = headers.into_iter();
        let Some(Header { version, metadata, mut tensors, by_name, alignment, data_start, .. }) =
            headers.next()
        else {
            return Err(Error::Split { reason: "there is no file at all, name one".to_owned() });
        };
        for (shard, header) in (1..).zip(headers) {
            let moved = header.tensors.into_iter().map(|info| TensorInfo { shard, ..info });
            tensors.extend(moved);
        }
        let by_name = match n_files {
            1 => by_name,
            _ => sorted_positions(&tensors, |tensor| &tensor.name).map_err(|twice| {
                let info = tensors.get(twice);
                let name = info.map(|info| info.name.clone()).unwrap_or_default();
                Error::DuplicateTensor { name, offset: info.map_or(0, |info| info.offset) }
            })?,
        };
        Ok(Gguf {
            version,
            metadata,
            tensors,
            alignment,
            data_start,
            trailing_bytes,
            by_name,
            sources,
        })
    }

    /// The same model over other sources, which `change` makes of its own: bytes may differ, sizes
    /// and headers must not, for both were read and checked already.
    #[must_use]
    pub fn map_sources(
        mut self,
        mut change: impl FnMut(usize, Box<dyn ByteSource>) -> Box<dyn ByteSource>,
    ) -> Gguf {
        let sources = std::mem::take(&mut self.sources).into_iter().enumerate();
        self.sources = sources.map(|(shard, source)| change(shard, source)).collect();
        self
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let info = |position: &u32| self.tensors.get(*position as usize);
        let name_at = |position: &u32| info(position).map(|info| info.name.as_str());
        let found = self.by_name.binary_search_by(|position| name_at(position).cmp(&Some(name)));
        found.ok().and_then(|found| self.by_name.get(found)).and_then(info)
    }

    /// Fills `buf` with the bytes of a tensor from its byte `offset` on.
    ///
    /// # Errors
    /// [`Error::TensorRange`] for bytes outside the tensor, [`Error::Io`] if the source fails.
    pub fn read_tensor(&self, info: &TensorInfo, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let source = self.sources.get(info.shard).ok_or_else(|| out_of_range(info, offset, buf))?;
        read_tensor(&**source, info, offset, buf)
    }

    /// Reads a tensor from several threads at once; `None` where its source cannot.
    pub fn shared_tensor<'a>(&'a self, info: &'a TensorInfo) -> Option<TensorReader<'a>> {
        let source = self.sources.get(info.shard)?.shared()?;
        Some(TensorReader { source, info })
    }

    /// Bytes of all tensors, without padding.
    pub fn tensor_bytes(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.n_bytes).sum()
    }

    /// Bytes of each file, in order.
    pub fn file_bytes(&self) -> impl Iterator<Item = u64> {
        self.sources.iter().map(|source| source.len())
    }
}

/// One tensor's bytes, for several threads; made by [`Gguf::shared_tensor`].
#[derive(Clone, Copy)]
pub struct TensorReader<'a> {
    source: &'a (dyn ByteSource + Sync),
    info: &'a TensorInfo,
}

impl TensorReader<'_> {
    /// As [`Gguf::read_tensor`].
    ///
    /// # Errors
    /// As [`Gguf::read_tensor`].
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        read_tensor(self.source, self.info, offset, buf)
    }
}

fn read_tensor(
    source: &dyn ByteSource,
    info: &TensorInfo,
    offset: u64,
    buf: &mut [u8],
) -> Result<(), Error> {
    let inside = offset.checked_add(buf.len() as u64).is_some_and(|end| end <= info.n_bytes);
    match info.offset.checked_add(offset) {
        Some(offset) if inside => {
            source.read_at(offset, buf).map_err(|source| Error::Io { offset, source })
        }
        _ => Err(out_of_range(info, offset, buf)),
    }
}

fn out_of_range(info: &TensorInfo, start: u64, buf: &[u8]) -> Error {
    let (tensor, n, n_bytes) = (info.name.clone(), buf.len() as u64, info.n_bytes);
    Error::TensorRange { tensor, start, n, n_bytes }
}

impl fmt::Debug for Gguf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gguf")
            .field("version", &self.version)
            .field("n_kv", &self.metadata.len())
            .field("n_tensors", &self.tensors.len())
            .field("n_files", &self.sources.len())
            .finish_non_exhaustive()
    }
}
