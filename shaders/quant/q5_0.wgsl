// Q5_0: 32 weights in 22 bytes, seen here as three planes per row.
//
//   plane 0: 16 bytes per block; byte j holds the low 4 bits of weights j and j + 16
//   plane 1: 32 bits per block; bit i is the fifth bit of weight i
//   plane 2: d (f16) per block
//   w[i] = d · (q[i] − 16)
//@use lib/codes as Q
//@use lib/five_bits

fn codes_Q(row: u32, g: u32) -> Codes {
    let s = half_at(row + P.n_units + words16(4u * P.n_units), g >> 1u) * vec2<f32>(1.0, -16.0);
    return Codes(five_bits(row, g), s);
}
