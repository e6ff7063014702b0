// 32 inputs to signed bytes with one scale: d = max|x| / 127, x' = round(x / d).
//
// In a matrix–vector product each thread does this in registers to the inputs it reads: a pass of
// its own would be one dispatch more, and it is cheaper than the float products it saves.
//@use lib/unit_int

fn largest16(m: mat4x4<f32>) -> f32 {
    let v = max(max(abs(m[0]), abs(m[1])), max(abs(m[2]), abs(m[3])));
    return max(max(v.x, v.y), max(v.z, v.w));
}

fn rounded4(v: vec4<f32>) -> u32 {
    return pack4xI8(vec4<i32>(round(v)));
}

fn rounded16(m: mat4x4<f32>, k: f32) -> vec4<u32> {
    return vec4<u32>(rounded4(m[0] * k), rounded4(m[1] * k),
                     rounded4(m[2] * k), rounded4(m[3] * k));
}

fn unit_of(a: mat4x4<f32>, b: mat4x4<f32>, squares: f32) -> Unit {
    let largest = max(largest16(a), largest16(b));
    // Below the smallest normal number the quotient would be infinite: such a unit counts as zero.
    let k = select(0.0, 127.0 / largest, largest > 1.2e-38);
    let qa = rounded16(a, k);
    let qb = rounded16(b, k);
    let ones = vec4<u32>(0x01010101u);
    let sums = vec2<f32>(vec2<i32>(dot16(ones, qa), dot16(ones, qb)));
    return Unit(qa, qb, largest / 127.0, sums, squares);
}
