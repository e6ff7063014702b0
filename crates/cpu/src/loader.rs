//! Takes the file's rows and packs them, strip by strip, on all threads.

use std::ops::Range;
use std::task::{Context, Poll};

use kernels::{LOAD_ROWS, Loader, Player, PlayerError, WeightId};

use crate::format::STRIP;
use crate::machine::{Machine, Stored};
use crate::player::CpuPlayer;
use crate::pool::Pool;

/// A player whose weights are still arriving.
pub struct CpuLoader {
    pub machine: Machine,
    pub pool: Pool,
}

fn misuse(reason: String) -> PlayerError {
    PlayerError::Device { device: "cpu".into(), reason }
}

impl Loader for CpuLoader {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        let Some(weight) = self.machine.plan.weights.get(id.0) else {
            return Err(misuse(format!("weight {} is not in the plan", id.0)));
        };
        let row_bytes = weight.row_bytes();
        let n_rows = bytes.len().checked_div(row_bytes).unwrap_or(0);
        let end = row.saturating_add(n_rows);
        let is_whole = n_rows * row_bytes == bytes.len() && end <= weight.n_rows;
        let is_aligned = row.is_multiple_of(LOAD_ROWS)
            && (n_rows.is_multiple_of(LOAD_ROWS) || end == weight.n_rows);
        if !is_whole || !is_aligned {
            let name = &weight.name;
            return Err(misuse(format!("{} bytes at row {row} do not fit '{name}'", bytes.len())));
        }
        match &mut self.machine.weights[id.0] {
            Stored::Unused => Ok(()),
            Stored::Vector(vector) => {
                let values = &mut vector.all_mut()[row * weight.n_cols..end * weight.n_cols];
                quant::decode(weight.ty, bytes, values).map_err(|e| misuse(e.to_string()))
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

    fn poll_flushed(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        Poll::Ready(Ok(()))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        Ok(Box::new(CpuPlayer::new(self.machine, self.pool)?))
    }
}
