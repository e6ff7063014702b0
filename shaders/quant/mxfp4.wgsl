// MXFP4: 32 weights in 17 bytes, seen here as two planes per row: 4-bit floats (E2M1).
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: the exponent e (E8M0) per block
//   w[i] = 2^(e − 128) · table[q[i]], the table holding twice the E2M1 values
//@use lib/codes as Q

// 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
const TABLE_Q = vec4<u32>(0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu);
//@use lib/table

fn codes_Q(row: u32, g: u32) -> Codes {
    let e = byte_at(row + P.n_units, g >> 1u);
    let bits = select((e - 1u) << 23u, 0x00200000u << e, e < 2u);
    return Codes(looked_up(half_block(row, g), TABLE_Q), vec2<f32>(bitcast<f32>(bits), 0.0));
}
