// Q5_K: 256 weights in 176 bytes, used as they are: eleven 16-byte words per block.
//
//   word 0: d, dmin and the 6-bit scales and mins
//   words 1..3: the fifth bits; bit k of byte j is that of weight 32·k + j
//   words 3..11: nibbles; every 32 bytes hold 64 weights, 32 low nibbles first
//   w[i] = d · scale[i / 32] · q[i] − dmin · min[i / 32]
//@use lib/codes as Q
//@use lib/k_scales

fn codes_Q(row: u32, g: u32) -> Codes {
    let block = row + 11u * (g >> 4u);
    let i = g & 15u;
    let v = w[block + 3u + 2u * (i >> 2u) + (i & 1u)];
    let fifth = (w[block + 1u + (i & 1u)] >> vec4<u32>(i >> 1u)) & ONE_BIT;
    let q = low_nibbles(v >> vec4<u32>(2u * (i & 2u))) | (fifth << vec4<u32>(4u));
    return Codes(q, k_scale(w[block], i >> 1u));
}
