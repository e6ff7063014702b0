//! Integers into the bits of a block: the opposite of the decoders' gathering.

use crate::k_quants::QK_K;
use crate::legacy::QK;

/// The first half into the low nibbles, the second into the high ones.
pub fn nibbles(q: &[u8; QK]) -> [u8; QK / 2] {
    std::array::from_fn(|i| q[i] & 15 | q[i + QK / 2] << 4)
}

/// Bit 4 of element `i` as bit `i` of a little-endian u32.
pub fn fifth_bits(q: &[u8; QK]) -> [u8; 4] {
    let bits = q.iter().enumerate().fold(0, |bits, (i, q)| bits | u32::from(q >> 4 & 1) << i);
    bits.to_le_bytes()
}

/// Low 2 bits of 256 integers: four planes of 32 bytes over each 128.
pub fn two_bits(q: &[u8; QK_K]) -> [u8; QK_K / 4] {
    std::array::from_fn(|i| {
        let at = |plane: usize| (q[i / 32 * 128 + plane * 32 + i % 32] & 3) << (2 * plane);
        at(0) | at(1) | at(2) | at(3)
    })
}

/// Low 4 bits of 256 integers: two planes of 32 bytes over each 64.
pub fn four_bits(q: &[u8; QK_K]) -> [u8; QK_K / 2] {
    std::array::from_fn(|i| {
        let start = i / 32 * 64 + i % 32;
        q[start] & 15 | q[start + 32] << 4
    })
}

/// Bit `bit` of 256 integers: eight planes of 32 bytes.
pub fn one_bit(q: &[u8; QK_K], bit: u32) -> [u8; QK_K / 8] {
    std::array::from_fn(|i| (0..8).fold(0, |byte, s| byte | (q[s * 32 + i] >> bit & 1) << s))
}
