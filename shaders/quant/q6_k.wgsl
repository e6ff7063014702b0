// Q6_K: 256 weights in 210 bytes, seen here as two planes per row.
//
//   plane 0: thirteen 16-byte words per block
//     words 0..8: the low 4 bits; every 64 bytes hold 128 weights, 64 low nibbles first
//     words 8..12: the high 2 bits; every 32 bytes hold 128 weights, 32 per pair of bits
//     word 12: 16 signed scales
//   plane 1: d (f16) per block
//   w[i] = d · scale[i / 16] · (q[i] − 32)
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    let b = g >> 4u;
    let d = half_at(row + 13u * (P.n_units >> 3u), b);
    let c = byte_at(row + 13u * b + 12u, g & 15u);
    return d * f32(i32(c << 24u) >> 24u) * vec2<f32>(1.0, -32.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let base = row + 13u * (g >> 4u);
    let i = g & 15u;
    let v = w[base + 4u * (i >> 3u) + (i & 3u)];
    let top = w[base + 8u + 2u * (i >> 3u) + (i & 1u)];
    let low = (v >> vec4<u32>(i & 4u)) & vec4<u32>(0x0f0f0f0fu);
    let high = (top >> vec4<u32>(i & 6u)) & vec4<u32>(0x03030303u);
    return bytes16(low | (high << vec4<u32>(4u)));
}
