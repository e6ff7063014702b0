// BF16: one plane of the upper halves of f32.
//
//   w[i] = f32 with bits q[i] << 16
//@use lib/weights

fn upper_Q(lo: u32, hi: u32) -> vec4<f32> {
    let bits = vec4<u32>(lo << 16u, lo & 0xffff0000u, hi << 16u, hi & 0xffff0000u);
    return bitcast<vec4<f32>>(bits);
}

fn weights_Q(row: u32, g: u32) -> Weights {
    let a = w[row + 2u * g];
    let b = w[row + 2u * g + 1u];
    return Weights(mat4x4<f32>(upper_Q(a.x, a.y), upper_Q(a.z, a.w),
                               upper_Q(b.x, b.y), upper_Q(b.z, b.w)), AS_THEY_ARE);
}
