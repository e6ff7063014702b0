// Scale and min of 32 weights `j` (0..8) of a Q4_K or Q5_K block from its first 16 bytes.
//
//   h.x: d and dmin (f16 each); h.y, h.z, h.w: 8 × (scale, min), 6 bits each, in 12 bytes

fn k_scale(h: vec4<u32>, j: u32) -> vec2<f32> {
    let k = 8u * (j & 3u);
    var scale = (h.y >> k) & 63u;
    var least = (h.z >> k) & 63u;
    if (j >= 4u) {
        scale = ((h.w >> k) & 15u) | (((h.y >> (k + 6u)) & 3u) << 4u);
        least = ((h.w >> (k + 4u)) & 15u) | (((h.z >> (k + 6u)) & 3u) << 4u);
    }
    let d = unpack2x16float(h.x);
    return vec2<f32>(d.x * f32(scale), -d.y * f32(least));
}
