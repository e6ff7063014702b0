//! A row of symbols that grow together pair by pair, best pair first, leftmost among equals.
//!
//! Both algorithms are this loop; they differ in what makes a pair good. Symbols are a linked list in
//! an array, candidates a heap of `badness << 32 | position of the left symbol`. A candidate may be
//! out of date when it comes up: then the pair at that position is looked at again, and if its
//! badness is not the one of the candidate it is skipped, as the change that made it so has pushed a
//! candidate of its own. So n symbols cost O(n log n), whatever they are, and no recursion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Number of "none".
pub(crate) const NONE: u32 = u32::MAX;

/// A symbol; `len` 0 means that it has become part of the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    /// Token, or [`NONE`].
    pub id: u32,
    /// First byte in the text.
    pub start: u32,
    pub len: u32,
    prev: u32,
    next: u32,
}

impl Symbol {
    /// Its bytes in the text of the row.
    pub fn bytes_in(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..(self.start + self.len) as usize)
            .unwrap_or(&[])
    }
}

/// Memory for symbols and candidates, used again for every word.
#[derive(Debug, Default)]
pub(crate) struct Row {
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Reverse<u64>>,
}

/// A pair that may be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Smaller is merged earlier.
    pub badness: u32,
    pub id: u32,
}

impl Row {
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.heap.clear();
    }

    /// Appends the next symbol of the text.
    pub fn push(&mut self, id: u32, len: u32) {
        let at = index(self.symbols.len());
        let start = self.symbols.last().map_or(0, |last| last.start + last.len);
        if let Some(last) = self.symbols.last_mut() {
            last.next = at;
        }
        let prev = if at == 0 { NONE } else { at - 1 };
        self.symbols.push(Symbol {
            id,
            start,
            len,
            prev,
            next: NONE,
        });
    }

    /// Symbols that are left, in order.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    /// Merges pairs while `pair` has an answer for one.
    pub fn merge(&mut self, pair: impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        let mut found = std::mem::take(&mut self.heap).into_vec();
        found.clear();
        for (at, both) in self.symbols.windows(2).enumerate() {
            if let [left, right] = both
                && let Some(merged) = pair(left, right)
            {
                found.push(candidate(merged, index(at)));
            }
        }
        self.heap = BinaryHeap::from(found);
        while let Some(Reverse(top)) = self.heap.pop() {
            self.apply(top, &pair);
        }
    }

    fn get(&self, at: u32) -> Option<&Symbol> {
        self.symbols.get(at as usize)
    }

    /// Merges the pair at a candidate's position if it is still the pair the candidate was for.
    fn apply(&mut self, top: u64, pair: &impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        let (badness, at) = ((top >> 32) as u32, top as u32);
        let Some(left) = self.get(at).filter(|left| left.len > 0).copied() else {
            return;
        };
        let Some(right) = self.get(left.next).copied() else {
            return;
        };
        let Some(merged) = pair(&left, &right).filter(|merged| merged.badness == badness) else {
            return;
        };
        let grown = Symbol {
            id: merged.id,
            len: left.len + right.len,
            next: right.next,
            ..left
        };
        if let Some(place) = self.symbols.get_mut(at as usize) {
            *place = grown;
        }
        if let Some(place) = self.symbols.get_mut(left.next as usize) {
            place.len = 0;
        }
        if let Some(place) = self.symbols.get_mut(right.next as usize) {
            place.prev = at;
        }
        if let Some(before) = self.get(grown.prev).copied() {
            self.consider(grown.prev, &before, &grown, pair);
        }
        if let Some(after) = self.get(grown.next).copied() {
            self.consider(at, &grown, &after, pair);
        }
    }

    fn consider(
        &mut self,
        at: u32,
        left: &Symbol,
        right: &Symbol,
        pair: &impl Fn(&Symbol, &Symbol) -> Option<Merged>,
    ) {
        if let Some(merged) = pair(left, right) {
            self.heap.push(candidate(merged, at));
        }
    }
}

fn candidate(merged: Merged, at: u32) -> Reverse<u64> {
    Reverse(u64::from(merged.badness) << 32 | u64::from(at))
}

/// Positions fit: a text is cut to [`MAX_ROW_BYTES`] before it comes here.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
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
