// Q5_K: 256 weights in 176 bytes, used as they are: eleven 16-byte words per block.
//
//   word 0: d, dmin and the 6-bit scales and mins
//   words 1..3: the fifth bits; bit k of byte j is that of weight 32·k + j
//   words 3..11: nibbles; every 32 bytes hold 64 weights, 32 low nibbles first
//   w[i] = d · scale[i / 32] · q[i] − dmin · min[i / 32]
//@use lib/word
//@use lib/k_scales

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return k_scale(w[row + 11u * (g >> 4u)], (g >> 1u) & 7u);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let base = row + 11u * (g >> 4u);
    let i = g & 15u;
    let v = w[base + 3u + 2u * (i >> 2u) + (i & 1u)];
    let low = (v >> vec4<u32>(2u * (i & 2u))) & vec4<u32>(0x0f0f0f0fu);
    let fifth = (w[base + 1u + (i & 1u)] >> vec4<u32>(i >> 1u)) & vec4<u32>(0x01010101u);
    return bytes16(low | (fifth << vec4<u32>(4u)));
}
