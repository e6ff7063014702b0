//! Byte-pair encoding of one word at a time, by merge rank.
//!
//! Merges are looked up by the numbers of two tokens, not by their texts: eight bytes say the same.
//! Where a vocabulary was cut short and its merges were not, parts of merges are no tokens; they
//! get numbers after the vocabulary, merge like the others, and are written byte by byte if they
//! are left at the end. Words are mostly short, and for those looking over all pairs again after
//! each merge is faster than a heap.

use std::collections::HashMap;

use gguf::Metadata;

use crate::arena::mix;
use crate::error::{Error, MAX_MERGES};
use crate::joints::Joints;
use crate::merge::{Merged, NONE, Row};
use crate::pre::Pre;
use crate::vocab::{SPACE_MARK, Vocab, limit};

pub(crate) const KEY_MERGES: &str = "tokenizer.ggml.merges";

/// Most symbols for which the quadratic way is used.
const SHORT: usize = 32;

/// The merges of a file and how words get to them.
#[derive(Debug)]
pub(crate) struct Bpe {
    pre: Pre,
    merges: Merges,
    /// Symbol of each single byte (byte-level vocabularies).
    byte_ids: [u32; 256],
    /// Symbols that are no token but a part of a merge, by their bytes.
    parts: HashMap<Vec<u8>, u32>,
    n_vocab: u32,
    /// Where a text of a plain vocabulary may be cut.
    joints: Joints,
}

/// Memory used from word to word.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    row: Row,
    short: Vec<Short>,
}

/// A symbol of a short word.
#[derive(Clone, Copy, Debug)]
struct Short {
    id: u32,
    /// Of the pair with the next symbol, or [`NONE`].
    rank: u32,
    /// First byte in the word.
    start: usize,
}

impl Bpe {
    pub fn read(metadata: &Metadata, vocab: &Vocab, pre: Pre) -> Result<Bpe, Error> {
        let merges = metadata.byte_strings(KEY_MERGES)?;
        let merges = match merges {
            None if pre.merges_optional => Vec::new(),
            None => {
                return Err(gguf::Error::MissingKey { key: KEY_MERGES.to_owned() }.into());
            }
            Some(merges) => merges,
        };
        limit("merges", merges.len(), MAX_MERGES)?;
        let mut parts = HashMap::new();
        let merges = Merges::read(&merges, vocab, pre.plain, &mut parts)?;
        let mut byte_ids = [NONE; 256];
        for (byte, id) in (0..=u8::MAX).zip(&mut byte_ids) {
            let part = || parts.get([byte].as_slice()).copied();
            *id = vocab.find(&[byte]).or_else(part).unwrap_or(NONE);
        }
        // Limited far below 2^32.
        let n_vocab = u32::try_from(vocab.len()).unwrap_or(NONE);
        let mut joints = if pre.plain { Joints::of(vocab) } else { Joints::default() };
        parts.keys().for_each(|part: &Vec<u8>| joints.add(part));
        Ok(Bpe { pre, merges, byte_ids, parts, n_vocab, joints })
    }

    /// Appends the tokens of a text without special tokens.
    pub fn encode(&self, vocab: &Vocab, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) {
        if !self.pre.plain {
            let emit = &mut |word: &str| self.bytes(vocab, word.as_bytes(), scratch, out);
            return crate::pre::split(self.pre.stages, text, emit);
        }
        let marked = text.replace(' ', SPACE_MARK);
        let emit = &mut |word: &str| self.plain(vocab, word, scratch, out);
        crate::pre::split(self.pre.stages, &marked, emit);
    }

    /// A word of a byte-level vocabulary: symbols are bytes.
    fn bytes(&self, vocab: &Vocab, word: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        if self.pre.ignore_merges
            && let Some(id) = vocab.find(word)
        {
            out.push(id);
            return;
        }
        let symbols = word.iter().map(|byte| self.byte_ids.get(usize::from(*byte)).copied());
        let symbols = symbols.map(|id| id.unwrap_or(NONE));
        if word.len() > SHORT {
            scratch.row.clear();
            symbols.for_each(|id| scratch.row.push(id, 1));
            scratch.row.merge(|pair| self.merges.get(pair.left, pair.right));
            for (id, bytes) in scratch.row.symbols() {
                self.emit(vocab, id, word.get(bytes).unwrap_or(&[]), out);
            }
            return;
        }
        let short = &mut scratch.short;
        short.clear();
        short.extend(symbols.enumerate().map(|(start, id)| Short { id, rank: NONE, start }));
        self.merge_short(short);
        let ends = short.iter().skip(1).map(|next| next.start).chain([word.len()]);
        for (symbol, end) in short.iter().zip(ends) {
            self.emit(vocab, symbol.id, word.get(symbol.start..end).unwrap_or(&[]), out);
        }
    }

    /// A symbol's token; if it is none, those of its bytes. Of these the byte-level reference finds
    /// only printable ASCII and leaves the others out.
    fn emit(&self, vocab: &Vocab, id: u32, bytes: &[u8], out: &mut Vec<u32>) {
        if id < self.n_vocab {
            out.push(id);
        } else if self.pre.plain {
            out.extend(bytes.iter().filter_map(|byte| vocab.byte_fallback(*byte)));
        } else {
            let printable = bytes.iter().filter(|byte| byte.is_ascii_graphic());
            out.extend(printable.filter_map(|byte| vocab.find(&[*byte])));
        }
    }

    /// A word of a vocabulary of plain text: symbols are characters, those without a token are
    /// written byte by byte.
    fn plain(&self, vocab: &Vocab, word: &str, scratch: &mut Scratch, out: &mut Vec<u32>) {
        let is_whole = self.pre.ignore_merges
            || (self.pre.line_runs && word.bytes().all(|byte| byte == b'\n'));
        if is_whole && let Some(id) = vocab.find(word.as_bytes()) {
            out.push(id);
            return;
        }
        let parts = crate::merge::row_sized(word).flat_map(|part| self.joints.split(part));
        for part in parts {
            scratch.row.clear();
            let mut buffer = [0; 4];
            for c in part.chars() {
                let c = c.encode_utf8(&mut buffer).as_bytes();
                let id = vocab.find(c).or_else(|| self.parts.get(c).copied());
                scratch.row.push(id.unwrap_or(NONE), c.len());
            }
            scratch.row.merge(|pair| self.merges.get(pair.left, pair.right));
            for (id, bytes) in scratch.row.symbols() {
                self.emit(vocab, id, part.as_bytes().get(bytes).unwrap_or(&[]), out);
            }
        }
    }

    /// Merges a short word in place.
    fn merge_short(&self, symbols: &mut Vec<Short>) {
        for at in 0..symbols.len() {
            self.rank_again(symbols, at);
        }
        loop {
            let best = symbols.iter().enumerate().min_by_key(|(_, symbol)| symbol.rank);
            let Some((at, left)) = best.map(|(at, left)| (at, *left)) else {
                return;
            };
            if left.rank == NONE {
                return;
            }
            let Some(right) = symbols.get(at + 1).copied() else {
                return;
            };
            let Some(merged) = self.merges.get(left.id, right.id) else {
                return;
            };
            symbols.remove(at + 1);
            if let Some(symbol) = symbols.get_mut(at) {
                symbol.id = merged.id;
            }
            self.rank_again(symbols, at);
            if let Some(before) = at.checked_sub(1) {
                self.rank_again(symbols, before);
            }
        }
    }

    fn rank_again(&self, symbols: &mut [Short], at: usize) {
        let right = symbols.get(at + 1).map(|symbol| symbol.id);
        if let Some(left) = symbols.get_mut(at) {
            let merged = right.and_then(|right| self.merges.get(left.id, right));
            left.rank = merged.map_or(NONE, |merged| merged.badness);
        }
    }
}

/// Merges by their two tokens: open addressing, at most three quarters full.
#[derive(Debug)]
struct Merges {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    left: u32,
    right: u32,
    merged: Merged,
}

const FREE: Slot = Slot { left: NONE, right: NONE, merged: Merged::NEVER };

impl Merges {
    /// Reads a list of merges; parts that are no token are added to `parts`.
    fn read(
        merges: &[&[u8]],
        vocab: &Vocab,
        plain: bool,
        parts: &mut HashMap<Vec<u8>, u32>,
    ) -> Result<Merges, Error> {
        let n_slots = (merges.len() + merges.len() / 3 + 1).next_power_of_two();
        let mut table = Merges { slots: vec![FREE; n_slots] };
        let (mut key, mut last) = (Vec::new(), 0);
        for (rank, merge) in (0..).zip(merges) {
            let wrong = |reason| Error::Merge {
                index: rank as usize,
                merge: String::from_utf8_lossy(merge).into_owned(),
                reason,
            };
            // A part may begin with the space that would otherwise be the separator.
            let space = merge.iter().skip(1).position(|byte| *byte == b' ').map(|at| at + 1);
            let (left, right) = space
                .and_then(|at| Some((merge.get(..at)?, merge.get(at + 1..)?)))
                .ok_or_else(|| wrong("is not two parts with a space between them"))?;
            key.clear();
            let n_left = read_part(left, plain, &mut key);
            let n_both = n_left.and_then(|_| read_part(right, plain, &mut key));
            let (Some(n_left), Some(_)) = (n_left, n_both) else {
                return Err(wrong("is not spelled as the tokens are"));
            };
            let mut number = |part: Option<&[u8]>| number(part.unwrap_or(&[]), vocab, parts);
            let (left, right) = (number(key.get(..n_left)), number(key.get(n_left..)));
            // Tokens are mostly in the order of their merges, some of several: no search for those.
            let id = match [last, last + 1].into_iter().find(|id| vocab.is_key(*id, &key)) {
                Some(id) => id,
                None => number(Some(&key)),
            };
            last = id;
            table.insert(Slot { left, right, merged: Merged { badness: rank, id } });
        }
        Ok(table)
    }

    fn start(&self, left: u32, right: u32) -> usize {
        let hash = mix(u64::from(left) << 32 | u64::from(right), 0xa076_1d64_78bd_642f);
        hash as u32 as usize
    }

    /// The first of several equal merges counts.
    fn insert(&mut self, new: Slot) {
        let start = self.start(new.left, new.right);
        let mask = self.slots.len() - 1;
        for step in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(start.wrapping_add(step) & mask) else {
                return;
            };
            if slot.left == NONE {
                *slot = new;
                return;
            }
            if (slot.left, slot.right) == (new.left, new.right) {
                return;
            }
        }
    }

    #[inline]
    fn get(&self, left: u32, right: u32) -> Option<Merged> {
        let start = self.start(left, right);
        let mask = self.slots.len() - 1;
        for step in 0..self.slots.len() {
            let slot = self.slots.get(start.wrapping_add(step) & mask)?;
            if slot.left == NONE {
                return None;
            }
            if (slot.left, slot.right) == (left, right) {
                return Some(slot.merged);
            }
        }
        None
    }
}

/// The number of a part of a merge: its token, or the next number after the vocabulary.
fn number(part: &[u8], vocab: &Vocab, parts: &mut HashMap<Vec<u8>, u32>) -> u32 {
    if let Some(id) = vocab.find(part).or_else(|| parts.get(part).copied()) {
        return id;
    }
    // At most three parts a merge; both counts are limited far below 2^32.
    let new = u32::try_from(vocab.len() + parts.len()).unwrap_or(NONE);
    parts.insert(part.to_vec(), new);
    new
}

/// Appends one part of a merge as a key of the vocabulary; the length of all that is written.
fn read_part(part: &[u8], plain: bool, key: &mut Vec<u8>) -> Option<usize> {
    if plain {
        key.extend_from_slice(part);
    } else if !crate::bytes::unspell(part, key) {
        return None;
    }
    Some(key.len())
}
