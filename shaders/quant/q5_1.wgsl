// Q5_1: 32 weights in 24 bytes, seen here as three planes per row.
//
//   plane 0: 16 bytes per block; byte j holds the low 4 bits of weights j and j + 16
//   plane 1: 32 bits per block; bit i is the fifth bit of weight i
//   plane 2: d and m (f16 each) per block
//   w[i] = d · q[i] + m
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return unpack2x16float(word(row + P.n_units + words16(4u * P.n_units), g >> 1u));
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let low = (w[row + (g >> 1u)] >> vec4<u32>(4u * (g & 1u))) & vec4<u32>(0x0f0f0f0fu);
    let fifth = bits16(word(row + P.n_units, g >> 1u) >> (16u * (g & 1u)));
    return bytes16(low | (fifth << vec4<u32>(4u)));
}
