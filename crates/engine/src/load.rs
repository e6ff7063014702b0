//! Weights from the file to the player, through one staging buffer of fixed size.
//!
//! A model is often larger than the memory this code may use (a browser tab's wasm has 4 GiB and
//! shares it), so no tensor is ever whole here: pieces of whole rows are read in file order, handed
//! to the loader, and their memory is used again. File order and not Plan order, because
//! sequential reads are what disks and OPFS are fast at.
//!
//! Where the source can be read by several threads and the loader has them, the loader reads the
//! same pieces itself ([`Loader::pull`]): one thread alone copies slower than two pack.
//!
//! How far reading may run ahead of the device is bounded too: a GPU queue copies what it is
//! given, and without a bound that copy would be the whole model.

use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

use gguf::{Gguf, TensorInfo};
use kernels::{LOAD_ROWS, Loader, Plan, Player, Weight, WeightId};

use crate::env::Env;
use crate::error::Error;

/// Size of the one staging buffer. [`LOAD_ROWS`] rows must fit, so that rows may have 256 KiB
/// (65 536 columns of F32; the widest models have 53 248 of F16); larger pieces were not faster.
pub const STAGING_BYTES: usize = 16 << 20;

/// Bytes of a batch: after it the loader must report the batch before taken. So a few times this is
/// on its way at most, and reading overlaps with the device taking.
pub const BATCH_BYTES: usize = STAGING_BYTES;

/// One tensor of the Plan, found in the file.
struct Source<'a> {
    id: WeightId,
    weight: &'a Weight,
    info: &'a TensorInfo,
    row_bytes: u64,
}

/// Streams every weight of `plan` from `gguf` into `loader` and makes the player.
///
/// `progress` gets bytes done and bytes in all; [`ControlFlow::Break`] stops the loading.
///
/// # Errors
/// [`Error::Read`] if the file fails or shrank, [`Error::RowTooLong`], [`Error::LoadCancelled`],
/// and whatever the player reports.
pub async fn stream(
    gguf: &Gguf,
    plan: &Plan,
    mut loader: Box<dyn Loader>,
    env: &Env,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Player>, Error> {
    let sources = in_file_order(gguf, plan)?;
    let total: u64 = sources.iter().map(|source| source.weight.n_bytes() as u64).sum();
    let mut staging = vec![0; staging_len(&sources)];
    let mut done = 0;
    let mut in_flight = 0;
    for source in &sources {
        let mut row = 0;
        while row < source.weight.n_rows {
            let rows = row..source.weight.n_rows.min(row + rows_per_piece(source.row_bytes));
            let n_bytes = rows.len() * source.row_bytes as usize;
            row = rows.end;
            if !pull_piece(gguf, source, rows.clone(), &mut *loader)? {
                let piece = read_piece(gguf, source, &rows, &mut staging)?;
                loader.write(source.id, rows.start, piece)?;
            }
            done += n_bytes as u64;
            in_flight += n_bytes;
            if in_flight >= BATCH_BYTES {
                flush(&mut *loader).await?;
                in_flight = 0;
                env.yield_now().await;
            }
            if progress(done, total).is_break() {
                return Err(Error::LoadCancelled);
            }
        }
    }
    // The last batch, and all of it.
    flush(&mut *loader).await?;
    flush(&mut *loader).await?;
    Ok(loader.finish()?)
}

async fn flush(loader: &mut dyn Loader) -> Result<(), Error> {
    Ok(std::future::poll_fn(|cx| loader.poll_flushed(cx)).await?)
}

/// The Plan's weights with their places, by shard and offset; sizes are checked here.
fn in_file_order<'a>(gguf: &'a Gguf, plan: &'a Plan) -> Result<Vec<Source<'a>>, Error> {
    let mut sources = Vec::with_capacity(plan.weights.len());
    for (i, weight) in plan.weights.iter().enumerate() {
        let missing = || Error::MissingTensor { tensor: weight.name.clone() };
        let info = gguf.tensor(&weight.name).ok_or_else(missing)?;
        let row_bytes = weight.row_bytes() as u64;
        let need = row_bytes * last_row(plan, weight) as u64;
        if need != info.n_bytes {
            let (tensor, have) = (weight.name.clone(), info.n_bytes);
            return Err(Error::TensorBytes { tensor, need, have });
        }
        let limit = (STAGING_BYTES / LOAD_ROWS) as u64;
        if row_bytes > limit {
            return Err(Error::RowTooLong { tensor: weight.name.clone(), row_bytes, limit });
        }
        sources.push(Source { id: WeightId(i), weight, info, row_bytes });
    }
    sources.sort_by_key(|s| (s.info.shard, s.info.offset, s.weight.first_row));
    Ok(sources)
}

/// Rows that the tensor of a weight has: up to the last of its parts.
fn last_row(plan: &Plan, weight: &Weight) -> usize {
    let parts = plan.weights.iter().filter(|other| other.name == weight.name);
    parts.map(|part| part.first_row + part.n_rows).max().unwrap_or(0)
}

/// Whole strips of [`LOAD_ROWS`] rows that fit the staging buffer; rows are at most its share.
fn rows_per_piece(row_bytes: u64) -> usize {
    let rows = STAGING_BYTES as u64 / row_bytes.max(1);
    (rows as usize / LOAD_ROWS).max(1) * LOAD_ROWS
}

/// No larger than the largest piece, so that a small model takes little memory.
fn staging_len(sources: &[Source<'_>]) -> usize {
    let largest = sources.iter().map(|source| source.info.n_bytes).max().unwrap_or(0);
    largest.min(STAGING_BYTES as u64) as usize
}

/// Lets the loader read the rows itself; false if it or the source cannot.
fn pull_piece(
    gguf: &Gguf,
    source: &Source<'_>,
    rows: Range<usize>,
    loader: &mut dyn Loader,
) -> Result<bool, Error> {
    let Some(reader) = gguf.shared_tensor(source.info) else {
        return Ok(false);
    };
    let failure = Mutex::new(None);
    let read = |row: usize, buf: &mut [u8]| {
        let row = source.weight.first_row + row;
        let result = reader.read(row as u64 * source.row_bytes, buf);
        let is_ok = result.is_ok();
        if let Err(error) = result {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        is_ok
    };
    let pulled = loader.pull(source.id, rows, &read)?;
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(Error::Read { tensor: source.weight.name.clone(), source: error }),
        None => Ok(pulled),
    }
}

/// Reads the rows into the front of `staging`.
fn read_piece<'b>(
    gguf: &Gguf,
    source: &Source<'_>,
    rows: &Range<usize>,
    staging: &'b mut [u8],
) -> Result<&'b [u8], Error> {
    let n_bytes = rows.len() * source.row_bytes as usize;
    let too_short = Error::RowTooLong {
        tensor: source.weight.name.clone(),
        row_bytes: source.row_bytes,
        limit: (STAGING_BYTES / LOAD_ROWS) as u64,
    };
    let piece = staging.get_mut(..n_bytes).ok_or(too_short)?;
    let at = (source.weight.first_row + rows.start) as u64 * source.row_bytes;
    gguf.read_tensor(source.info, at, piece)
        .map_err(|error| Error::Read { tensor: source.weight.name.clone(), source: error })?;
    Ok(piece)
}
