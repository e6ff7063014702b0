//! A model in which some tensors are as rough as another type would make them.
//!
//! What is read of such a tensor is encoded in the other type, decoded again, and given in the
//! bytes of its own type, so all that stands behind the source (checks, loader, kernels) is what
//! it was: the rounding of weights is the only difference that is measured. Nothing is kept; rows
//! are rounded when they are read, over several threads.
//!
//! BF16 has 8 bits of a number; a source in BF16 so adds a rounding of its own, as large as a third
//! of Q8_0's. F16's is far below that of every type here.

use std::sync::Arc;

use gguf::{ByteSource, Gguf, SourceError, TensorInfo};
use quant::TensorType;

/// Rows for each thread at least; fewer are not worth starting one.
const ROWS: usize = 8;

/// One tensor that is rounded.
#[derive(Clone, Debug)]
pub struct Change {
    shard: usize,
    /// Bytes of the tensor in its file.
    start: u64,
    end: u64,
    row_bytes: u64,
    n_cols: usize,
    from: TensorType,
    to: TensorType,
    importance: Option<Arc<[f32]>>,
}

impl Change {
    /// A tensor of a model, to be rounded to `to`; `importance` has a number for each column.
    pub fn new(info: &TensorInfo, to: TensorType, importance: Option<Arc<[f32]>>) -> Change {
        let n_cols = info.dims.first().copied().unwrap_or(1);
        Change {
            shard: info.shard,
            start: info.offset,
            end: info.offset.saturating_add(info.n_bytes),
            row_bytes: gguf::tensor_bytes(info.ty, &[n_cols]).unwrap_or(info.n_bytes).max(1),
            n_cols: usize::try_from(n_cols).unwrap_or(0),
            from: info.ty,
            to,
            importance,
        }
    }

    /// Rounds whole rows of the tensor in place.
    fn round(&self, rows: &mut [u8], n_threads: usize) -> Result<(), String> {
        let row_bytes = self.row_bytes as usize;
        let n_rows = rows.len() / row_bytes;
        let n_threads = n_threads.min(n_rows / ROWS).max(1);
        if n_threads == 1 {
            return self.round_some(rows);
        }
        let part = n_rows.div_ceil(n_threads) * row_bytes;
        std::thread::scope(|scope| {
            let start = |rows| scope.spawn(move || self.round_some(rows));
            let all: Vec<_> = rows.chunks_mut(part).map(start).collect();
            let lost = || "a thread ended unexpectedly".to_owned();
            all.into_iter().try_for_each(|thread| thread.join().map_err(|_| lost())?)
        })
    }

    fn round_some(&self, rows: &mut [u8]) -> Result<(), String> {
        let mut values = vec![0.0; self.n_cols];
        let need = gguf::tensor_bytes(self.to, &[self.n_cols as u64]).unwrap_or(0);
        let mut bytes = vec![0; need as usize];
        for row in rows.chunks_exact_mut(self.row_bytes as usize) {
            quant::decode(self.from, row, &mut values).map_err(|error| error.to_string())?;
            let importance = self.importance.as_deref();
            through(self.to, &mut values, importance, &mut bytes)?;
            quant::encode_row(self.from, &values, None, row).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A row as another type would have it; `bytes` is room for that.
pub fn through(
    ty: TensorType,
    row: &mut [f32],
    importance: Option<&[f32]>,
    bytes: &mut [u8],
) -> Result<(), String> {
    quant::encode_row(ty, row, importance, bytes).map_err(|error| error.to_string())?;
    quant::decode(ty, bytes, row).map_err(|error| error.to_string())
}

/// The model with these tensors rounded.
pub fn rounded(gguf: Gguf, changes: &[Change], n_threads: usize) -> Gguf {
    gguf.map_sources(|shard, source| {
        let of_shard = changes.iter().filter(|change| change.shard == shard);
        let changes: Vec<Change> = of_shard.cloned().collect();
        match changes.is_empty() {
            true => source,
            false => Box::new(Rounded { source, changes, n_threads }),
        }
    })
}

struct Rounded {
    source: Box<dyn ByteSource>,
    changes: Vec<Change>,
    n_threads: usize,
}

impl ByteSource for Rounded {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_at(offset, buf)?;
        let end = offset.saturating_add(buf.len() as u64);
        for change in &self.changes {
            let (from, to) = (change.start.max(offset), change.end.min(end));
            if from < to {
                self.apply(change, from, to, offset, buf)?;
            }
        }
        Ok(())
    }
}

impl Rounded {
    /// Rounds the bytes `from..to` of the file, which `buf` has from `offset` on.
    fn apply(
        &self,
        change: &Change,
        from: u64,
        to: u64,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<(), SourceError> {
        let failed = |reason: String| SourceError::new(reason);
        let gone = || SourceError::new("a part of a row was asked for that is not there");
        let part = buf.get_mut((from - offset) as usize..(to - offset) as usize);
        let part = part.ok_or_else(gone)?;
        let (skip, left) = ((from - change.start) % change.row_bytes, to - change.start);
        if skip == 0 && left.is_multiple_of(change.row_bytes) {
            return change.round(part, self.n_threads).map_err(failed);
        }
        // Rows are rounded as wholes, whatever part of them is asked for.
        let n = skip.saturating_add(part.len() as u64).next_multiple_of(change.row_bytes);
        let mut whole = vec![0; n as usize];
        self.source.read_at(from - skip, &mut whole)?;
        change.round(&mut whole, self.n_threads).map_err(failed)?;
        let skip = skip as usize;
        part.copy_from_slice(whole.get(skip..skip + part.len()).ok_or_else(gone)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use gguf::{Metadata, Writer};

    /// Two tensors of 20 rows of 32 values.
    fn file() -> Vec<u8> {
        let mut writer = Writer::new(Metadata::new());
        for name in ["a", "b"] {
            writer.tensor(name, TensorType::F32, &[32, 20]).unwrap();
        }
        let mut data = writer.start(Vec::new()).unwrap();
        let values: Vec<u8> =
            (0..640).flat_map(|i| f32::sin(i as f32 * 1.7).to_le_bytes()).collect();
        for name in ["a", "b"] {
            data.write_tensor(name, &values).unwrap();
        }
        data.finish().unwrap()
    }

    #[test]
    fn any_part_is_a_part_of_the_whole_and_only_one_tensor_is_rounded() {
        let bytes = file();
        let gguf = Gguf::open(Box::new(bytes.clone())).unwrap();
        let info = gguf.tensor("b").unwrap().clone();
        let weights: Arc<[f32]> = (0..32).map(|i| 1.0 + i as f32).collect();
        let changes = [Change::new(&info, TensorType::Q4_0, Some(Arc::clone(&weights)))];
        let mut sources = Vec::new();
        let _ = rounded(gguf, &changes, 3).map_sources(|_, source| {
            let mut whole = vec![0; bytes.len()];
            source.read_at(0, &mut whole).unwrap();
            sources.push((whole, source));
            Box::new(bytes.clone())
        });
        let (whole, source) = sources.pop().unwrap();
        let (start, end) = (info.offset as usize, (info.offset + info.n_bytes) as usize);
        assert_eq!((&whole[..start], &whole[end..]), (&bytes[..start], &bytes[end..]));
        // Row by row what the encoder makes of it.
        let (mut row, mut q) = ([0f32; 32], [0; 18]);
        for (old, new) in bytes[start..end].chunks(128).zip(whole[start..end].chunks(128)) {
            quant::decode(TensorType::F32, old, &mut row).unwrap();
            through(TensorType::Q4_0, &mut row, Some(&weights), &mut q).unwrap();
            let want: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            assert_eq!(new, want);
            assert_ne!(new, old);
        }
        for (from, n) in [(0, 64), (start - 5, 9), (start + 3, 1), (start + 100, 300), (end - 7, 7)]
        {
            let mut part = vec![0; n];
            source.read_at(from as u64, &mut part).unwrap();
            assert_eq!(part, whole[from..from + n], "{n} bytes at {from}");
        }
        assert!(source.read_at(end as u64 - 1, &mut [0; 99]).is_err());
    }
}
