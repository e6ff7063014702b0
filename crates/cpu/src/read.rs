//! A loop that only reads, as fast as the machine lets it: the measure of its read bandwidth.
//!
//! Eight lines a step with a sum each, so that adding never waits for adding. The loop is written
//! once and compiled for each width of registers; it has no intrinsics but the prefetch.

/// Bytes of a cache line, and of one load step.
pub const LINE: usize = 64;

/// Lines per step.
const N_LINES: usize = 8;

/// Words per line.
const N_WORDS: usize = LINE / 8;

/// How far ahead lines are fetched, as the kernels do.
#[cfg(target_arch = "x86_64")]
const AHEAD_BYTES: usize = 4096;

/// Adds up all bytes, by words; `ahead` fetches lines before they are used, where that exists.
pub fn sum(bytes: &[u8], ahead: bool) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: detected.
            return unsafe { sum_avx512(bytes, ahead) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: detected.
            return unsafe { sum_avx2(bytes, ahead) };
        }
    }
    add_up(bytes, ahead)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn sum_avx512(bytes: &[u8], ahead: bool) -> u64 {
    add_up(bytes, ahead)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(bytes: &[u8], ahead: bool) -> u64 {
    add_up(bytes, ahead)
}

#[inline(always)]
fn add_up(bytes: &[u8], ahead: bool) -> u64 {
    let mut sums = [[0u64; N_WORDS]; N_LINES];
    let (steps, rest) = bytes.as_chunks::<{ N_LINES * LINE }>();
    for step in steps {
        let (lines, _) = step.as_chunks::<LINE>();
        for (sum, line) in sums.iter_mut().zip(lines) {
            if ahead {
                fetch(line);
            }
            let (words, _) = line.as_chunks::<8>();
            for (sum, word) in sum.iter_mut().zip(words) {
                *sum = sum.wrapping_add(u64::from_ne_bytes(*word));
            }
        }
    }
    let all = sums.as_flattened().iter().fold(0, |all: u64, sum| all.wrapping_add(*sum));
    rest.iter().fold(all, |all, &byte| all.wrapping_add(u64::from(byte)))
}

/// Asks for memory that will be read soon, where the machine can be asked; it need not exist.
pub fn prefetch(start: *const u8, n_bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..n_bytes).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing; its address may be anything.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, n_bytes);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fetch(line: &[u8; LINE]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing; its address may be anything.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().wrapping_add(AHEAD_BYTES).cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn fetch(_: &[u8; LINE]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read() {
        // With sums of words, each byte counts by its place in its word.
        for n in [0, 1, 63, 64, 511, 512, 513, 4096 + 7] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 31 % 251) as u8).collect();
            let whole = n / (N_LINES * LINE) * N_LINES * LINE;
            let words: u64 = bytes[..whole]
                .chunks_exact(8)
                .map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default()))
                .fold(0, u64::wrapping_add);
            let tail: u64 = bytes[whole..].iter().map(|&b| u64::from(b)).sum();
            for ahead in [false, true] {
                assert_eq!(sum(&bytes, ahead), words.wrapping_add(tail), "{n} bytes");
                assert_eq!(add_up(&bytes, ahead), words.wrapping_add(tail));
            }
        }
    }
}
