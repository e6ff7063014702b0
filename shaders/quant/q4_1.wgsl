// Q4_1: 32 weights in 20 bytes, seen here as two planes per row.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d and m (f16 each) per block
//   w[i] = d · q[i] + m
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return unpack2x16float(word(row + P.n_units, g >> 1u));
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    return nibbles16(w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u)));
}
