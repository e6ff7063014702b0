// Q8_0: 32 weights in 34 bytes, seen here as two planes per row.
//
//   plane 0: 32 signed bytes per block
//   plane 1: d (f16) per block
//   w[i] = d · q[i]
//@use lib/word

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return vec2<f32>(half_at(row + 2u * P.n_units, g >> 1u), 0.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let v = w[row + g];
    return mat4x4<f32>(signed_bytes(v.x), signed_bytes(v.y),
                       signed_bytes(v.z), signed_bytes(v.w));
}
