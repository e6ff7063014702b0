//! Shows a tap what the ops of a pass read, between them and on the pool's threads.
//!
//! Products find their inputs normed and quantized in scratch, a row or a tile at a time; there is
//! no place where all of them stand as floats. So the rows are normed once more here, into a buffer
//! that exists while there is a tap, and the ops stay as they are.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use kernels::{Op, PlayerError, Tap};

use crate::machine::Machine;
use crate::memory::Buffer;
use crate::ops::{Logits, Walk};

/// A tap and what it is shown.
pub struct Tapped {
    tap: Mutex<Box<dyn Tap>>,
    /// `[max_rows, dim]`
    normed: Buffer<f32>,
}

impl Tapped {
    /// For passes of this machine.
    pub fn new(machine: &Machine, tap: Box<dyn Tap>) -> Result<Tapped, PlayerError> {
        let n = machine.max_rows.saturating_mul(machine.plan.dims.dim);
        Ok(Tapped { tap: Mutex::new(tap), normed: Buffer::new(n, "rows to look at")? })
    }
}

impl Walk<'_> {
    /// Shows what op number `i` is about to read. All threads pass here, before the op.
    pub fn show(&self, i: usize, op: &Op) {
        let Some(tapped) = &self.m.tap else { return };
        let (b, all) = (&self.m.buffers, 0..self.pass.n_rows);
        let (src, norm, linear, rows) = match op {
            Op::Qkv { norm, q, .. } => (&b.x, norm.as_ref(), q, all),
            Op::Output { w, .. } => (&b.a, None, w, all),
            Op::GateUp { norm, up, .. } => (&b.x, norm.as_ref(), up, all),
            Op::Down { w, .. } => (&b.h, None, w, all),
            Op::Head { norm, w } => (&b.x, Some(norm), w, self.head_rows()),
            Op::Embed { .. } | Op::RopeKv { .. } | Op::Attention { .. } => return,
        };
        let n_cols = self.m.matrix(linear.w).n_cols;
        let row = |r: usize| r * n_cols..(r + 1) * n_cols;
        if let Some(norm) = norm {
            for r in self.team.share(rows.len()) {
                // SAFETY: nobody writes `src` in this phase; this thread's rows.
                unsafe {
                    let x = src.slice(row(rows.start + r));
                    self.norm_row(norm, x, tapped.normed.slice_mut(row(r)));
                }
            }
            self.team.barrier();
        }
        if self.team.thread == 0 {
            let mut tap = tapped.tap.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: nobody writes these buffers before the barrier below.
            unsafe {
                if matches!(op, Op::Qkv { .. } | Op::GateUp { .. } | Op::Head { .. }) {
                    tap.stream(i, src.slice(0..self.pass.n_rows * n_cols));
                }
                let inputs = match norm {
                    Some(_) => tapped.normed.slice(0..rows.len() * n_cols),
                    None => src.slice(rows.start * n_cols..rows.end * n_cols),
                };
                if !inputs.is_empty() {
                    tap.inputs(i, inputs, n_cols);
                }
            }
        }
        self.team.barrier();
    }

    /// Rows whose logits the pass computes.
    fn head_rows(&self) -> Range<usize> {
        let n_rows = self.pass.n_rows;
        match self.pass.logits {
            Logits::None | Logits::Normed => 0..0,
            Logits::Last => n_rows - 1..n_rows,
            Logits::All => 0..n_rows,
        }
    }
}
