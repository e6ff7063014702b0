//! What is in a snapshot: a header that is the same for all of one model and cache, then pieces.
//!
//! ```text
//! header: "ingle-kv", version u32, bytes of the body u32, body, xxh3 of all before u64
//! body:   cache type u32, positions of a piece u32, sum of the ropes u64,
//!         layers u32, of each: kv heads u32, head_dim u32; the model's digest
//! piece:  n u32, n token ids u32, rows of n positions (see kernels::KvShape), xxh3 u64
//! ```
//!
//! All numbers are little-endian. Every piece but the last has the same number of positions, so a
//! conversation that grew is kept by writing its new pieces alone. The sum of a piece begins with
//! the sum of the one before it, the first with the header's: rows depend on all ids before them,
//! so a piece is right only behind those it was written behind. A file that was cut off is a
//! shorter snapshot.
//!
//! XXH3 finds damage and no forgery: the file is in the host's own storage, like the weights.

use kernels::{KvShape, KvType, Plan, RopeStyle};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Kept, SnapshotError};

/// Of what is written.
pub const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"ingle-kv";
/// Magic, version, length of the body.
const FIXED: usize = 16;
const SUM_BYTES: usize = 8;
/// Longest header of any version: a thousand layers' heads and a digest.
const MAX_HEADER: usize = 64 << 10;
/// Rows of a piece, about: long enough for a device's read-back and a disk, short enough to pass
/// between two tokens of somebody else's answer.
const PIECE_BYTES: usize = 1 << 20;
/// Positions of a piece at most: of small models, so that little is written twice.
const MAX_PER_PIECE: usize = 128;

/// How snapshots of one loaded model look.
#[derive(Clone, Debug)]
pub struct Format {
    header: Vec<u8>,
    position_bytes: usize,
    per_piece: usize,
}

/// A piece that was read and is right.
pub(crate) struct Piece<'a> {
    pub n: usize,
    pub rows: &'a [u8],
    pub sum: u64,
}

impl Format {
    /// Of caches of this shape, with rotations of this sum, of the model with this digest.
    pub fn new(shape: &KvShape, ropes: u64, model: &str) -> Format {
        let position_bytes = shape.position_bytes().max(1);
        let per_piece = (PIECE_BYTES / position_bytes).clamp(1, MAX_PER_PIECE);
        let kv: u32 = match shape.kv {
            KvType::F32 => 0,
            KvType::F16 => 1,
            KvType::Q8_0 => 2,
        };
        let mut body = Vec::new();
        body.extend(kv.to_le_bytes());
        body.extend(word(per_piece));
        body.extend(ropes.to_le_bytes());
        body.extend(word(shape.layers.len()));
        for heads in &shape.layers {
            body.extend(word(heads.n_kv_heads));
            body.extend(word(heads.head_dim));
        }
        body.extend(model.as_bytes());
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_le_bytes());
        header.extend(word(body.len()));
        header.extend(body);
        header.extend(xxh3_64(&header).to_le_bytes());
        Format { header, position_bytes, per_piece }
    }

    /// What a snapshot of this form begins with.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Positions of a piece that is not the last.
    pub fn per_piece(&self) -> usize {
        self.per_piece
    }

    /// What the sum of the first piece begins with.
    pub(crate) fn first_sum(&self) -> u64 {
        xxh3_64(&self.header)
    }

    /// Where a piece begins.
    pub fn piece_at(&self, piece: usize) -> u64 {
        let full = self.piece_bytes(self.per_piece) as u64;
        (self.header.len() as u64).saturating_add(full.saturating_mul(piece as u64))
    }

    fn piece_bytes(&self, n: usize) -> usize {
        4 + n * (4 + self.position_bytes) + SUM_BYTES
    }

    /// Says what `kept` is if it is no snapshot of this form.
    ///
    /// # Errors
    /// [`SnapshotError`], but for what is wrong in a piece.
    pub fn check(&self, kept: &mut dyn Kept) -> Result<(), SnapshotError> {
        let size = usize::try_from(kept.size()).unwrap_or(usize::MAX);
        let mut start = vec![0; self.header.len().min(size)];
        read(kept, 0, &mut start)?;
        if start == self.header {
            return Ok(());
        }
        let (Some(magic), Some(version)) = (start.get(..8), number(&start, 8)) else {
            return Err(SnapshotError::NotOne);
        };
        if magic != MAGIC {
            return Err(SnapshotError::NotOne);
        }
        if version != VERSION {
            return Err(SnapshotError::Version { version, known: VERSION });
        }
        let n = FIXED + number(&start, 12).unwrap_or(0) as usize;
        if n > MAX_HEADER || n + SUM_BYTES > size {
            return Err(SnapshotError::NotOne);
        }
        let mut whole = vec![0; n + SUM_BYTES];
        read(kept, 0, &mut whole)?;
        let (header, sum) = whole.split_at(n);
        if xxh3_64(header).to_le_bytes() == sum {
            Err(SnapshotError::Foreign)
        } else {
            Err(SnapshotError::NotOne)
        }
    }

    /// How many of the first `ids` a snapshot has the rows of, by what it says; at most `n_ctx`.
    ///
    /// # Errors
    /// As [`Format::check`].
    pub fn common(
        &self,
        kept: &mut dyn Kept,
        ids: &[u32],
        n_ctx: usize,
    ) -> Result<usize, SnapshotError> {
        self.check(kept)?;
        let (mut n_same, mut known) = (0, vec![0; 4 * self.per_piece]);
        for piece in 0.. {
            let Some(n) = self.n_of(kept, piece) else { break };
            if piece * self.per_piece + n > n_ctx {
                break;
            }
            let known = &mut known[..4 * n];
            read(kept, self.piece_at(piece) + 4, known)?;
            let known = known.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id));
            let rest = ids.get(n_same..).unwrap_or(&[]);
            let same = known.zip(rest).take_while(|(a, b)| a == *b).count();
            n_same += same;
            if same < n || n < self.per_piece {
                break;
            }
        }
        Ok(n_same)
    }

    /// Positions of a piece that is there as a whole.
    fn n_of(&self, kept: &mut dyn Kept, piece: usize) -> Option<usize> {
        let at = self.piece_at(piece);
        let mut n = [0; 4];
        let is_there = at.checked_add(4)? <= kept.size() && kept.read(at, &mut n);
        let n = u32::from_le_bytes(n) as usize;
        let fits = is_there && (1..=self.per_piece).contains(&n);
        (fits && at.checked_add(self.piece_bytes(n) as u64)? <= kept.size()).then_some(n)
    }

    /// Reads a piece behind one with the sum `before`. `bytes` holds it.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::Read`].
    pub(crate) fn read_piece<'a>(
        &self,
        kept: &mut dyn Kept,
        piece: usize,
        before: u64,
        bytes: &'a mut Vec<u8>,
    ) -> Result<Piece<'a>, SnapshotError> {
        let n = self.n_of(kept, piece).ok_or(SnapshotError::Damaged { piece })?;
        bytes.resize(self.piece_bytes(n), 0);
        read(kept, self.piece_at(piece), bytes)?;
        let (said, sum) = bytes.split_at(bytes.len() - SUM_BYTES);
        let is = xxh3_64_with_seed(said, before);
        if is.to_le_bytes() != sum {
            return Err(SnapshotError::Damaged { piece });
        }
        Ok(Piece { n, rows: &said[4 + 4 * n..], sum: is })
    }

    /// Writes a piece behind one with the sum `before`; its own sum, or nothing if it could not be.
    pub(crate) fn write_piece(
        &self,
        kept: &mut dyn Kept,
        piece: usize,
        before: u64,
        ids: &[u32],
        rows: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Option<u64> {
        bytes.clear();
        bytes.extend(word(ids.len()));
        ids.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
        bytes.extend(rows);
        let sum = xxh3_64_with_seed(bytes, before);
        bytes.extend(sum.to_le_bytes());
        kept.write(self.piece_at(piece), bytes).then_some(sum)
    }

    /// The sum that a full piece was written with.
    pub(crate) fn sum_of(&self, kept: &mut dyn Kept, piece: usize) -> Option<u64> {
        let mut sum = [0; SUM_BYTES];
        let at = self.piece_at(piece + 1).checked_sub(SUM_BYTES as u64)?;
        let is_there = at.checked_add(SUM_BYTES as u64)? <= kept.size() && kept.read(at, &mut sum);
        is_there.then_some(u64::from_le_bytes(sum))
    }

    /// Where a snapshot of `n` positions ends.
    pub(crate) fn size_of(&self, n: usize) -> u64 {
        let (full, rest) = (n / self.per_piece, n % self.per_piece);
        let tail = if rest > 0 { self.piece_bytes(rest) as u64 } else { 0 };
        self.piece_at(full).saturating_add(tail)
    }
}

/// A sum of the rotations in the keys: of long contexts there are two kinds, chosen at load.
pub(crate) fn sum_of_ropes(plan: &Plan) -> u64 {
    let mut bytes = Vec::new();
    for rope in &plan.ropes {
        bytes.push(u8::from(rope.style == RopeStyle::Halves));
        bytes.extend(rope.magnitude.to_le_bytes());
        bytes.extend(word(rope.inv_freq.len()));
        rope.inv_freq.iter().for_each(|freq| bytes.extend(freq.to_le_bytes()));
    }
    xxh3_64(&bytes)
}

fn word(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read(kept: &mut dyn Kept, at: u64, into: &mut [u8]) -> Result<(), SnapshotError> {
    if kept.read(at, into) { Ok(()) } else { Err(SnapshotError::Read { at }) }
}
