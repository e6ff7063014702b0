// 32 inputs, 32 weights, and their product in floats.
//
//   Σ (d·q + m)·x = d·Σ q·x + m·Σ x   for each half of 16 weights
//@use lib/vec16

struct Unit {
    a: mat4x4<f32>,      // columns 0..16
    b: mat4x4<f32>,      // columns 16..32
    sum: vec2<f32>,      // Σ of each half
    squares: f32,        // Σ x² before the gain
}

struct Held {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    s: vec4<f32>,        // scale and offset of each half
}

fn unit_of(a: mat4x4<f32>, b: mat4x4<f32>, squares: f32) -> Unit {
    return Unit(a, b, vec2<f32>(sum16(a), sum16(b)), squares);
}

fn dot16(q: mat4x4<f32>, x: mat4x4<f32>) -> f32 {
    return dot(q[0], x[0]) + dot(q[1], x[1]) + dot(q[2], x[2]) + dot(q[3], x[3]);
}

fn times(w: Held, x: Unit) -> f32 {
    let first = w.s.x * dot16(w.a, x.a) + w.s.y * x.sum.x;
    return first + (w.s.z * dot16(w.b, x.b) + w.s.w * x.sum.y);
}
