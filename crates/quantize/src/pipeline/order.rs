//! Things that were numbered, done in any order, and are wanted in the order of their numbers.

use std::collections::BTreeMap;

/// What came too early, and what is next.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    waiting: BTreeMap<usize, T>,
    next: usize,
}

impl<T> InOrder<T> {
    pub fn new() -> Self {
        InOrder { waiting: BTreeMap::new(), next: 0 }
    }

    /// How many came out.
    pub fn next(&self) -> usize {
        self.next
    }

    /// Takes number `number` and gives what is complete up to there.
    pub fn push(&mut self, number: usize, thing: T) -> Vec<T> {
        self.waiting.insert(number, thing);
        let mut out = Vec::new();
        while let Some(thing) = self.waiting.remove(&self.next) {
            out.push(thing);
            self.next += 1;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_in_order() {
        let mut order = InOrder::new();
        let pushed: Vec<Vec<usize>> = [2, 0, 1, 4, 3].map(|n| order.push(n, n)).into();
        assert_eq!(pushed, [vec![], vec![0], vec![1, 2], vec![], vec![3, 4]]);
    }
}
