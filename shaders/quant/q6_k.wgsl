// Q6_K: 256 weights in 210 bytes, seen here as two planes per row.
//
//   plane 0: thirteen 16-byte words per block
//     words 0..8: the low 4 bits; every 64 bytes hold 128 weights, 64 low nibbles first
//     words 8..12: the high 2 bits; every 32 bytes hold 128 weights, 32 per pair of bits
//     word 12: 16 signed scales
//   plane 1: d (f16) per block
//   w[i] = d · scale[i / 16] · (q[i] − 32)
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    let b = g >> 4u;
    let i = g & 15u;
    let block = row + 13u * b;
    let d = half_at(row + 13u * (P.n_units >> 3u), b);
    let scale = f32(i32(byte_at(block + 12u, i) << 24u) >> 24u);
    let low = low_nibbles(w[block + 4u * (i >> 3u) + (i & 3u)] >> vec4<u32>(i & 4u));
    let high = (w[block + 8u + 2u * (i >> 3u) + (i & 1u)] >> vec4<u32>(i & 6u)) & TWO_BITS;
    return Codes(low | (high << vec4<u32>(4u)), d * scale * vec2<f32>(1.0, -32.0));
}
