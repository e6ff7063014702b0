// Q3_K: 256 weights in 110 bytes, seen here as four planes per row.
//
//   plane 0: 64 bytes per block: the low 2 bits, as in Q2_K
//   plane 1: 32 bytes per block: the third bit; bit k of byte j is that of weight 32·k + j
//   plane 2: 12 bytes per block: 16 scales of 6 bits (4 low bits first, then 2 high bits)
//   plane 3: d (f16) per block
//   w[i] = d · (scale[i / 16] − 32) · (q[i] − 4)
//@use lib/codes as Q

fn codes_Q(row: u32, g: u32) -> Codes {
    let n_blocks = P.n_units >> 3u;
    let b = g >> 4u;
    let i = g & 15u;
    let plane = row + 6u * n_blocks;
    let low_scale = (byte_at(plane, 12u * b + (i & 7u)) >> (4u * (i >> 3u))) & 15u;
    let high_scale = (byte_at(plane, 12u * b + 8u + (i & 3u)) >> (2u * (i >> 2u))) & 3u;
    let d = half_at(plane + words16(12u * n_blocks), b);
    let scale = f32(low_scale | (high_scale << 4u)) - 32.0;
    let low = (w[row + 4u * b + 2u * (i >> 3u) + (i & 1u)] >> vec4<u32>(i & 6u)) & TWO_BITS;
    let third = (w[row + 4u * n_blocks + 2u * b + (i & 1u)] >> vec4<u32>(i >> 1u)) & ONE_BIT;
    return Codes(low | (third << vec4<u32>(2u)), d * scale * vec2<f32>(1.0, -4.0));
}
