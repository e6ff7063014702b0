// IQ4_XS: 256 weights in 136 bytes, seen here as two planes per row, with a non-linear table.
//
//   plane 0: 128 bytes per block: 16 bytes per 32 weights, nibbles as in Q4_0
//   plane 1: 8 bytes per block: d (f16), 8 × the high 2 bits and 8 × the low 4 bits of the scales
//   w[i] = d · (scale[i / 32] − 32) · table[q[i]]
//@use lib/codes as Q

// -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
const TABLE_Q = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
//@use lib/table

fn codes_Q(row: u32, g: u32) -> Codes {
    let plane = row + P.n_units;
    let head = word(plane, 2u * (g >> 4u));
    let j = (g >> 1u) & 7u;
    let low = (word(plane, 2u * (g >> 4u) + 1u) >> (4u * j)) & 15u;
    let high = (head >> (16u + 2u * j)) & 3u;
    let d = unpack2x16float(head).x * (f32(low | (high << 4u)) - 32.0);
    return Codes(looked_up(half_block(row, g), TABLE_Q), vec2<f32>(d, 0.0));
}
