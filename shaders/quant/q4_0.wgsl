// Q4_0: 32 weights in 18 bytes, seen here as two planes per row.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d (f16) per block
//   w[i] = d · (q[i] − 8)
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    let s = half_at(row + P.n_units, g >> 1u) * vec2<f32>(1.0, -8.0);
    return Codes(low_nibbles(half_block(row, g)), s);
}
