//! Takes the file's rows and packs them, strip by strip, on all threads.
//!
//! Where the file may be read by several threads, each reads its own pieces right before it packs
//! them, into memory that is still in its second-level cache then. A memory map would save that
//! copy (how much was not measured), but a file that shrinks under a map kills the process, and
//! nothing of the map could be kept: every matrix is repacked.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use kernels::{LOAD_ROWS, Loader, Player, PlayerError, ReadRows, Weight, WeightId};

use crate::format::STRIP;
use crate::machine::{Machine, Stored};
use crate::memory::Buffer;
use crate::player::CpuPlayer;
use crate::pool::Pool;

/// Bytes a thread reads at a time: with what is packed from them half of a second-level cache, and
/// large against the cost of a system call. At least one strip of the widest weight is read.
const PIECE_BYTES: usize = 256 << 10;

/// A player whose weights are still arriving.
pub struct CpuLoader {
    machine: Machine,
    pool: Pool,
    /// What each thread reads into.
    pieces: Vec<Buffer<u8>>,
}

impl CpuLoader {
    /// A loader for a machine whose weights are still zero.
    pub fn new(machine: Machine, pool: Pool) -> Result<Self, PlayerError> {
        let strip = |weight: &Weight| STRIP.saturating_mul(weight.row_bytes());
        let widest = machine.plan.weights.iter().map(strip).max().unwrap_or(0);
        let piece = |_| Buffer::new(widest.max(PIECE_BYTES), "rows of a weight");
        let pieces = (0..pool.n_threads()).map(piece).collect::<Result<_, _>>()?;
        Ok(CpuLoader { machine, pool, pieces })
    }

    /// The weight, if `rows` may be given at once.
    fn weight(&self, id: WeightId, rows: &Range<usize>) -> Result<&Weight, PlayerError> {
        let Some(weight) = self.machine.plan.weights.get(id.0) else {
            return Err(misuse(format!("weight {} is not in the plan", id.0)));
        };
        let is_aligned = rows.start.is_multiple_of(LOAD_ROWS)
            && (rows.end.is_multiple_of(LOAD_ROWS) || rows.end == weight.n_rows);
        if rows.start > rows.end || rows.end > weight.n_rows || !is_aligned {
            let Weight { name, n_rows, .. } = weight;
            return Err(misuse(format!("rows {rows:?} do not fit the {n_rows} of '{name}'")));
        }
        Ok(weight)
    }
}

fn misuse(reason: String) -> PlayerError {
    PlayerError::Device { device: "cpu".into(), reason }
}

impl Loader for CpuLoader {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        let row_bytes = self.machine.plan.weights.get(id.0).map_or(0, Weight::row_bytes);
        let n_rows = bytes.len().checked_div(row_bytes).unwrap_or(0);
        let end = row.saturating_add(n_rows);
        let weight = self.weight(id, &(row..end))?;
        if n_rows * row_bytes != bytes.len() {
            let name = &weight.name;
            return Err(misuse(format!("{} bytes are not whole rows of '{name}'", bytes.len())));
        }
        let (n_cols, ty) = (weight.n_cols, weight.ty);
        match &mut self.machine.weights[id.0] {
            Stored::Unused => Ok(()),
            Stored::Vector(vector) => {
                let values = &mut vector.all_mut()[row * n_cols..end * n_cols];
                quant::decode(ty, bytes, values).map_err(|e| misuse(e.to_string()))
            }
            Stored::Matrix(matrix) => {
                let matrix = &*matrix;
                let strips: Range<usize> = row / STRIP..end.div_ceil(STRIP);
                self.pool.run(&|team| {
                    for i in team.share(strips.len()) {
                        let strip = strips.start + i;
                        let from = i * STRIP * row_bytes;
                        let to = bytes.len().min(from + STRIP * row_bytes);
                        // SAFETY: strips are dealt out to one thread each.
                        unsafe { matrix.write_strip(strip, &bytes[from..to], row_bytes) };
                    }
                })
            }
        }
    }

    fn pull(
        &mut self,
        id: WeightId,
        rows: Range<usize>,
        read: &ReadRows<'_>,
    ) -> Result<bool, PlayerError> {
        let row_bytes = self.weight(id, &rows)?.row_bytes();
        let Stored::Matrix(matrix) = &self.machine.weights[id.0] else {
            return Ok(false);
        };
        let strips = rows.start / STRIP..rows.end.div_ceil(STRIP);
        let per_piece = (PIECE_BYTES / (STRIP * row_bytes).max(1)).max(1);
        let next = AtomicUsize::new(strips.start);
        let has_failed = AtomicBool::new(false);
        let pieces = &self.pieces;
        self.pool.run(&|team| {
            while !has_failed.load(Ordering::Relaxed) {
                let first = next.fetch_add(per_piece, Ordering::Relaxed);
                if first >= strips.end {
                    return;
                }
                let end = rows.end.min((first + per_piece) * STRIP);
                let n_bytes = (end - first * STRIP) * row_bytes;
                // SAFETY: each thread has a buffer of its own, and strips are dealt out once.
                unsafe {
                    let piece = pieces[team.thread].slice_mut(0..n_bytes);
                    if !read(first * STRIP, piece) {
                        has_failed.store(true, Ordering::Relaxed);
                        return;
                    }
                    for (i, bytes) in piece.chunks(STRIP * row_bytes).enumerate() {
                        matrix.write_strip(first + i, bytes, row_bytes);
                    }
                }
            }
        })?;
        Ok(true)
    }

    fn poll_flushed(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        Poll::Ready(Ok(()))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        Ok(Box::new(CpuPlayer::new(self.machine, self.pool)?))
    }
}
