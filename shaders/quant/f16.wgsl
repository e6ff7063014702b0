// F16: one plane of 2-byte floats.
//
//   w[i] = q[i]
// `unpack2x16float` is in core WGSL: no shader-f16 is needed to read them.
//@use lib/weights

fn halves_Q(lo: u32, hi: u32) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(lo), unpack2x16float(hi));
}

fn weights_Q(row: u32, g: u32) -> Weights {
    let a = w[row + 2u * g];
    let b = w[row + 2u * g + 1u];
    return Weights(mat4x4<f32>(halves_Q(a.x, a.y), halves_Q(a.z, a.w),
                               halves_Q(b.x, b.y), halves_Q(b.z, b.w)), AS_THEY_ARE);
}
