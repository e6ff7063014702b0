// Q8_0: 32 weights in 34 bytes, seen here as two planes per row.
//
//   plane 0: 32 signed bytes per block
//   plane 1: d (f16) per block
//   w[i] = d · q[i]
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    return Codes(w[row + g], vec2<f32>(half_at(row + 2u * P.n_units, g >> 1u), 0.0));
}
