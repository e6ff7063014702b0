// IQ4_XS: 256 weights in 136 bytes, seen here as two planes per row, with a non-linear table.
//
//   plane 0: 128 bytes per block: 16 bytes per 32 weights, nibbles as in Q4_0
//   plane 1: 8 bytes per block: d (f16), 8 × the high 2 bits and 8 × the low 4 bits of the scales
//   w[i] = d · (scale[i / 32] − 32) · table[q[i]]
//@use lib/word

// -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
const TABLE_Q = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
//@use lib/table as Q

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    let plane = row + P.n_units;
    let head = word(plane, 2u * (g >> 4u));
    let j = (g >> 1u) & 7u;
    let low = (word(plane, 2u * (g >> 4u) + 1u) >> (4u * j)) & 15u;
    let high = (head >> (16u + 2u * j)) & 3u;
    return vec2<f32>(unpack2x16float(head).x * (f32(low | (high << 4u)) - 32.0), 0.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    return looked_up16_Q(w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u)));
}
