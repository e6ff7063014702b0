// Sixteen nibbles through the format's table of 16 values.

fn looked_up_Q(c: u32) -> vec4<f32> {
    return vec4<f32>(TABLE_Q[c & 15u], TABLE_Q[(c >> 8u) & 15u],
                     TABLE_Q[(c >> 16u) & 15u], TABLE_Q[(c >> 24u) & 15u]);
}

fn looked_up16_Q(v: vec4<u32>) -> mat4x4<f32> {
    return mat4x4<f32>(looked_up_Q(v.x), looked_up_Q(v.y), looked_up_Q(v.z), looked_up_Q(v.w));
}
