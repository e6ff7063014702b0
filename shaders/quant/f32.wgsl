// F32: one plane of 4-byte floats.
//
//   w[i] = q[i]
//@use lib/weights

fn weights_Q(row: u32, g: u32) -> Weights {
    let at = row + 4u * g;
    let q = mat4x4<f32>(bitcast<vec4<f32>>(w[at]), bitcast<vec4<f32>>(w[at + 1u]),
                        bitcast<vec4<f32>>(w[at + 2u]), bitcast<vec4<f32>>(w[at + 3u]));
    return Weights(q, AS_THEY_ARE);
}
