// IQ4_NL: 32 weights in 18 bytes, seen here as two planes per row, with a non-linear table.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d (f16) per block
//   w[i] = d · table[q[i]]
//@use lib/codes as Q

// -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
const TABLE_Q = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
//@use lib/table

fn codes_Q(row: u32, g: u32) -> Codes {
    let s = vec2<f32>(half_at(row + P.n_units, g >> 1u), 0.0);
    return Codes(looked_up(half_block(row, g), TABLE_Q), s);
}
