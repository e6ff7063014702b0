//! A row of symbols that grow together pair by pair, best pair first, leftmost among equals.
//!
//! Both algorithms are this loop; they differ in what makes a pair good. Symbols are a linked list
//! in an array, each with what its pair with the next one would make; candidates are a heap of
//! `badness << 32 | position of the left symbol`. A candidate may be out of date when it comes up:
//! then its badness is not the one of the pair that is at its position now, and it is skipped, as
//! the change that made it so has pushed a candidate of its own. So n symbols cost O(n log n),
//! whatever they are, and no recursion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Number of "none".
pub(crate) const NONE: u32 = u32::MAX;

/// What a pair may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Smaller is merged earlier; [`NONE`] never.
    pub badness: u32,
    pub id: u32,
}

impl Merged {
    pub const NEVER: Merged = Merged { badness: NONE, id: NONE };
}

/// A pair that is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub left: u32,
    pub right: u32,
    /// Bytes of both in the text of the row.
    pub bytes: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Symbol {
    /// Token, or [`NONE`].
    id: u32,
    /// First byte in the text.
    start: u32,
    prev: u32,
    next: u32,
    /// Of the pair with the next symbol.
    merged: Merged,
}

/// Memory for symbols and candidates, used again for every word.
#[derive(Debug, Default)]
pub(crate) struct Row {
    symbols: Vec<Symbol>,
    n_bytes: u32,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Row {
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.n_bytes = 0;
    }

    /// Appends the next symbol of the text.
    pub fn push(&mut self, id: u32, n_bytes: usize) {
        // Positions fit: a text is cut to MAX_ROW_BYTES before it comes here.
        let at = u32::try_from(self.symbols.len()).unwrap_or(NONE);
        if let Some(last) = self.symbols.last_mut() {
            last.next = at;
        }
        let prev = at.checked_sub(1).unwrap_or(NONE);
        let start = self.n_bytes;
        self.symbols.push(Symbol { id, start, prev, next: NONE, merged: Merged::NEVER });
        self.n_bytes += u32::try_from(n_bytes).unwrap_or(NONE);
    }

    /// Symbols that are left, in order, each with its bytes.
    pub fn symbols(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let symbol = self.get(at)?;
            at = symbol.next;
            Some((symbol.id, symbol.start as usize..self.start_of(at)))
        })
    }

    /// Merges pairs as long as `rule` makes something of one.
    pub fn merge(&mut self, rule: impl Fn(Pair) -> Option<Merged>) {
        let mut found = std::mem::take(&mut self.heap).into_vec();
        found.clear();
        for at in 0..u32::try_from(self.symbols.len()).unwrap_or(NONE) {
            found.extend(self.ask(at, &rule));
        }
        self.heap = BinaryHeap::from(found);
        while let Some(Reverse(top)) = self.heap.pop() {
            let (badness, at) = ((top >> 32) as u32, top as u32);
            let left = self.get(at).filter(|left| left.merged.badness == badness).copied();
            if let Some(left) = left {
                self.apply(at, left, &rule);
            }
        }
    }

    fn get(&self, at: u32) -> Option<&Symbol> {
        self.symbols.get(at as usize)
    }

    /// First byte of a symbol; of none, the end of the text.
    fn start_of(&self, at: u32) -> usize {
        self.get(at).map_or(self.n_bytes, |symbol| symbol.start) as usize
    }

    /// Merges the symbol at a position with the next one.
    fn apply(&mut self, at: u32, left: Symbol, rule: &impl Fn(Pair) -> Option<Merged>) {
        let Some(right) = self.symbols.get_mut(left.next as usize) else {
            return;
        };
        // No candidate of it is good any more.
        right.merged = Merged::NEVER;
        let next = right.next;
        if let Some(after) = self.symbols.get_mut(next as usize) {
            after.prev = at;
        }
        if let Some(place) = self.symbols.get_mut(at as usize) {
            *place = Symbol { id: left.merged.id, next, merged: Merged::NEVER, ..left };
        }
        let new = [self.ask(left.prev, rule), self.ask(at, rule)];
        self.heap.extend(new.into_iter().flatten());
    }

    /// Asks what a symbol and the next one make; the candidate, if they make something.
    fn ask(&mut self, at: u32, rule: &impl Fn(Pair) -> Option<Merged>) -> Option<Reverse<u64>> {
        let left = self.get(at)?;
        let right = self.get(left.next)?;
        let bytes = left.start as usize..self.start_of(right.next);
        let merged = rule(Pair { left: left.id, right: right.id, bytes }).unwrap_or(Merged::NEVER);
        self.symbols.get_mut(at as usize)?.merged = merged;
        let key = u64::from(merged.badness) << 32 | u64::from(at);
        (merged.badness != NONE).then_some(Reverse(key))
    }
}

/// Longest text for one row: positions are 32 bits, and marking spaces may make it three times as
/// long.
pub(crate) const MAX_ROW_BYTES: usize = 1 << 30;

/// Cuts a text to parts that fit a row.
pub(crate) fn row_sized(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = rest.len().min(MAX_ROW_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, after) = rest.split_at_checked(end)?;
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}
