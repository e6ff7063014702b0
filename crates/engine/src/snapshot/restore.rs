//! A snapshot into a slot's cache, a piece per round, before the rest of the prompt is read.
//!
//! Every piece is checked before its rows are taken, so at each moment what counts as cached is
//! right; a piece that is damaged ends it, and what is behind is read like any prompt.

use kernels::{KvSpan, PlayerError};

use super::{Filed, Kept};
use crate::answer::Step;
use crate::rounds::receive;
use crate::session::Session;

/// Tokens that a snapshot has to spare at least: fewer are read as fast.
const MIN_GAIN: usize = 32;

/// A snapshot on its way into a slot.
pub(crate) struct Restore {
    kept: Box<dyn Kept>,
    /// The next piece, and the sum of the one before.
    piece: usize,
    sum: u64,
    /// Positions to be taken over: what it has in common with the prompt.
    n: usize,
}

impl Session {
    /// Looks for the snapshot of the prompt that slot `i` begins with.
    pub(crate) fn begin_restore(&mut self, i: usize, key: Option<&str>) {
        let n_ctx = self.n_ctx();
        let (Some((shelf, format)), Some(slot)) = (&mut self.snapshots.open, self.slots.get_mut(i))
        else {
            return;
        };
        slot.key = key.map(str::to_owned);
        // The last token is evaluated in any case, and one that the cache has costs nothing.
        let most = slot.ids.len().saturating_sub(1);
        let wanted = slot.n_cached + MIN_GAIN;
        let Some(mut kept) = key.filter(|_| most >= wanted).and_then(|key| shelf.open(key)) else {
            return;
        };
        // A snapshot of no use is none.
        let n = format.common(&mut *kept, &slot.ids, n_ctx).unwrap_or(0).min(most);
        if n >= wanted {
            slot.restore = Some(Restore { kept, piece: 0, sum: format.first_sum(), n });
        }
    }

    /// Takes the next piece of slot `i`.
    pub(crate) async fn restore_piece(&mut self, i: usize) -> Result<(), PlayerError> {
        let Some(mut restore) = self.slots.get_mut(i).and_then(|slot| slot.restore.take()) else {
            return Ok(());
        };
        let Some((_, format)) = &self.snapshots.open else { return Ok(()) };
        let start = restore.piece * format.per_piece();
        let Restore { kept, piece, sum, n } = &mut restore;
        let read = format.read_piece(&mut **kept, *piece, *sum, &mut self.snapshots.bytes);
        let mut is_last = true;
        if let Ok(read) = read {
            let positions = start..start + read.n;
            self.turn.end_chain();
            if self.player.submit_kv_write(&KvSpan { slot: i, positions }, read.rows)? {
                receive(&mut *self.player).await?;
                let slot = &mut self.slots[i];
                slot.n_cached = slot.n_cached.max((start + read.n).min(*n));
                (*piece, *sum, is_last) = (*piece + 1, read.sum, start + read.n >= *n);
                if start + format.per_piece() <= *n {
                    let (n, sum) = (start + format.per_piece(), *sum);
                    slot.filed = slot.key.clone().map(|key| Filed { key, n, sum });
                }
            }
        }
        if !is_last {
            self.slots[i].restore = Some(restore);
            return Ok(());
        }
        let slot = &mut self.slots[i];
        let (n, total) = (slot.n_cached, slot.pending());
        if let Some(answer) = slot.answer_mut() {
            answer.restored(n);
            let total = total + answer.n_replay();
            self.turn.outcomes.push_back((i, Ok(Step::Prefill { done: 0, total })));
        }
        Ok(())
    }
}
