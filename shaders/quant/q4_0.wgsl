// Q4_0: 32 weights in 18 bytes, seen here as two planes per row.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d (f16) per block
//   w[i] = d · (q[i] − 8)
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return half_at(row + P.n_units, g >> 1u) * vec2<f32>(1.0, -8.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    return nibbles16(w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u)));
}
