// Q2_K: 256 weights in 84 bytes, seen here as three planes per row.
//
//   plane 0: 64 bytes per block; every 32 bytes hold 128 weights, 32 per pair of bits
//   plane 1: 16 bytes per block: scale (low nibble) and min (high) of each 16 weights
//   plane 2: d and dmin (f16 each) per block
//   w[i] = d · scale[i / 16] · q[i] − dmin · min[i / 16]
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    let n_blocks = P.n_units >> 3u;
    let b = g >> 4u;
    let i = g & 15u;
    let c = byte_at(row + 4u * n_blocks, g);
    let d = unpack2x16float(word(row + 5u * n_blocks, b));
    let v = w[row + 4u * b + 2u * (i >> 3u) + (i & 1u)];
    return Codes((v >> vec4<u32>(i & 6u)) & TWO_BITS, d * vec2<f32>(f32(c & 15u), -f32(c >> 4u)));
}
