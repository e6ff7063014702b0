//! What a piece of an unfinished download is recognized by when the download goes on.
//!
//! XXH3 and not SHA-256: a piece is compared with a record that lies beside it, so all that can
//! have changed it is chance (a kill, a power cut, a disk), and this costs a twentieth. Who could
//! write a piece could write the record too. The digest of the whole file decides anyway, for what
//! was resumed as for everything else.

use std::ops::Range;

use gguf::ByteSource;
use xxhash_rust::xxh3::Xxh3;

use crate::clock::Clock;
use crate::limits::COPY_BYTES;

/// XXH3 of a piece, 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PieceSum(pub [u8; 16]);

/// The sum of a piece that comes in parts.
#[derive(Default)]
pub(crate) struct PieceHasher(Xxh3);

impl PieceHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of what came; the next piece begins.
    pub(crate) fn take(&mut self) -> PieceSum {
        let sum = PieceSum(self.0.digest128().to_le_bytes());
        self.0.reset();
        sum
    }
}

/// `None` for bytes that cannot be read: they are not there.
pub(crate) async fn sum_of(
    clock: &impl Clock,
    file: &impl ByteSource,
    Range { start, end }: Range<u64>,
) -> Option<PieceSum> {
    let longest = usize::try_from(end - start).unwrap_or(COPY_BYTES).min(COPY_BYTES);
    let (mut buffer, mut hasher) = (vec![0; longest], PieceHasher::default());
    let mut at = start;
    while at < end {
        let n = usize::try_from(end - at).unwrap_or(longest).min(longest);
        let bytes = buffer.get_mut(..n)?;
        file.read_at(at, bytes).ok()?;
        hasher.update(bytes);
        at += n as u64;
        clock.breathe().await;
    }
    Some(hasher.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of nothing is in the algorithm's own description; the other was made by its tool.
    #[test]
    fn sums_are_those_of_xxh3() {
        let mut hasher = PieceHasher::default();
        let empty = hasher.take();
        assert_eq!(u128::from_le_bytes(empty.0), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        bytes.chunks(999).for_each(|part| hasher.update(part));
        let first = hasher.take();
        hasher.update(&bytes);
        assert_eq!(hasher.take(), first);
        hasher.update(&bytes[1..]);
        assert_ne!(hasher.take(), first);
    }
}
