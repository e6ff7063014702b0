// Q2_K: 256 weights in 84 bytes, seen here as three planes per row.
//
//   plane 0: 64 bytes per block; every 32 bytes hold 128 weights, 32 per pair of bits
//   plane 1: 16 bytes per block: scale (low nibble) and min (high) of each 16 weights
//   plane 2: d and dmin (f16 each) per block
//   w[i] = d · scale[i / 16] · q[i] − dmin · min[i / 16]
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    let n_blocks = P.n_units >> 3u;
    let c = byte_at(row + 4u * n_blocks, g);
    let d = unpack2x16float(word(row + 5u * n_blocks, g >> 4u));
    return vec2<f32>(d.x * f32(c & 15u), -d.y * f32(c >> 4u));
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let i = g & 15u;
    let v = w[row + 4u * (g >> 4u) + 2u * (i >> 3u) + (i & 1u)];
    return bytes16((v >> vec4<u32>(i & 6u)) & vec4<u32>(0x03030303u));
}
