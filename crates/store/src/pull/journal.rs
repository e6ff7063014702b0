//! The record of an unfinished download: which pieces were written, with their sums.
//!
//! A file that only grows: one line per piece, each with a check of its own, so a kill in the
//! middle of a line costs that line. What stands in it is a claim, not a fact: a resumed download
//! reads every piece again and compares sums, which is why no sync is needed while it runs (a
//! power cut may take pieces away, and they are then fetched again).

use gguf::ByteSource;

use super::piece_sum::PieceSum;
use crate::digest::Digest;
use crate::io::{BlobFile, IoError};
use crate::limits::PIECES;

const MAGIC: [u8; 16] = *b"ingle pieces 2\n\n";

/// Magic, size of the file, bytes of a piece, digest of the validator.
const HEAD: usize = 16 + 8 + 8 + 32;

/// Number of the piece, its sum, the first bytes of a digest of both.
const LINE: usize = 8 + 32 + CHECK;
const CHECK: usize = 8;

/// The number that stands for all pieces together.
const WHOLE: u64 = u64::MAX;

/// What a line of a record claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A piece is written, and this is its sum.
    Piece(u64, PieceSum),
    /// All pieces together are the blob with this digest.
    Whole(Digest),
}

impl Claim {
    pub(crate) fn piece(&self) -> Option<(u64, PieceSum)> {
        if let Claim::Piece(index, sum) = self { Some((*index, *sum)) } else { None }
    }

    pub(crate) fn whole(&self) -> Option<Digest> {
        if let Claim::Whole(digest) = self { Some(*digest) } else { None }
    }

    /// The number, and the sum in the first of its bytes.
    fn parts(&self) -> (u64, [u8; 32]) {
        match self {
            Claim::Whole(digest) => (WHOLE, *digest.bytes()),
            Claim::Piece(index, PieceSum(sum)) => {
                let mut value = [0; 32];
                value.iter_mut().zip(sum).for_each(|(to, from)| *to = *from);
                (*index, value)
            }
        }
    }

    fn of(index: u64, value: [u8; 32]) -> Option<Claim> {
        if index == WHOLE {
            return Some(Claim::Whole(Digest::from_bytes(value)));
        }
        let (sum, _) = value.split_first_chunk::<16>()?;
        Some(Claim::Piece(index, PieceSum(*sum)))
    }
}

/// An open record.
pub(crate) struct Journal<T> {
    file: T,
    end: u64,
}

/// The length of a record with so many lines; what another process's progress is guessed from.
pub(crate) fn lines_in(journal_len: u64) -> u64 {
    journal_len.saturating_sub(HEAD as u64) / LINE as u64
}

impl<T: BlobFile> Journal<T> {
    /// Reads a record, or begins a new one if this one is of another file. Returns the pieces it
    /// claims. `piece` is the bytes of one, `validator` is what the server calls this version of
    /// the file, empty for blobs.
    pub(crate) fn open(
        file: T,
        size: u64,
        piece: u64,
        validator: &str,
    ) -> Result<(Journal<T>, Vec<Claim>), IoError> {
        let head = head(size, piece, validator);
        let raw = read_all(&file);
        let lines = match raw.split_at_checked(HEAD) {
            Some((start, lines)) if start == head => lines,
            _ => {
                file.set_len(0)?;
                file.write_at(0, &head)?;
                return Ok((Journal { file, end: HEAD as u64 }, Vec::new()));
            }
        };
        let claims: Vec<Claim> = lines.chunks_exact(LINE).map_while(read_line).collect();
        let end = (HEAD + claims.len() * LINE) as u64;
        // What stands behind the last good line is the rest of a kill.
        file.set_len(end)?;
        Ok((Journal { file, end }, claims))
    }

    /// Records the end: all pieces are a blob with this digest now. Who wants the same file, in
    /// this version, finds it by that.
    pub(crate) fn close(mut self, digest: &Digest) -> Result<(), IoError> {
        self.file.set_len(HEAD as u64)?;
        self.end = HEAD as u64;
        self.append(&Claim::Whole(*digest))
    }

    /// Adds a line.
    pub(crate) fn append(&mut self, claim: &Claim) -> Result<(), IoError> {
        self.file.write_at(self.end, &line(claim))?;
        self.end += LINE as u64;
        Ok(())
    }
}

/// A record that cannot be read is one without lines: the download begins anew.
fn read_all(file: &impl ByteSource) -> Vec<u8> {
    const MOST: u64 = HEAD as u64 + 2 * PIECES * LINE as u64;
    let len = usize::try_from(file.len().min(MOST)).unwrap_or(0);
    let mut raw = vec![0; len];
    match file.read_at(0, &mut raw) {
        Ok(()) => raw,
        Err(_) => Vec::new(),
    }
}

fn head(size: u64, piece: u64, validator: &str) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(size.to_le_bytes());
    head.extend(piece.to_le_bytes());
    head.extend(Digest::of(validator.as_bytes()).bytes());
    head
}

fn line(claim: &Claim) -> Vec<u8> {
    let (index, value) = claim.parts();
    let mut line = index.to_le_bytes().to_vec();
    line.extend(value);
    let check = Digest::of(&line);
    line.extend(check.bytes().iter().take(CHECK));
    line
}

fn read_line(raw: &[u8]) -> Option<Claim> {
    let (index, rest) = raw.split_first_chunk::<8>()?;
    let (value, _) = rest.split_first_chunk::<32>()?;
    let claim = Claim::of(u64::from_le_bytes(*index), *value)?;
    (line(&claim) == raw).then_some(claim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::ManualClock;
    use crate::io::{Access, BlobIo};
    use crate::memory::{MemoryFile, MemoryIo};
    use crate::path::StorePath;

    fn file(io: &MemoryIo) -> MemoryFile {
        ManualClock::default().run(io.open(&StorePath::temp(0, 0), Access::Write)).unwrap()
    }

    fn written(n: u64) -> (MemoryIo, Vec<Claim>) {
        let io = MemoryIo::default();
        let (mut journal, none) = Journal::open(file(&io), 1 << 30, 9, "v").unwrap();
        assert_eq!(none, []);
        let piece = |i| Claim::Piece(i * 7, PieceSum([i as u8; 16]));
        let lines: Vec<_> = (0..n).map(piece).collect();
        for claim in &lines {
            journal.append(claim).unwrap();
        }
        (io, lines)
    }

    #[test]
    fn a_record_of_another_file_begins_anew() {
        for (size, piece, validator) in [(1 << 30, 9, "w"), (1 << 29, 9, "v"), (1 << 30, 8, "v")] {
            let (io, _) = written(3);
            let (_, lines) = Journal::open(file(&io), size, piece, validator).unwrap();
            assert_eq!((lines.len(), file(&io).len()), (0, HEAD as u64));
        }
    }

    proptest! {
        #[test]
        fn what_was_recorded_before_the_damage_is_read(n in 0u64..20, cut in 0u64..2000) {
            let (io, lines) = written(n);
            let len = file(&io).len();
            file(&io).set_len(len.min(cut)).unwrap();
            let (mut journal, found) = Journal::open(file(&io), 1 << 30, 9, "v").unwrap();
            prop_assert_eq!(found.len() as u64, lines_in(len.min(cut)));
            prop_assert_eq!(&found[..], &lines[..found.len()]);
            let whole = Claim::Whole(Digest::of(b"x"));
            journal.append(&whole).unwrap();
            let (_, again) = Journal::open(file(&io), 1 << 30, 9, "v").unwrap();
            prop_assert_eq!(again.last(), Some(&whole));
        }

        #[test]
        fn a_flipped_bit_ends_the_record(n in 1u64..20, at in 0usize..1000, bit in 0u8..8) {
            let (io, lines) = written(n);
            let mut raw = read_all(&file(&io));
            let at = at % raw.len();
            raw[at] ^= 1 << bit;
            file(&io).write_at(0, &raw).unwrap();
            let (_, found) = Journal::open(file(&io), 1 << 30, 9, "v").unwrap();
            let good = at.checked_sub(HEAD).map_or(0, |at| at / LINE);
            prop_assert_eq!(&found[..], &lines[..good]);
        }
    }
}
