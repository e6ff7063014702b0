// Sixteen weights of an integer format: w[i] = s.x · q[i] + s.y.
//
// The q are signed bytes, four to a word, weight 0 in the lowest byte of q.x: what integer dot
// products take. They are made four at a time, for all sixteen in a few operations.

struct Codes {
    q: vec4<u32>,
    s: vec2<f32>,
}

const ONE_BIT = vec4<u32>(0x01010101u);
const TWO_BITS = vec4<u32>(0x03030303u);

// The half of a 32-block's 16 bytes of nibbles that group `g` has, as low nibbles.
fn half_block(row: u32, g: u32) -> vec4<u32> {
    return w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u));
}

fn low_nibbles(v: vec4<u32>) -> vec4<u32> {
    return v & vec4<u32>(0x0f0f0f0fu);
}

fn signed_bytes(c: u32) -> vec4<f32> {
    let left = vec4<i32>(vec4<u32>(c) << vec4<u32>(24u, 16u, 8u, 0u));
    return vec4<f32>(left >> vec4<u32>(24u));
}
