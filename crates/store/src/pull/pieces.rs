//! Which bytes of a download are there: the pieces of a file, as plain state.

use std::ops::Range;

use crate::limits::{CONNECTIONS, LEAST_PER_REQUEST, PIECE_BYTES, PIECES, PIECES_PER_REQUEST};

/// How a download is cut up. The defaults are the limits' numbers; tests cut small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Connections per download.
    pub connections: usize,
    /// Bytes that are recorded and verified as one; what a kill loses per connection.
    pub piece_bytes: u64,
    /// Pieces asked for with one request.
    pub pieces_per_request: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            connections: CONNECTIONS,
            piece_bytes: PIECE_BYTES,
            pieces_per_request: PIECES_PER_REQUEST,
        }
    }
}

/// Where a piece stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Missing,
    /// A connection works on it.
    Taken,
    /// Written and recorded.
    Done,
}

/// A file as pieces of one size, the last one shorter.
#[derive(Debug)]
pub(crate) struct Pieces {
    size: u64,
    piece: u64,
    per_request: u64,
    connections: u64,
    missing: u64,
    pieces: Vec<Piece>,
}

/// Bytes of one piece of a file of this size: larger for files that would have too many.
fn piece_bytes(size: u64, tuning: &Tuning) -> u64 {
    const MIB: u64 = 1 << 20;
    let least = tuning.piece_bytes.max(1);
    match size.div_ceil(least) > PIECES {
        true => size.div_ceil(PIECES).div_ceil(MIB).saturating_mul(MIB),
        false => least,
    }
}

impl Pieces {
    pub(crate) fn new(size: u64, tuning: &Tuning) -> Pieces {
        let piece = piece_bytes(size, tuning);
        let n = usize::try_from(size.div_ceil(piece)).unwrap_or(0);
        let per_request = tuning.pieces_per_request.max(1);
        let (connections, missing) = (tuning.connections.max(1) as u64, n as u64);
        let pieces = vec![Piece::Missing; n];
        Pieces { size, piece, per_request, connections, missing, pieces }
    }

    /// Bytes of a piece.
    pub(crate) fn piece_bytes(&self) -> u64 {
        self.piece
    }

    pub(crate) fn len(&self) -> u64 {
        self.pieces.len() as u64
    }

    /// The bytes of a piece.
    pub(crate) fn range(&self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(self.piece).min(self.size);
        start..start.saturating_add(self.piece).min(self.size)
    }

    /// The piece this byte lies in.
    pub(crate) fn index(&self, at: u64) -> u64 {
        at / self.piece
    }

    fn get(&self, index: u64) -> Option<Piece> {
        self.pieces.get(usize::try_from(index).ok()?).copied()
    }

    fn set(&mut self, index: u64, piece: Piece) {
        if let Some(place) = usize::try_from(index).ok().and_then(|i| self.pieces.get_mut(i)) {
            self.missing += u64::from(piece == Piece::Missing);
            self.missing -= u64::from(*place == Piece::Missing);
            *place = piece;
        }
    }

    pub(crate) fn is_done(&self, index: u64) -> bool {
        self.get(index) == Some(Piece::Done)
    }

    pub(crate) fn set_done(&mut self, index: u64) {
        self.set(index, Piece::Done);
    }

    /// Takes the next missing pieces that lie together, as many as one request asks for.
    pub(crate) fn take(&mut self) -> Option<Range<u64>> {
        let first = self.pieces.iter().position(|piece| *piece == Piece::Missing)? as u64;
        self.take_from(first)
    }

    /// Pieces of the next request: fewer as the end comes near, so that connections end together,
    /// and the digest, which follows the pieces in order, does not begin with the last of them. A
    /// file of one request stays one: each connection that is cut loses a piece.
    fn run_len(&self) -> u64 {
        if self.pieces.len() as u64 <= self.per_request {
            return self.per_request;
        }
        let share = self.missing.div_ceil(2 * self.connections);
        share.max(LEAST_PER_REQUEST).min(self.per_request)
    }

    /// Takes missing pieces from this one on; `None` if it is not missing.
    pub(crate) fn take_from(&mut self, first: u64) -> Option<Range<u64>> {
        let (mut end, most) = (first, first + self.run_len());
        while end < most && self.get(end) == Some(Piece::Missing) {
            self.set(end, Piece::Taken);
            end += 1;
        }
        (end > first).then_some(first..end)
    }

    /// Gives taken pieces back; those that are done stay done.
    pub(crate) fn give_back(&mut self, run: Range<u64>) {
        for index in run {
            if self.get(index) == Some(Piece::Taken) {
                self.set(index, Piece::Missing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_cover_the_file() {
        for size in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 << 30, 1 << 44] {
            let pieces = Pieces::new(size, &Tuning::default());
            assert!(pieces.len() <= PIECES, "{size}");
            let ends: Vec<u64> = (0..pieces.len()).map(|i| pieces.range(i).end).collect();
            let starts: Vec<u64> = (0..pieces.len()).map(|i| pieces.range(i).start).collect();
            assert_eq!(ends.last().copied().unwrap_or(0), size);
            assert!(starts.iter().skip(1).eq(ends.iter().take(ends.len().saturating_sub(1))));
        }
    }

    proptest! {
        #[test]
        fn every_piece_is_taken_once(done in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut pieces = Pieces::new(done.len() as u64 * PIECE_BYTES, &Tuning::default());
            for (i, done) in (0..).zip(&done) {
                if *done { pieces.set_done(i) }
            }
            let mut taken = Vec::new();
            while let Some(run) = pieces.take() {
                prop_assert!(run.end - run.start <= PIECES_PER_REQUEST);
                taken.extend(run);
            }
            let wanted: Vec<u64> = (0..).zip(&done).filter(|(_, d)| !**d).map(|(i, _)| i).collect();
            prop_assert_eq!(&taken, &wanted);
            pieces.give_back(0..pieces.len());
            let first = wanted.first().copied();
            prop_assert_eq!(pieces.take().map(|run| run.start), first);
        }
    }
}
