//! A slot's rows into a snapshot, a piece at a time beside what the others do.
//!
//! It holds no slot: the next turn of the same conversation wants it. When the slot is given out
//! again, what was written so far is a shorter snapshot and the rest is left.

use kernels::{KvSpan, PlayerError};

use super::Kept;
use crate::error::Error;
use crate::rounds::receive;
use crate::session::Session;

/// What of a slot's cache is in a snapshot already: `n` positions, whole pieces, the last of them
/// with this sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filed {
    pub key: String,
    pub n: usize,
    pub sum: u64,
}

/// A snapshot that is being written.
pub(crate) struct Saving {
    kept: Box<dyn Kept>,
    slot: usize,
    /// The slot's use it is of.
    used: u64,
    /// Positions in all.
    n: usize,
    piece: usize,
    sum: u64,
    n_written: u64,
}

/// What was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Tokens whose rows are in the snapshot; 0 if there is none.
    pub n_tokens: usize,
    /// Bytes of it.
    pub n_bytes: u64,
    /// Bytes that were written now; the others were there.
    pub n_written: u64,
}

impl Session {
    /// Keeps what the slot that served `key` last has in its cache, for hosts without an
    /// [`actor`](crate::actor).
    ///
    /// # Errors
    /// Whatever the player reports.
    pub async fn save_snapshot(&mut self, key: &str) -> Result<Saved, Error> {
        self.reclaim();
        let Some(mut saving) = self.begin_save(key) else { return Ok(Saved::default()) };
        loop {
            if let Some(saved) = self.save_piece(&mut saving).await? {
                return Ok(saved);
            }
            self.env.yield_now().await;
        }
    }

    /// Begins to keep the slot that served `key` last; `None` if there is none, or nowhere to keep
    /// it.
    pub(crate) fn begin_save(&mut self, key: &str) -> Option<Saving> {
        let slots = self.slots.iter().enumerate();
        let of_it = slots.filter(|(_, slot)| slot.key.as_deref() == Some(key));
        // An older turn of the same conversation may lie in another slot.
        let (slot, _) = of_it.max_by_key(|(_, slot)| slot.used)?;
        if self.slots.get(slot)?.task.is_some() {
            return None;
        }
        let (shelf, format) = self.snapshots.open.as_mut()?;
        let mut kept = shelf.open(key)?;
        let Slotted { used, n, filed } = Slotted::of(self.slots.get(slot)?);
        let filed = filed.filter(|filed| {
            let last = (filed.n / format.per_piece()).checked_sub(1);
            let sum = last.and_then(|last| format.sum_of(&mut *kept, last));
            filed.n <= n && sum == Some(filed.sum) && format.check(&mut *kept).is_ok()
        });
        let (mut piece, mut sum, mut n_written) = (0, format.first_sum(), 0);
        match filed {
            Some(filed) => (piece, sum) = (filed.n / format.per_piece(), filed.sum),
            None => {
                n_written = format.header().len() as u64;
                if !kept.cut(0) || !kept.write(0, format.header()) {
                    kept.cut(0);
                    return None;
                }
            }
        }
        Some(Saving { kept, slot, used, n, piece, sum, n_written })
    }

    /// Keeps the next piece; what came of it when that was the last.
    pub(crate) async fn save_piece(
        &mut self,
        saving: &mut Saving,
    ) -> Result<Option<Saved>, PlayerError> {
        let Some((_, format)) = &self.snapshots.open else { return Ok(Some(Saved::default())) };
        let start = saving.piece * format.per_piece();
        let positions = start..saving.n.min(start + format.per_piece());
        let Some(slot) = self.slots.get_mut(saving.slot) else {
            return Ok(Some(Saved::default()));
        };
        let is_same = slot.used == saving.used && slot.n_cached >= positions.end;
        if positions.is_empty() || !is_same {
            return Ok(Some(saving.end(format, start.min(saving.n))));
        }
        self.turn.end_chain();
        let span = KvSpan { slot: saving.slot, positions: positions.clone() };
        if !self.player.submit_kv_read(&span)? {
            saving.kept.cut(0);
            return Ok(Some(Saved::default()));
        }
        receive(&mut *self.player).await?;
        let (ids, rows) = (&slot.ids[positions.clone()], self.player.kv_rows());
        let bytes = &mut self.snapshots.bytes;
        let Saving { kept, piece, sum, .. } = saving;
        let Some(sum) = format.write_piece(&mut **kept, *piece, *sum, ids, rows, bytes) else {
            // The room is not there: it is worth more to whoever needs it.
            kept.cut(0);
            slot.filed = None;
            return Ok(Some(Saved::default()));
        };
        saving.n_written += bytes.len() as u64;
        if positions.len() < format.per_piece() {
            return Ok(Some(saving.end(format, saving.n)));
        }
        (saving.piece, saving.sum) = (saving.piece + 1, sum);
        slot.filed = slot.key.clone().map(|key| Filed { key, n: positions.end, sum });
        Ok(None)
    }
}

impl Saving {
    /// `n` positions are there, and nothing shall be behind them.
    fn end(&mut self, format: &super::Format, n: usize) -> Saved {
        let n_bytes = format.size_of(n);
        match self.kept.cut(n_bytes) {
            true => Saved { n_tokens: n, n_bytes, n_written: self.n_written },
            false => Saved::default(),
        }
    }
}

/// What of a slot a snapshot is made of.
struct Slotted {
    used: u64,
    n: usize,
    filed: Option<Filed>,
}

impl Slotted {
    fn of(slot: &crate::slot::Slot) -> Slotted {
        let n = slot.n_cached.min(slot.ids.len());
        let filed = slot.filed.clone().filter(|filed| slot.key.as_ref() == Some(&filed.key));
        Slotted { used: slot.used, n, filed }
    }
}
