// Input of a matrix–vector product: x as it is.
//@use lib/unit

@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;

fn begin(ids: Ids) {}

fn x16(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}

fn load(u: u32, group: u32) -> Unit {
    let at = S.row * P.x_stride + 8u * u;
    let a = x16(at);
    let b = x16(at + 4u);
    return Unit(a, b, vec2<f32>(sum16(a), sum16(b)), 0.0);
}

fn norm_scale() -> f32 {
    return 1.0;
}
