// Q4_K: 256 weights in 144 bytes, used as they are: nine 16-byte words per block.
//
//   word 0: d, dmin and the 6-bit scales and mins
//   words 1..9: nibbles; every 32 bytes hold 64 weights, 32 low nibbles first
//   w[i] = d · scale[i / 32] · q[i] − dmin · min[i / 32]
//@use lib/codes as Q
//@use lib/k_scales

fn codes_Q(row: u32, g: u32) -> Codes {
    let block = row + 9u * (g >> 4u);
    let i = g & 15u;
    let v = w[block + 1u + 2u * (i >> 2u) + (i & 1u)];
    return Codes(low_nibbles(v >> vec4<u32>(2u * (i & 2u))), k_scale(w[block], i >> 1u));
}
