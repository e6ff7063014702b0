// Q4_1: 32 weights in 20 bytes, seen here as two planes per row.
//
//   plane 0: 16 bytes per block; byte j holds weight j (low nibble) and weight j + 16 (high)
//   plane 1: d and m (f16 each) per block
//   w[i] = d · q[i] + m
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    let s = unpack2x16float(word(row + P.n_units, g >> 1u));
    return Codes(low_nibbles(half_block(row, g)), s);
}
