// Sixteen elements of a row at a time, as matrices of four columns.

fn sum16(m: mat4x4<f32>) -> f32 {
    let s = m[0] + m[1] + m[2] + m[3];
    return s.x + s.y + s.z + s.w;
}

fn squares16(m: mat4x4<f32>) -> f32 {
    return dot(m[0], m[0]) + dot(m[1], m[1]) + dot(m[2], m[2]) + dot(m[3], m[3]);
}

// Columns scaled one by one.
fn scaled(m: mat4x4<f32>, g: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(m[0] * g[0], m[1] * g[1], m[2] * g[2], m[3] * g[3]);
}
