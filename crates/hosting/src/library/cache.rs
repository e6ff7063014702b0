//! A small cache that forgets what came first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// At most so many values; the oldest makes room.
#[derive(Debug)]
pub struct Cache<K, V> {
    most: usize,
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// An empty cache of at most `most` values.
    pub fn new(most: usize) -> Cache<K, V> {
        Cache { most, values: HashMap::new(), order: VecDeque::new() }
    }

    /// A copy of the value.
    pub fn get(&self, key: &K) -> Option<V> {
        self.values.get(key).cloned()
    }

    /// Keeps a value.
    pub fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut cache = Cache::new(2);
        for (key, value) in [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd')] {
            cache.put(key, value);
        }
        assert_eq!([1, 2, 3].map(|key| cache.get(&key)), [None, Some('b'), Some('d')]);
    }
}
