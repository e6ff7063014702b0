// IQ4_XS: 256 weights in 136 bytes, seen here as two planes per row, with a non-linear table.
//
//   plane 0: 128 bytes per block: 16 bytes per 32 weights, nibbles as in Q4_0
//   plane 1: 8 bytes per block: d (f16), 8 × the high 2 bits and 8 × the low 4 bits of the scales
//   w[i] = d · (scale[i / 32] − 32) · table[q[i]]
//@use lib/word

const TABLE_Q = array<f32, 16>(-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0,
                               1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0);
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
