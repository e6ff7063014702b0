// Nibbles through the format's table of 16 signed bytes, four to a word of TABLE.
//
// Selects and shifts and not an indexed array: a const array in the inner loop lands in memory on
// most GPUs, and its dynamic index makes compilation slow.

fn looked_up_Q(c: u32) -> vec4<f32> {
    let q = vec4<u32>(c) >> vec4<u32>(0u, 8u, 16u, 24u);
    let second = (q & vec4<u32>(4u)) != vec4<u32>(0u);
    let low = select(vec4<u32>(TABLE_Q.x), vec4<u32>(TABLE_Q.y), second);
    let high = select(vec4<u32>(TABLE_Q.z), vec4<u32>(TABLE_Q.w), second);
    let word = select(low, high, (q & vec4<u32>(8u)) != vec4<u32>(0u));
    let left = vec4<i32>(word << ((vec4<u32>(3u) - (q & vec4<u32>(3u))) * 8u));
    return vec4<f32>(left >> vec4<u32>(24u));
}

fn looked_up16_Q(v: vec4<u32>) -> mat4x4<f32> {
    return mat4x4<f32>(looked_up_Q(v.x), looked_up_Q(v.y), looked_up_Q(v.z), looked_up_Q(v.w));
}
