//! A tensor in pieces of rows, each small enough for its buffers and large enough to be worth the
//! hand-over to a thread.

use crate::recipe::Step;
use crate::{Error, Plan};

/// Numbers in a piece, about: a few milliseconds of work, and buffers that stay in a cache.
const VALUES: u64 = 1 << 18;

/// Some rows of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Which step of the plan.
    pub step: usize,
    pub first_row: u64,
    /// Bytes in the source.
    pub old_bytes: usize,
    /// Bytes in the new file.
    pub new_bytes: usize,
}

/// Rows of a step, and what one takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub n: u64,
    /// Numbers in a row.
    pub len: u64,
    pub old_bytes: u64,
    pub new_bytes: u64,
}

impl Rows {
    pub fn of(step: &Step) -> Self {
        let len = step.dims.first().copied().unwrap_or(1);
        let n = step.dims.iter().skip(1).product::<u64>();
        let per_row = |bytes: u64| bytes.checked_div(n).unwrap_or(0);
        Rows { n, len, old_bytes: per_row(step.old_bytes), new_bytes: per_row(step.new_bytes) }
    }

    /// Memory for one row on its way: both forms of it, and its numbers.
    fn memory(&self) -> u64 {
        let both = self.old_bytes.saturating_add(self.new_bytes);
        both.saturating_add(self.len.saturating_mul(4))
    }
}

/// The pieces of a whole plan, in the order of the new file, if `in_flight` of them together may
/// not take more than `max_bytes`.
pub(super) fn chunks(plan: &Plan, in_flight: u64, max_bytes: u64) -> Result<Vec<Chunk>, Error> {
    let mut chunks = Vec::new();
    for (step, described) in plan.steps.iter().enumerate() {
        let rows = Rows::of(described);
        if rows.n == 0 || rows.len == 0 {
            continue;
        }
        let need = rows.memory().saturating_mul(in_flight);
        let refuse = || Error::Memory { tensor: described.old_name.clone(), need, max: max_bytes };
        let at_most = max_bytes / need.max(1);
        if at_most == 0 {
            return Err(refuse());
        }
        let n = at_most.min((VALUES / rows.len).max(1));
        let mut first_row = 0;
        while first_row < rows.n {
            let n = n.min(rows.n - first_row);
            // Within `max_bytes`, which is memory that there is.
            let bytes = |per_row: u64| usize::try_from(per_row * n).map_err(|_| refuse());
            let (old_bytes, new_bytes) = (bytes(rows.old_bytes)?, bytes(rows.new_bytes)?);
            chunks.push(Chunk { step, first_row, old_bytes, new_bytes });
            first_row += n;
        }
    }
    Ok(chunks)
}
