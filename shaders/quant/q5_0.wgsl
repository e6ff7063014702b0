// Q5_0: 32 weights in 22 bytes, seen here as three planes per row.
//
//   plane 0: 16 bytes per block; byte j holds the low 4 bits of weights j and j + 16
//   plane 1: 32 bits per block; bit i is the fifth bit of weight i
//   plane 2: d (f16) per block
//   w[i] = d · (q[i] − 16)
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    let plane = row + P.n_units + words16(4u * P.n_units);
    return half_at(plane, g >> 1u) * vec2<f32>(1.0, -16.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let low = (w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u))) & vec4<u32>(0x0f0f0f0fu);
    let fifth = bits16(word(row + P.n_units, g >> 1u) >> (16u * (g & 1u)));
    return bytes16(low | (fifth << vec4<u32>(4u)));
}
