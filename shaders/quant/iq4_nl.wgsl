// IQ4_NL: 32 weights in 18 bytes, seen here as two planes per row, with a non-linear table.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d (f16) per block
//   w[i] = d · table[q[i]]
//@use lib/word

const TABLE_Q = array<f32, 16>(-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0,
                               1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0);
//@use lib/table as Q

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return vec2<f32>(half_at(row + P.n_units, g >> 1u), 0.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    return looked_up16_Q(w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u)));
}
