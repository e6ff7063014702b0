// Reads smaller things out of the weights `w`, a buffer of 16-byte words.
//
// `base` counts 16-byte words (a row or plane starts at one); `i` counts items from there.

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

fn bytes(c: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(c) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu));
}

fn signed_bytes(c: u32) -> vec4<f32> {
    let left = vec4<i32>(vec4<u32>(c) << vec4<u32>(24u, 16u, 8u, 0u));
    return vec4<f32>(left >> vec4<u32>(24u));
}

fn bytes16(v: vec4<u32>) -> mat4x4<f32> {
    return mat4x4<f32>(bytes(v.x), bytes(v.y), bytes(v.z), bytes(v.w));
}

// The low nibbles of 16 bytes.
fn nibbles16(v: vec4<u32>) -> mat4x4<f32> {
    return bytes16(v & vec4<u32>(0x0f0f0f0fu));
}

// Bits 0..16 of `b`, spread to one byte each.
fn bits16(b: u32) -> vec4<u32> {
    let n = (vec4<u32>(b) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(0xfu);
    let spread = n * vec4<u32>(0x00204081u);
    return spread & vec4<u32>(0x01010101u);
}
