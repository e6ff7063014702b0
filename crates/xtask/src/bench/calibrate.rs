//! How fast this machine reads memory right now.
//!
//! Decoding is reading, so this is what a number of tokens per second depends on when something
//! else runs on the machine. Two buffers larger than any cache are compared: the standard library
//! hands that to the C library's `memcmp`, which reads at full speed in a debug build too. It is a
//! yardstick between runs; `ingle bench` has the rooflines.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Of each of a thread's two buffers. Together they are above the last-level caches of today's
/// server processors' share for a few cores.
const BUFFER_BYTES: usize = 96 << 20;

/// The best of so many passes: a pass during which another program ran is not this machine's rate.
const N_PASSES: usize = 6;

/// Buffers of every thread, filled once.
pub struct Yardstick {
    buffers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Yardstick {
    pub fn new(n_threads: usize) -> Yardstick {
        // Not zero, so that every page is a page of its own and not the shared empty one.
        let pair = || (vec![7u8; BUFFER_BYTES], vec![7u8; BUFFER_BYTES]);
        Yardstick { buffers: (0..n_threads.max(1)).map(|_| pair()).collect() }
    }

    /// Bytes read per second by all threads together, in 10⁹.
    pub fn gb_per_s(&self) -> f64 {
        (0..N_PASSES).map(|_| self.pass()).fold(0.0, f64::max)
    }

    fn pass(&self) -> f64 {
        let start = Instant::now();
        thread::scope(|scope| {
            for (a, b) in &self.buffers {
                scope.spawn(move || black_box(black_box(a) == black_box(b)));
            }
        });
        let n_bytes = (2 * BUFFER_BYTES * self.buffers.len()) as f64;
        n_bytes / start.elapsed().as_secs_f64() / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_a_speed() {
        let rate = Yardstick { buffers: vec![(vec![1; 1 << 20], vec![1; 1 << 20])] }.gb_per_s();
        assert!(rate > 0.01 && rate.is_finite(), "{rate} GB/s");
    }
}
