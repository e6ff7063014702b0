//! Many byte strings in one allocation, and an index from string to number over them.
//!
//! A quarter of a million `String`s and a `HashMap` of them would cost three allocations' worth of
//! headers per token and most of the load time. The index holds positions and no keys; its hash is
//! a multiply and a fold, which is enough where the worst a hostile file can do is slow its own
//! loading, and that is bounded by [`MAX_PROBES`].

/// Byte strings by number.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    /// End of each string.
    ends: Vec<u32>,
}

impl Arena {
    pub fn with_capacity(n_strings: usize, n_bytes: usize) -> Self {
        Arena { bytes: Vec::with_capacity(n_bytes), ends: Vec::with_capacity(n_strings) }
    }

    /// Appends a string that `write` writes; what it returns is passed on.
    pub fn push_with<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let result = write(&mut self.bytes);
        // The sum of all tokens is limited far below 4 GiB.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        result
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// String number `id`.
    #[inline]
    pub fn get(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let start = match id.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)? as usize,
        };
        self.bytes.get(start..*self.ends.get(id)? as usize)
    }
}

/// Longest search for a free place: more means that the hash was attacked, not that it is unlucky
/// (at a load of one half, 1,000 strings in a row have a probability below 1e-100).
const MAX_PROBES: usize = 4096;

/// From the strings of an arena to their numbers.
#[derive(Debug)]
pub(crate) struct Index {
    /// Hash (upper half of it) and number + 1; 0 is free. A power of two, at most half full.
    slots: Vec<(u32, u32)>,
}

impl Index {
    pub fn with_capacity(n_strings: usize) -> Self {
        Index { slots: vec![(0, 0); (2 * n_strings.max(1)).next_power_of_two()] }
    }

    /// Adds a string; of two equal strings the later one is found. False if there is no place.
    pub fn insert(&mut self, arena: &Arena, id: u32) -> bool {
        let Some(key) = arena.get(id) else {
            return false;
        };
        let (tag, start) = hash(key);
        for step in 0..MAX_PROBES.min(self.slots.len()) {
            let at = (start.wrapping_add(step)) & (self.slots.len() - 1);
            let Some(slot) = self.slots.get_mut(at) else {
                return false;
            };
            if slot.1 == 0 || (slot.0 == tag && arena.get(slot.1 - 1) == Some(key)) {
                *slot = (tag, id + 1);
                return true;
            }
        }
        false
    }

    /// The number of a string.
    #[inline]
    pub fn find(&self, arena: &Arena, key: &[u8]) -> Option<u32> {
        let (tag, start) = hash(key);
        for step in 0..MAX_PROBES {
            let at = (start.wrapping_add(step)) & (self.slots.len() - 1);
            let (slot_tag, number) = *self.slots.get(at)?;
            if number == 0 {
                return None;
            }
            if slot_tag == tag && arena.get(number - 1) == Some(key) {
                return Some(number - 1);
            }
        }
        None
    }
}

/// Odd, with no pattern in its bits (the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes two words by the two halves of their product.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b ^ MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A tag to compare and a place to start at.
#[inline]
fn hash(key: &[u8]) -> (u32, usize) {
    let mut state = mix(MULTIPLIER ^ key.len() as u64, 0xd6e8_feb8_6659_fd93);
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        state = mix(state ^ word, 0xa076_1d64_78bd_642f);
    }
    let rest = chunks.remainder().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let state = mix(state ^ rest, 0xe703_7ed1_a0b4_28db);
    ((state >> 32) as u32, state as u32 as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_by_their_bytes_and_the_later_of_two_equals_wins() {
        let mut arena = Arena::default();
        let words: Vec<String> = (0..1000).map(|i| format!("w{}", i % 900)).collect();
        for word in &words {
            arena.push_with(|out| out.extend_from_slice(word.as_bytes()));
        }
        let mut index = Index::with_capacity(arena.len());
        assert!((0..1000).all(|id| index.insert(&arena, id)));
        assert_eq!(index.find(&arena, b"w5"), Some(905));
        assert_eq!(index.find(&arena, b"w500"), Some(500));
        assert_eq!(index.find(&arena, b"w"), None);
        assert_eq!(arena.get(1000), None);
    }
}
