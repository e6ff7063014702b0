// Rows of x in floats, sixteen elements at a time.

@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;

fn x16(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}
