// The weights, a buffer of 16-byte words, and how smaller things are read out of it.
//
// `base` counts 16-byte words (a row or plane starts at one); `i` counts items from there.

@group(0) @binding(2) var<storage, read> w: array<vec4<u32>>;

fn word(base: u32, i: u32) -> u32 {
    return w[base + (i >> 2u)][i & 3u];
}

fn half_at(base: u32, i: u32) -> f32 {
    return unpack2x16float(word(base, i >> 1u))[i & 1u];
}

fn byte_at(base: u32, i: u32) -> u32 {
    return (word(base, i >> 2u) >> (8u * (i & 3u))) & 0xffu;
}

// 16-byte words that hold `n` bytes.
fn words16(n: u32) -> u32 {
    return (n + 15u) >> 4u;
}
