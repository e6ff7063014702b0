// F32: one plane of 4-byte floats.
//
//   w[i] = q[i]

fn scale_Q(row: u32, g: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn quants_Q(row: u32, g: u32) -> mat4x4<f32> {
    let at = row + 4u * g;
    return mat4x4<f32>(bitcast<vec4<f32>>(w[at]), bitcast<vec4<f32>>(w[at + 1u]),
                       bitcast<vec4<f32>>(w[at + 2u]), bitcast<vec4<f32>>(w[at + 3u]));
}
