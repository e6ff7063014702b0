//! What a power cut leaves of bytes that were not synced.

/// Bytes that a disk writes at once, or not at all.
const BLOCK: usize = 512;

/// The next number of a small generator (SplitMix64), good enough to choose blocks.
pub(super) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `new` where the seed says so, else `old`, else zeros; block by block.
pub(super) fn tear(old: &[u8], new: &[u8], random: &mut u64) -> Vec<u8> {
    let len = match next(random) % 2 {
        0 => new.len(),
        _ => old.len(),
    };
    let mut torn = vec![0; len];
    for (i, block) in torn.chunks_mut(BLOCK).enumerate() {
        let source = if next(random).is_multiple_of(2) { new } else { old };
        let source = source.get(i * BLOCK..).unwrap_or(&[]);
        let n = source.len().min(block.len());
        if let (Some(to), Some(from)) = (block.get_mut(..n), source.get(..n)) {
            to.copy_from_slice(from);
        }
    }
    torn
}
